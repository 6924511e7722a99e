#include "base/error.hpp"

#include <fmt/format.h>

namespace tilsyn {

Message msg(std::string_view key, Params params) {
    return {std::string(key), {params.begin(), params.end()}};
}

Fail fail(Code code, std::string_view key, Params params, std::source_location raised) {
    Error error;
    error.code = code;
    error.message = msg(key, params);
    error.raised = raised;
    return {std::move(error)};
}

std::string to_string(const Position& position) {
    if (position.line == 0) return position.file;
    if (position.column == 0) return fmt::format("{}:{}", position.file, position.line);
    return fmt::format("{}:{}:{}", position.file, position.line, position.column);
}

std::string_view to_string(Code code) {
    switch (code) {
        case Code::invalid:
            return "invalid";
        case Code::unauthorized:
            return "unauthorized";
        case Code::forbidden:
            return "forbidden";
        case Code::not_found:
            return "not-found";
        case Code::conflict:
            return "conflict";
        case Code::too_large:
            return "too-large";
        case Code::busy:
            return "busy";
        case Code::unavailable:
            return "unavailable";
        case Code::timeout:
            return "timeout";
        case Code::io:
            return "io";
        case Code::corrupt:
            return "corrupt";
        case Code::unsupported:
            return "unsupported";
        case Code::cancelled:
            return "cancelled";
        case Code::internal:
            return "internal";
    }
    return "internal";
}

}  // namespace tilsyn
