#include "backup/time_line.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace tilsyn::backup {
namespace {

constexpr double width = 960, left = 170, right = 24, head = 44, lane_height = 56, legend_height = 34;

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        switch (c) {
            case '&':
                out += "&amp;";
                break;
            case '<':
                out += "&lt;";
                break;
            case '>':
                out += "&gt;";
                break;
            case '"':
                out += "&quot;";
                break;
            default:
                // What XML 1.0 has no place for, not even escaped.
                out += (std::uint8_t(c) < 0x20 && c != '\n' && c != '\t') ? ' ' : c;
        }
    }
    return out;
}

// How something looks, and what the legend calls it.
struct Mark {
    std::string_view kind, key;
};
constexpr Mark made{"made", "backup.line-made"}, partial{"partial", "backup.line-partial"},
    failed{"failed", "backup.line-failed"}, gone{"gone", "backup.line-gone"}, lost{"lost", "backup.line-lost"},
    restored{"restored", "backup.line-restored"}, not_restored{"broken", "backup.line-not-restored"},
    not_tried{"unknown", "backup.line-not-tried"};

Mark mark_of(const Set& set) {
    if (set.lost) return lost;
    if (set.forgotten) return gone;
    switch (set.state) {
        case SetState::made:
            return made;
        case SetState::partial:
            return partial;
        case SetState::running:
        case SetState::failed:
            break;
    }
    return failed;
}
Mark mark_of(const Drill& drill) {
    if (drill.outcome == "pass") return restored;
    return drill.outcome == "fail" ? not_restored : not_tried;
}

// Its middle at (x, y). Filled is good; a cross has no substance; halves and rings lie between.
std::string shape(const Mark& mark, double x, double y, std::string_view title, double size = 1) {
    const auto r = 5 * size;
    std::string body;
    if (mark.kind == "made")
        body = fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}"/>)", x, y, r);
    else if (mark.kind == "partial")
        body = fmt::format(R"(<path d="M{0:.1f} {1:.1f}a{2} {2} 0 0 1 0 {3}z"/><circle cx="{0:.1f}" cy="{4:.1f}" )"
                           R"(r="{2}" fill="none" stroke="currentColor" stroke-width="1.5"/>)",
                           x, y - r, r, 2 * r, y);
    else if (mark.kind == "gone")
        body = fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="2"/>)", x, y);
    else if (mark.kind == "lost")
        body = fmt::format(R"(<circle cx="{:.1f}" cy="{:.1f}" r="{:.1f}" fill="none" stroke="currentColor" )"
                           R"(stroke-width="1.5" stroke-dasharray="2 2"/>)",
                           x, y, r);
    else if (mark.kind == "restored")
        body = fmt::format(R"(<path d="M{:.1f} {:.1f}l3 4 6 -8" fill="none" stroke="currentColor" stroke-width="2"/>)",
                           x - 4.5, y);
    else if (mark.kind == "unknown")
        body = fmt::format(R"(<text x="{:.1f}" y="{:.1f}" text-anchor="middle" class="mark">?</text>)", x, y + 4.5);
    else
        body = fmt::format(R"(<path d="M{0:.1f} {1:.1f}l8 8m0 -8l-8 8" stroke="currentColor" stroke-width="2"/>)",
                           x - 4, y - 4);
    return fmt::format("<g class=\"{}\"><title>{}</title>{}</g>\n", mark.kind, escaped(title), body);
}

std::string cut(const std::string& text, std::size_t most) {
    if (text.size() <= most) return text;
    auto end = most - 1;
    while (end > 0 && (std::uint8_t(text[end]) & 0xC0) == 0x80) --end;  // not in the middle of a letter
    return text.substr(0, end) + "…";
}

}  // namespace

