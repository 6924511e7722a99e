// A TOML file as a tree that keeps where everything stood. toml++ stays inside toml_document.cpp: it costs seconds of
// compile time, keeps tables by name instead of in their order, and counts columns in characters.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::policy {

struct TomlEntry;

struct TomlNode {
    enum class Type { text, integer, real, boolean, date, other_time, array, table };
    Type type = Type::table;
    std::string text;
    std::int64_t integer = 0;
    double real = 0;
    bool boolean = false;
    Date date{};
    std::vector<TomlNode> items;     // of an array
    std::vector<TomlEntry> entries;  // of a table, in the order of the file
    std::size_t begin = 0;           // bytes of the file: where the value starts ...
    std::size_t end = 0;             // ... and ends
    const TomlNode* find(std::string_view key) const;
    const TomlEntry* entry(std::string_view key) const;
};

struct TomlEntry {
    std::string key;
    std::size_t key_begin = 0;
    TomlNode value;
};

class TomlDocument {
  public:
    // Faults: not UTF-8, not TOML, a text with a NUL. They carry their place.
    static Result<TomlDocument> parse(std::string source, std::string file);

    const std::string& file() const { return file_; }
    const std::string& source() const { return source_; }
    const TomlNode& root() const { return root_; }

    Position position(std::size_t offset) const;
    // Where byte `content_offset` of a text value stands in the file: through the opening quotes, the line breaks and
    // the escapes of the way it was written.
    Position inside(const TomlNode& text, std::size_t content_offset) const;
    // The value as it was written: its first line, shortened, for messages.
    std::string snippet(const TomlNode& node) const;

  private:
    std::string file_;
    std::string source_;
    std::vector<std::size_t> lines_;  // offset of each line's first byte
    TomlNode root_;
};

}  // namespace tilsyn::policy
