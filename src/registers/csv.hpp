// CSV as RFC 4180 has it, and as spreadsheets write it: UTF-8 with or without BOM, separated by ',', ';' or tab (found
// in the first line, or told by a line "sep=;" before it), CRLF or LF.
//
// A cell that a spreadsheet would run as a formula (=, +, -, @, tab or carriage return first) is written with a '
// before it. The reader takes one ' away again from such a cell, so what is written is what is read.
#pragma once
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::registers {

inline constexpr std::size_t max_csv_bytes = 64u << 20;
inline constexpr std::size_t max_csv_cell_bytes = 1u << 20;
inline constexpr std::size_t max_csv_columns = 1000;

struct CsvRecord {
    std::int64_t line = 0;  // where it begins, from 1
    std::vector<std::string> cells;
    std::optional<Error> fault;  // then the cells are not to be used
};

// Reads one record after another from bytes that must outlive it.
class CsvReader {
  public:
    // Refuses what is no CSV at all: too large, UTF-16, Latin-1. The hint says what to do.
    static Result<CsvReader> open(std::string_view content);

    // The header is the first record. Blank lines are skipped; nullopt: no more. After a faulty line the next one is
    // read, except after a quotation mark that is never closed.
    std::optional<CsvRecord> next();
    char separator() const { return separator_; }

  private:
    explicit CsvReader(std::string_view content) : rest_(content) {}
    void detect_separator();
    bool end_of_line();  // steps over it
    void skip_line();
    std::optional<Error> cell(std::string& out);
    std::optional<Error> quoted_cell(std::string& out);

    std::string_view rest_;
    std::int64_t line_ = 1;
    char separator_ = ',';
};

enum class CsvStyle {
    plain,  // ',' and CRLF
    excel,  // BOM, ';' and CRLF: opens as a table with a double click where the decimal sign is a comma
};

class CsvWriter {
  public:
    explicit CsvWriter(CsvStyle style);
    void row(std::span<const std::string> cells);
    std::string take() { return std::move(out_); }

  private:
    char separator_;
    std::string out_;
};

}  // namespace tilsyn::registers