std::string time_line_svg(const TimeLine& line, const Zone& zone, Lang lang) {
    const auto tr = [&](std::string_view key, Params params = {}) { return tilsyn::tr(lang, key, params); };
    const auto span = std::chrono::duration<double>(line.to - line.from).count();
    const auto at = [&](Timestamp t) {
        const auto share = std::chrono::duration<double>(t - line.from).count() / span;
        return left + std::clamp(share, 0.0, 1.0) * (width - left - right);
    };
    const double lanes_end = head + lane_height * double(std::max<std::size_t>(line.lanes.size(), 1));
    const double height = lanes_end + legend_height;
    std::string out = fmt::format(
        R"(<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {0} {1}" role="img" aria-labelledby="title about">
<title id="title">{2}</title>
<desc id="about">{3}</desc>
<style>
svg{{font:12px system-ui,sans-serif;color-scheme:light dark;background:#fff;fill:#1f2733}}
.line{{stroke:#8a94a3;stroke-width:1}}.tick{{stroke:#e1e5ea}}.soft{{fill:#5a6472}}.name{{font-weight:600}}.mark{{font-weight:700}}
.made,.restored{{fill:#1b6e3c;color:#1b6e3c}}.partial,.unknown{{fill:#8a5300;color:#8a5300}}
.failed,.lost,.broken{{fill:#b3261e;color:#b3261e}}.gone{{fill:#8a94a3;color:#8a94a3}}
@media(prefers-color-scheme:dark){{svg{{background:#14181d;fill:#e6e9ed}}.tick{{stroke:#2a313a}}.soft{{fill:#a3adba}}
.made,.restored{{fill:#6fce92;color:#6fce92}}.partial,.unknown{{fill:#f0b45b;color:#f0b45b}}.failed,.lost,.broken{{fill:#ff8a80;color:#ff8a80}}}}
</style>
<text x="8" y="18" class="name">{4}</text>
)",
        width, height, escaped(line.title),
        escaped(tr("backup.line-about",
                   {{"from", zone.format(line.from).substr(0, 10)}, {"to", zone.format(line.to).substr(0, 10)}})),
        escaped(cut(line.title, 100)));
    // Six days to name, evenly spread.
    for (int i = 0; i <= 6; ++i) {
        const auto when = line.from + (line.to - line.from) / 6 * i;
        const double x = at(when);
        out += fmt::format(R"(<path class="tick" d="M{0:.1f} {1}V{2}"/><text x="{0:.1f}" y="{3}" class="soft" )"
                           "text-anchor=\"{4}\">{5}</text>\n",
                           x, head - 4, lanes_end, head - 10,
                           i == 0   ? "start"
                           : i == 6 ? "end"
                                    : "middle",
                           zone.format(when).substr(0, 10));
    }
    double top = head;
    if (line.lanes.empty())
        out += fmt::format("<text x=\"8\" y=\"{}\" class=\"soft\">{}</text>\n", top + lane_height / 2,
                           escaped(tr("backup.line-none")));
    for (const auto& lane : line.lanes) {
        const double middle = top + lane_height / 2;
        out += fmt::format(R"(<text x="8" y="{}" class="name">{}</text><path class="line" d="M{} {}H{}"/>)"
                           "\n",
                           middle + 4, escaped(cut(lane.name, 24)), left, middle, width - right);
        for (const auto& set : lane.sets) {
            if (set.started < line.from || set.started > line.to || set.state == SetState::running) continue;
            const auto mark = mark_of(set);
            out += shape(mark, at(set.started), middle - 11,
                         zone.format(set.started) + " " + tr(mark.key) + ", " +
                             tr("backup.line-files", {{"count", std::to_string(set.files)}}));
        }
        for (const auto& drill : lane.drills) {
            if (drill.started < line.from || drill.started > line.to || drill.outcome == "running") continue;
            const auto mark = mark_of(drill);
            out += shape(mark, at(drill.started), middle + 12,
                         zone.format(drill.started) + " " + tr(mark.key) + ", " +
                             tr("backup.line-files", {{"count", std::to_string(drill.files)}}));
        }
        top += lane_height;
    }
    double x = 14;
    for (const auto& mark : {made, partial, failed, gone, lost, restored, not_restored, not_tried}) {
        const auto word = tr(mark.key);
        out += shape(mark, x, lanes_end + 18, word);
        out += fmt::format("<text x=\"{:.0f}\" y=\"{:.0f}\" class=\"soft\">{}</text>\n", x + 10, lanes_end + 22,
                           escaped(word));
        x += 26 + 6.4 * double(word.size());
    }
    return out + "</svg>\n";
}

}  // namespace tilsyn::backup
