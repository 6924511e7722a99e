// One value of one field: checked, and brought to the one form in which it is kept, compared and exported.
//
//   text, long_text  trimmed UTF-8 without control characters; lines of a long_text end in LF
//   integer, number  "-12", "0.5": decimal point, no thousands separators
//   boolean          "true", "false"
//   date, moment     "2026-11-23", "2026-11-23T04:05:06Z"
//   duration         "90m": whole seconds in the largest unit that fits (w, d, h, m, s)
//   several values   joined by '|', without blanks around them
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "registers/types.hpp"

namespace tilsyn::registers {

inline constexpr std::size_t max_text_bytes = 4096;
inline constexpr std::size_t max_long_text_bytes = 65536;

// True for the types that hold several values.
bool is_several(FieldType type);
bool is_reference(FieldType type);
bool reads_as_number(FieldType type);  // in SQL: integer, number, boolean (0/1) and duration (seconds)

inline constexpr std::pair<char, std::int64_t> duration_units[] = {
    {'w', 604800}, {'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}};

// What people type becomes the form above. Empty text means "not set" and gives empty text. Faults are Code::invalid
// with the parameter "field"; whether a row that is referred to exists is not looked at here.
Result<std::string> normalise(const Field& field, std::string_view text);

// The elements of a value in its normal form; none for empty text.
std::vector<std::string> elements(std::string_view value);

// Parts of the above that stand alone. Each gives the normal form, or nothing when the text is not one.
std::optional<std::string> normal_host(std::string_view text);
std::optional<std::string> normal_email(std::string_view text);
std::optional<std::string> normal_url(std::string_view text);

// Lower case for comparing and searching, of the Latin, Greek and Cyrillic letters.
std::string fold_case(std::string_view text);

}  // namespace tilsyn::registers
