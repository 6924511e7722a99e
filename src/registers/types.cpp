#include "registers/types.hpp"

#include <algorithm>

namespace tilsyn::registers {

bool Register::personal() const {
    return std::ranges::any_of(fields, [](const Field& f) { return f.personal != Personal::none; });
}

const Field* Register::field(std::string_view wanted) const {
    const auto found = std::ranges::find(fields, wanted, &Field::name);
    return found == fields.end() ? nullptr : &*found;
}

std::string Register::view() const {
    std::string out = name;
    std::ranges::replace(out, '-', '_');
    return out;
}

const Register* Catalogue::find(std::string_view name) const {
    const auto found = std::ranges::find(registers_, name, &Register::name);
    return found == registers_.end() ? nullptr : &*found;
}

Register* Catalogue::edit(std::string_view name) {
    const auto found = std::ranges::find(registers_, name, &Register::name);
    return found == registers_.end() ? nullptr : &*found;
}

std::vector<std::string> Catalogue::names() const {
    std::vector<std::string> out;
    for (const auto& entry : registers_) out.push_back(entry.name);
    return out;
}

std::string_view to_string(FieldType type) {
    switch (type) {
        case FieldType::text:
            return "text";
        case FieldType::long_text:
            return "long_text";
        case FieldType::integer:
            return "integer";
        case FieldType::number:
            return "number";
        case FieldType::boolean:
            return "boolean";
        case FieldType::date:
            return "date";
        case FieldType::moment:
            return "moment";
        case FieldType::duration:
            return "duration";
        case FieldType::choice:
            return "choice";
        case FieldType::choices:
            return "choices";
        case FieldType::country:
            return "country";
        case FieldType::email:
            return "email";
        case FieldType::url:
            return "url";
        case FieldType::host:
            return "host";
        case FieldType::reference:
            return "reference";
        case FieldType::references:
            return "references";
        case FieldType::roles:
            return "roles";
        case FieldType::list:
            return "list";
    }
    return "text";
}

std::string_view to_string(Personal personal) {
    switch (personal) {
        case Personal::none:
            return "none";
        case Personal::ordinary:
            return "ordinary";
        case Personal::confidential:
            return "confidential";
        case Personal::special:
            return "special";
    }
    return "none";
}

}  // namespace tilsyn::registers
