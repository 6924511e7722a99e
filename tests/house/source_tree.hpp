// The repository as text: what the house's tests read.
#pragma once
#include <string>
#include <string_view>
#include <vector>

namespace tilsyn::house {

struct SourceFile {
    std::string path;  // from the root of the repository, '/' between folders
    std::string text;

    std::string folder() const;  // "src/base" of "src/base/text.hpp"
    bool ends_with(std::string_view suffix) const { return std::string_view(path).ends_with(suffix); }
    bool below(std::string_view prefix) const { return std::string_view(path).starts_with(prefix); }
    bool cpp() const { return ends_with(".cpp") || ends_with(".hpp"); }
};

// Every file of the repository but what is built, fetched or made by running (build*, data, .git, node_modules).
const std::vector<SourceFile>& tree();
bool exists(std::string_view path);

struct Include {
    std::string name;
    bool own = false;  // "..." and not <...>
    int line = 0;
};
std::vector<Include> includes(const SourceFile& file);

// A string literal of C++ source; adjacent ones are not joined. Comments are passed over, raw strings too.
struct Literal {
    std::string text;
    std::size_t begin = 0;  // of the opening quote
    std::size_t end = 0;    // after the closing one
    int line = 0;
};
std::vector<Literal> literals(std::string_view source);

int line_of(std::string_view text, std::size_t offset);  // from 1

// The faults one below the other, for a test's message.
std::string listed(const std::vector<std::string>& faults);

}  // namespace tilsyn::house
