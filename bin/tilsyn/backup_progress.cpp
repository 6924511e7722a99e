#include "backup_progress.hpp"

#include <fmt/format.h>

#include <array>

namespace tilsyn::commands {
namespace {

std::string_view key_of(backup::Step step) {
    switch (step) {
        case backup::Step::reading:
            return "cli.step-reading";
        case backup::Step::storing:
            return "cli.step-storing";
        case backup::Step::looking_again:
            return "cli.step-looking-again";
        case backup::Step::restoring:
            return "cli.step-restoring";
        case backup::Step::comparing:
            return "cli.step-comparing";
    }
    return "cli.step-reading";
}

}  // namespace

std::string size_text(std::uint64_t bytes) {
    constexpr std::array<std::string_view, 5> units{"B", "KiB", "MiB", "GiB", "TiB"};
    double value = double(bytes);
    std::size_t unit = 0;
    while (value >= 1024 && unit + 1 < units.size()) {
        value /= 1024;
        ++unit;
    }
    return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.1f} {}", value, units[unit]);
}

app::JobHooks BackupProgress::hooks() {
    return {.progress = [this](const std::string& plan,
                               const backup::JobProgress& progress) { line_.show(text(plan, progress)); },
            .trouble =
                [this](const std::string& plan, const Error& error) {
                    call_->err() << call_->terminal.yellow(call_->tr("cli.warning")) << " " << plan << ": "
                                 << render(error, call_->lang) + "\n";
                }};
}

std::string BackupProgress::text(const std::string& plan, const backup::JobProgress& progress) {
    const auto now = std::chrono::steady_clock::now();
    if (step_ != progress.step) {
        step_ = progress.step;
        began_ = now;
    }
    const double seconds = std::chrono::duration<double>(now - began_).count();
    const double rate = seconds > 0.5 ? double(progress.bytes) / seconds : 0;
    auto out = plan + ": " + call_->tr(key_of(progress.step)) + "  " + size_text(progress.bytes);
    if (progress.bytes_total > 0) out += " / " + size_text(progress.bytes_total);
    if (progress.files > 0) out += ", " + call_->tr("cli.files", {{"count", std::to_string(progress.files)}});
    if (rate > 0) out += ", " + size_text(std::uint64_t(rate)) + "/s";
    if (rate > 0 && progress.bytes_total > progress.bytes) {
        const auto left = std::chrono::seconds(std::int64_t(double(progress.bytes_total - progress.bytes) / rate));
        out += ", " + call_->tr("cli.time-left", {{"time", humanize(left, call_->lang)}});
    }
    return out;
}

}  // namespace tilsyn::commands
