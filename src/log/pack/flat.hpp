// A reader for what the log and its packs are made of: one JSON object on one line, whose values are texts, whole
// numbers, true, false or null. Anything deeper is refused, so that no input can cost more than its own length.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::log::pack {

class Flat {
  public:
    using Value = std::variant<std::nullptr_t, bool, std::int64_t, std::string>;
    static constexpr std::size_t most_fields = 64;

    static Result<Flat> parse(std::string_view line);  // Code::invalid

    const Value* find(std::string_view name) const;
    std::string_view text(std::string_view name) const;  // "" when it is not there or no text
    std::optional<std::int64_t> integer(std::string_view name) const;
    bool flag(std::string_view name) const;
    const std::vector<std::pair<std::string, Value>>& fields() const { return fields_; }

  private:
    std::vector<std::pair<std::string, Value>> fields_;
};

// Writes one: texts escaped as JSON demands, fields in the order given.
class FlatWriter {
  public:
    FlatWriter& text(std::string_view name, std::string_view value);
    FlatWriter& integer(std::string_view name, std::int64_t value);
    FlatWriter& flag(std::string_view name, bool value);
    std::string line() const { return out_ + "}\n"; }

  private:
    void begin(std::string_view name);
    std::string out_ = "{";
};

}  // namespace tilsyn::log::pack
