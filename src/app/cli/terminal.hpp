// Where a command writes: results to `out`, everything else to `err`. Colour and progress only where a person looks.
#pragma once
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace tilsyn::cli {

struct Terminal {
    std::ostream* out = nullptr;
    std::ostream* err = nullptr;
    bool color = false;     // `out` is a terminal, and neither NO_COLOR nor TERM=dumb stands against it
    bool progress = false;  // `err` is a terminal
    std::size_t width = 100;

    static Terminal standard();  // what this process was given

    std::string bold(std::string_view text) const { return paint(text, "1"); }
    std::string dim(std::string_view text) const { return paint(text, "2"); }
    std::string red(std::string_view text) const { return paint(text, "31"); }
    std::string green(std::string_view text) const { return paint(text, "32"); }
    std::string yellow(std::string_view text) const { return paint(text, "33"); }

  private:
    std::string paint(std::string_view text, std::string_view code) const;
};

// One line on the terminal for anything that takes over a second; it removes itself. update() may be called often.
class Progress {
  public:
    Progress(const Terminal& terminal, std::string what);
    ~Progress();
    Progress(const Progress&) = delete;
    Progress& operator=(const Progress&) = delete;
    void update(std::int64_t done, std::int64_t total);  // total 0: not known
    void show(const std::string& figures);               // where two numbers do not tell enough

  private:
    void clear();
    const Terminal* terminal_;
    std::string what_;
    std::chrono::steady_clock::time_point began_, shown_;
    bool visible_ = false;
};

// Columns padded by display width. The last column takes what is left of the line and is cut there; no trailing blanks.
class Columns {
  public:
    explicit Columns(std::vector<std::string> heads) : heads_(std::move(heads)) {}
    void add(std::vector<std::string> cells) { rows_.push_back(std::move(cells)); }
    bool empty() const { return rows_.empty(); }
    std::string render(const Terminal& terminal) const;

  private:
    std::vector<std::string> heads_;
    std::vector<std::vector<std::string>> rows_;
};

}  // namespace tilsyn::cli
