#include "registers/csv.hpp"

#include <algorithm>

#include "base/text.hpp"

namespace tilsyn::registers {
namespace {

constexpr std::string_view bom = "\xEF\xBB\xBF";

// A formula for a spreadsheet, after any number of ' that we or somebody else put before it.
bool is_formula(std::string_view cell) {
    const auto first = cell.find_first_not_of('\'');
    return first != cell.npos && std::string_view("=+-@\t\r").find(cell[first]) != std::string_view::npos;
}

bool is_utf16(std::string_view content) {
    if (content.starts_with("\xFF\xFE") || content.starts_with("\xFE\xFF")) return true;
    return content.find('\0') != std::string_view::npos;  // without a mark, or no text at all
}

Error csv_fault(std::string_view key, Params params = {}) {
    return fail(Code::invalid, key, params).error;
}

}  // namespace

Result<CsvReader> CsvReader::open(std::string_view content) {
    if (content.size() > max_csv_bytes)
        return fail(Code::too_large, "registers.csv.file-too-large", {{"limit", std::to_string(max_csv_bytes >> 20)}});
    if (is_utf16(content)) return fail(Code::invalid, "registers.csv.utf16").hint("registers.csv.save-as-utf8");
    if (const auto wrong = first_invalid_utf8(content)) {
        const auto line = 1 + std::ranges::count(content.substr(0, *wrong), '\n');
        return fail(Code::invalid, "registers.csv.not-utf8", {{"line", std::to_string(line)}})
            .hint("registers.csv.save-as-utf8");
    }
    if (content.starts_with(bom)) content.remove_prefix(bom.size());
    CsvReader reader(content);
    reader.detect_separator();
    return reader;
}

void CsvReader::detect_separator() {
    if (lower_ascii(rest_.substr(0, 4)) == "sep=" && rest_.size() > 4 &&
        std::string_view(",;\t").find(rest_[4]) != std::string_view::npos) {
        const char told = rest_[4];
        auto after = rest_.substr(5);
        if (after.empty() || after.starts_with('\n') || after.starts_with("\r\n")) {
            rest_ = after;
            separator_ = told;
            end_of_line();
            return;
        }
    }
    constexpr std::string_view candidates = ",;\t";
    std::size_t counts[3] = {};
    bool quoted = false;
    bool any = false;  // blank lines before the header do not count as the first line
    for (char c : rest_) {
        if (c == '"') quoted = !quoted;
        if (!quoted && c == '\n' && any) break;
        any = any || (c != '\n' && c != '\r');
        const auto which = candidates.find(c);
        if (!quoted && which != candidates.npos) ++counts[which];
    }
    separator_ = candidates[std::size_t(std::ranges::max_element(counts) - counts)];
}

bool CsvReader::end_of_line() {
    const std::size_t length = rest_.starts_with("\r\n") ? 2 : rest_.starts_with('\n') ? 1 : 0;
    rest_.remove_prefix(length);
    line_ += length != 0;
    return length != 0;
}

void CsvReader::skip_line() {
    const auto end = rest_.find('\n');
    line_ += end != rest_.npos;
    rest_.remove_prefix(end == rest_.npos ? rest_.size() : end + 1);
}

std::optional<Error> CsvReader::quoted_cell(std::string& out) {
    const auto opened = line_;
    rest_.remove_prefix(1);
    for (;;) {
        const auto quote = rest_.find('"');
        const auto chunk = rest_.substr(0, quote);
        line_ += std::ranges::count(chunk, '\n');
        if (quote == rest_.npos) {
            rest_ = {};
            return csv_fault("registers.csv.unclosed", {{"line", std::to_string(opened)}});
        }
        out += chunk;
        if (out.size() > max_csv_cell_bytes)
            return csv_fault("registers.csv.cell-too-large", {{"limit", std::to_string(max_csv_cell_bytes)}});
        rest_.remove_prefix(quote + 1);
        if (!rest_.starts_with('"')) break;
        out += '"';
        rest_.remove_prefix(1);
    }
    const bool ends =
        rest_.empty() || rest_.front() == separator_ || rest_.front() == '\n' || rest_.starts_with("\r\n");
    if (!ends)
        return csv_fault("registers.csv.after-quote",
                         {{"text", shorten(rest_.substr(0, std::min<std::size_t>(rest_.find('\n'), 40)), 20)}});
    return std::nullopt;
}

std::optional<Error> CsvReader::cell(std::string& out) {
    if (rest_.starts_with('"')) return quoted_cell(out);
    std::size_t end = 0;
    while (end < rest_.size() && rest_[end] != separator_ && rest_[end] != '\n' && rest_[end] != '"' &&
           rest_[end] != '\r')
        ++end;
    if (end < rest_.size() && rest_[end] == '"')
        return csv_fault("registers.csv.quote-inside",
                         {{"text", shorten(rest_.substr(0, std::min<std::size_t>(end + 1, 80)), 20)}});
    if (end < rest_.size() && rest_[end] == '\r' && !rest_.substr(end).starts_with("\r\n"))
        return csv_fault("registers.csv.lone-return");
    if (end > max_csv_cell_bytes)
        return csv_fault("registers.csv.cell-too-large", {{"limit", std::to_string(max_csv_cell_bytes)}});
    out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return std::nullopt;
}

std::optional<CsvRecord> CsvReader::next() {
    while (end_of_line()) {
    }
    if (rest_.empty()) return std::nullopt;
    CsvRecord record;
    record.line = line_;
    for (;;) {
        std::string text;
        record.fault = cell(text);
        if (!record.fault && record.cells.size() == max_csv_columns)
            record.fault = csv_fault("registers.csv.too-many-columns", {{"limit", std::to_string(max_csv_columns)}});
        if (record.fault) {
            record.cells.clear();
            skip_line();
            return record;
        }
        if (text.starts_with('\'') && is_formula(text)) text.erase(0, 1);
        record.cells.push_back(std::move(text));
        if (rest_.empty() || end_of_line()) return record;
        rest_.remove_prefix(1);  // the separator: a cell ends nowhere else
    }
}

CsvWriter::CsvWriter(CsvStyle style) : separator_(style == CsvStyle::excel ? ';' : ',') {
    if (style == CsvStyle::excel) out_ = bom;
}

void CsvWriter::row(std::span<const std::string> cells) {
    // Where a reader could take the first bytes of the file for something else, they are quoted.
    const bool first_line = out_.empty() || out_ == bom;
    for (std::size_t i = 0; i < cells.size(); ++i) {
        if (i != 0) out_ += separator_;
        std::string cell = is_formula(cells[i]) ? "'" + cells[i] : cells[i];
        const bool mistaken = first_line && i == 0 &&
                              (cell.starts_with(bom) || lower_ascii(std::string_view(cell).substr(0, 4)) == "sep=");
        const bool blank_line = cells.size() == 1 && cell.empty();
        const bool blanks = !cell.empty() && (cell.front() == ' ' || cell.back() == ' ');
        if (!mistaken && !blank_line && !blanks && cell.find_first_of(",;\t\"\r\n") == cell.npos) {
            out_ += cell;
            continue;
        }
        out_ += '"';
        for (char c : cell) {
            if (c == '"') out_ += '"';
            out_ += c;
        }
        out_ += '"';
    }
    out_ += "\r\n";
}

}  // namespace tilsyn::registers
