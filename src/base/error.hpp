// Errors are values. An Error says what was being done, to what, why it failed and what to do about it, in the
// user's language (Message: a key of the catalogue i18n/ with parameters), and where: in the input (Position) and in
// the source. `detail` holds a library's or the system's own words; it goes to the log and the terminal, never to a
// remote caller.
#pragma once
#include <expected>
#include <initializer_list>
#include <optional>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace tilsyn {

// A text of the catalogue, not yet rendered in a language. Keys are "<slice>.<what>", parameters replace {name}.
struct Message {
    std::string key;
    std::vector<std::pair<std::string, std::string>> params;
    bool operator==(const Message&) const = default;
};

using Params = std::initializer_list<std::pair<std::string, std::string>>;
Message msg(std::string_view key, Params params = {});

// A place in a file the user wrote. Lines and columns count from 1; column counts bytes; 0 = unknown.
struct Position {
    std::string file;
    int line = 0;
    int column = 0;
    bool operator==(const Position&) const = default;
};
std::string to_string(const Position& position);  // "file:line:column", leaving out what is unknown

enum class Code {
    invalid,       // the input is wrong                         HTTP 400 / 422
    unauthorized,  // who is asking is not known                 401
    forbidden,     // known, but may not                         403
    not_found,     //                                            404
    conflict,      // the state has moved, or forbids it         409
    too_large,     // over a stated limit                        413
    busy,          // a bound is reached; try again              503
    unavailable,   // something it depends on is down            503
    timeout,       // the deadline passed                        504
    io,            // the disk or the system refused             500
    corrupt,       // stored data is not what was written        500
    unsupported,   // this version cannot do it                  501
    cancelled,     // stopped on request
    internal,      // a bug
};
std::string_view to_string(Code code);

struct Error {
    Code code = Code::internal;
    Message message;
    std::string detail;
    std::optional<Message> hint;  // what to do about it
    std::optional<Position> where;
    std::source_location raised = std::source_location::current();

    Error& with_detail(std::string text) & {
        detail = std::move(text);
        return *this;
    }
    Error&& with_detail(std::string text) && {
        detail = std::move(text);
        return std::move(*this);
    }
    Error&& with_hint(Message m) && {
        hint = std::move(m);
        return std::move(*this);
    }
    Error&& at(Position p) && {
        where = std::move(p);
        return std::move(*this);
    }
};

template <class T>
using Result = std::expected<T, Error>;

// return fail(Code::not_found, "register.no-row", {{"register", name}, {"id", id}});
struct Fail {
    Error error;
    template <class T>
    operator Result<T>() && {
        return std::unexpected(std::move(error));
    }
    Fail&& detail(std::string text) && {
        error.detail = std::move(text);
        return std::move(*this);
    }
    Fail&& hint(std::string_view key, Params params = {}) && {
        error.hint = msg(key, params);
        return std::move(*this);
    }
    Fail&& at(Position p) && {
        error.where = std::move(p);
        return std::move(*this);
    }
};
[[nodiscard]] Fail fail(Code code, std::string_view key, Params params = {},
                        std::source_location raised = std::source_location::current());

}  // namespace tilsyn

#define TILSYN_CONCAT2(a, b) a##b
#define TILSYN_CONCAT(a, b) TILSYN_CONCAT2(a, b)
// TRY(auto row, find(id)); declares row, or returns the error to the caller.
#define TRY(declaration, expression)                                                                              \
    auto TILSYN_CONCAT(try_, __LINE__) = (expression);                                                            \
    if (!TILSYN_CONCAT(try_, __LINE__)) return std::unexpected(std::move(TILSYN_CONCAT(try_, __LINE__)).error()); \
    declaration = std::move(*TILSYN_CONCAT(try_, __LINE__))
// TRY_VOID(save(row)); for Result<void>, and where the value is not wanted.
#define TRY_VOID(expression)                                                               \
    do {                                                                                   \
        auto TILSYN_CONCAT(try_void_, __LINE__) = (expression);                            \
        if (!TILSYN_CONCAT(try_void_, __LINE__))                                           \
            return std::unexpected(std::move(TILSYN_CONCAT(try_void_, __LINE__)).error()); \
    } while (false)
