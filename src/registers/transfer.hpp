// Import and export: files to rows, and rows to files.
//
// Import: a column or member that is missing leaves a row that exists as it is, and gives a new row its default. One
// that is there but empty (null in JSON) means "not set". Lines where every cell is empty are passed over.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "registers/store.hpp"

namespace tilsyn::registers {

inline constexpr std::size_t max_import_rows = 250'000;

// One line of the file (in JSON: one object, counted from 1), its values in their normal form.
struct Candidate {
    std::int64_t line = 0;
    std::string id;
    Fields fields;
    std::vector<Error> faults;
};

// A fault of the file as a whole is the error; faults of the header are those of its line.
Result<std::vector<Candidate>> read_csv_rows(const Register& target, std::string_view content);
Result<std::vector<Candidate>> read_json_rows(const Register& target, std::string_view content);

struct ImportPlan {
    ImportReport report;
    std::vector<Planned> changes;  // to be written only when no line is faulty
};
// Compares with what is there: which rows are new, changed or the same, and what does not go together.
Result<ImportPlan> plan_import(db::Connection& connection, const Register& target,
                               const std::vector<Candidate>& candidates);

// Rows in the given order, columns as declared; the same rows give the same bytes.
std::string write_csv_rows(const Register& target, const std::vector<RegisterRow>& rows, bool excel);
std::string write_json_rows(const Register& target, const std::vector<RegisterRow>& rows);

Error bad_id(std::string_view id);
std::string file_digest(std::string_view content);  // SHA-256, hex

}  // namespace tilsyn::registers
