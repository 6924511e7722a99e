// A row between the outside and the database: input checked as a whole, and the JSON it is kept as.
//
// Kept as: one object with a text for each field that is set, in its normal form (value.hpp). Views make numbers of
// them.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "registers/service.hpp"

namespace tilsyn::registers {

// Every value in its normal form; "" stays, and means "not set". Unknown names and bad values are faults.
Fields check_input(const Register& target, const Fields& input, std::vector<Error>& faults);

// A new row: defaults for the fields that the input does not name.
Fields with_defaults(const Register& target, Fields input);
// A row that exists: the input over what it holds.
Fields merged(Fields row, const Fields& input);
// Required fields that are not set.
void check_complete(const Register& target, const Fields& row, std::vector<Error>& faults);

// `old_body` keeps what is no longer declared: a declaration that comes back finds its data again.
std::string encode(const Register& target, const Fields& row, std::string_view old_body = {});
// Only declared fields.
Fields decode(const Register& target, std::string_view body);

Error unknown_field(const Register& target, std::string_view name);

}  // namespace tilsyn::registers
