#include "app/cli/terminal.hpp"

#include <fmt/format.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <iostream>
#include <numeric>

#include "base/text.hpp"

namespace tilsyn::cli {
namespace {

constexpr auto before_shown = std::chrono::seconds(1);
constexpr auto between = std::chrono::milliseconds(100);
constexpr std::size_t gap = 2;
constexpr std::size_t widest = 48;  // of a column that is not the last

bool set(const char* name) {
    const char* value = std::getenv(name);
    return value != nullptr && *value != '\0';
}

}  // namespace

Terminal Terminal::standard() {
    Terminal terminal;
    terminal.out = &std::cout;
    terminal.err = &std::cerr;
    const char* kind = std::getenv("TERM");
    const bool dumb = kind != nullptr && std::string_view(kind) == "dumb";
    terminal.color = ::isatty(STDOUT_FILENO) == 1 && !set("NO_COLOR") && !dumb;
    terminal.progress = ::isatty(STDERR_FILENO) == 1 && !dumb;
    winsize size{};
    if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0)
        terminal.width = std::max<std::size_t>(size.ws_col, 40);
    return terminal;
}

std::string Terminal::paint(std::string_view text, std::string_view code) const {
    return color ? fmt::format("\033[{}m{}\033[0m", code, text) : std::string(text);
}

Progress::Progress(const Terminal& terminal, std::string what)
    : terminal_(&terminal), what_(std::move(what)), began_(std::chrono::steady_clock::now()) {}

Progress::~Progress() {
    clear();
}

void Progress::clear() {
    if (visible_) *terminal_->err << "\r\033[K" << std::flush;
    visible_ = false;
}

void Progress::update(std::int64_t done, std::int64_t total) {
    show(total > 0 ? fmt::format("{} / {}", done, total) : fmt::format("{}", done));
}

void Progress::show(const std::string& figures) {
    const auto now = std::chrono::steady_clock::now();
    if (!terminal_->progress || now - began_ < before_shown || (visible_ && now - shown_ < between)) return;
    shown_ = now;
    visible_ = true;
    *terminal_->err << "\r\033[K" << shorten(what_ + "  " + figures, terminal_->width - 1) << std::flush;
}

std::string Columns::render(const Terminal& terminal) const {
    std::vector<std::size_t> widths(heads_.size());
    for (std::size_t i = 0; i < heads_.size(); ++i) {
        widths[i] = display_width(heads_[i]);
        for (const auto& row : rows_)
            if (i < row.size()) widths[i] = std::max(widths[i], display_width(row[i]));
        if (i + 1 < heads_.size()) widths[i] = std::min(widths[i], widest);
    }
    // The widest columns give way first, until the line fits.
    const auto room = terminal.width > gap * widths.size() ? terminal.width - gap * widths.size() : 1;
    while (std::accumulate(widths.begin(), widths.end(), std::size_t(0)) > room) {
        auto& largest = *std::ranges::max_element(widths);
        if (largest <= 8) break;
        --largest;
    }
    const auto line = [&](const std::vector<std::string>& cells) {
        std::string text;
        for (std::size_t i = 0; i < heads_.size(); ++i) {
            const auto cell = shorten(i < cells.size() ? cells[i] : std::string(), widths[i]);
            text += std::string(i == 0 ? 0 : gap, ' ') + (i + 1 < heads_.size() ? pad_right(cell, widths[i]) : cell);
        }
        return text.substr(0, text.find_last_not_of(' ') + 1);
    };
    std::string out = terminal.dim(line(heads_)) + "\n";
    for (const auto& row : rows_) out += line(row) + "\n";
    return out;
}

}  // namespace tilsyn::cli
