#include "house/source_tree.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>

namespace tilsyn::house {
namespace {

bool skipped(const std::filesystem::path& path) {
    const std::string name = path.filename();
    return name == ".git" || name == "data" || name == "node_modules" || name.starts_with("build");
}

std::vector<SourceFile> read_tree() {
    const std::filesystem::path root(TILSYN_SOURCE_DIR);
    std::vector<SourceFile> files;
    for (auto entry = std::filesystem::recursive_directory_iterator(root);
         entry != std::filesystem::recursive_directory_iterator(); ++entry) {
        if (entry.depth() == 0 && skipped(entry->path())) {
            entry.disable_recursion_pending();
            continue;
        }
        if (!entry->is_regular_file() || entry->is_symlink()) continue;
        std::ifstream in(entry->path(), std::ios::binary);
        files.push_back({entry->path().lexically_relative(root).generic_string(),
                         std::string(std::istreambuf_iterator<char>(in), {})});
    }
    std::ranges::sort(files, {}, &SourceFile::path);
    return files;
}

bool word_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

// The end of a raw string whose opening quote stands at `quote`.
std::size_t raw_end(std::string_view source, std::size_t quote) {
    const auto open = source.find('(', quote);
    if (open == source.npos) return source.size();
    const auto closing = ")" + std::string(source.substr(quote + 1, open - quote - 1)) + "\"";
    const auto end = source.find(closing, open);
    return end == source.npos ? source.size() : end + closing.size();
}

// The end of a "..." or '...' that begins at `quote`.
std::size_t quoted_end(std::string_view source, std::size_t quote) {
    std::size_t i = quote + 1;
    while (i < source.size() && source[i] != source[quote] && source[i] != '\n') i += source[i] == '\\' ? 2 : 1;
    return std::min(i + 1, source.size());
}

}  // namespace

std::string SourceFile::folder() const {
    const auto slash = path.rfind('/');
    return slash == path.npos ? std::string() : path.substr(0, slash);
}

const std::vector<SourceFile>& tree() {
    static const auto files = read_tree();
    return files;
}

bool exists(std::string_view path) {
    return std::filesystem::exists(std::filesystem::path(TILSYN_SOURCE_DIR) / path);
}

std::vector<Include> includes(const SourceFile& file) {
    std::vector<Include> found;
    std::istringstream lines(file.text);
    std::string line;
    for (int number = 1; std::getline(lines, line); ++number) {
        if (!line.starts_with("#include")) continue;
        const auto open = line.find_first_of("\"<");
        if (open == line.npos) continue;
        const auto close = line.find_first_of("\">", open + 1);
        if (close == line.npos) continue;
        found.push_back({line.substr(open + 1, close - open - 1), line[open] == '"', number});
    }
    return found;
}

std::vector<Literal> literals(std::string_view source) {
    std::vector<Literal> found;
    for (std::size_t i = 0; i < source.size();) {
        if (source.substr(i, 2) == "//") {
            i = std::min(source.find('\n', i), source.size());
        } else if (source.substr(i, 2) == "/*") {
            const auto end = source.find("*/", i + 2);
            i = end == source.npos ? source.size() : end + 2;
        } else if (source[i] == '"' && i > 0 && source[i - 1] == 'R') {
            i = raw_end(source, i);
        } else if (source[i] == '"') {
            const auto end = quoted_end(source, i);
            found.push_back({std::string(source.substr(i + 1, end - i - 2)), i, end, line_of(source, i)});
            i = end;
        } else if (source[i] == '\'' && (i == 0 || !word_character(source[i - 1]))) {  // not the ' of 1'000
            i = quoted_end(source, i);
        } else {
            ++i;
        }
    }
    return found;
}

int line_of(std::string_view text, std::size_t offset) {
    return 1 + int(std::count(text.begin(), text.begin() + std::ptrdiff_t(std::min(offset, text.size())), '\n'));
}

std::string listed(const std::vector<std::string>& faults) {
    std::string out;
    for (const auto& fault : faults) out += "\n  " + fault;
    return out;
}

}  // namespace tilsyn::house
