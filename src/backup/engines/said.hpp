// For engines that write JSON: what one of its lines says, where a field that is not there, or not what it should be,
// is empty or 0.
#pragma once
#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace tilsyn::backup {

inline nlohmann::json parsed(std::string_view line) {
    auto value = nlohmann::json::parse(line, nullptr, false);
    return value.is_object() ? value : nlohmann::json::object();
}
inline std::string text(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : std::string();
}
inline std::uint64_t number(const nlohmann::json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<std::uint64_t>() : 0;
}

}  // namespace tilsyn::backup
