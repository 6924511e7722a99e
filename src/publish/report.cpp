#include "publish/report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <span>

namespace tilsyn::publish {
namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2127; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #c9d1d9; padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p.lead { margin-top: 0; color: #4a5560; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid #e3e8ed; }
th { font-weight: 600; color: #4a5560; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: #a01820; font-weight: 600; }
.doubt { color: #7a4b00; font-weight: 600; }
.good { color: #17623a; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: #4a5560; } dd { margin: 0; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } table { display: block; overflow-x: auto; } }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
)";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

// What came of a run, the worst first, and what happened: their words in the catalogue.
struct Word {
    std::string_view name, key;
};
constexpr Word outcomes[] = {{"fail", "publish.fail"},       {"missed", "publish.missed"},
                             {"unknown", "publish.unknown"}, {"stale", "publish.stale"},
                             {"pass", "publish.pass"},       {"not_applicable", "publish.not-applicable"}};
constexpr Word happenings[] = {{"finding.open", "publish.finding.open"},
                               {"finding.close", "publish.finding.close"},
                               {"exception.grant", "publish.exception.grant"},
                               {"exception.revoke", "publish.exception.revoke"}};

class Writer {
  public:
    Writer(const ReportFacts& facts, const Zone& zone, Lang lang) : facts_(facts), zone_(zone), lang_(lang) {}

    std::string page() {
        const auto title = say("publish.title");
        const auto company = facts_.policy == nullptr ? std::string() : facts_.policy->company;
        out_ = fmt::format(
            "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
            "content=\"width=device-width, initial-scale=1\">\n<title>{} – {}</title>\n<style>{}</style>\n</head>\n"
            "<body>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
            lang_ == Lang::da ? "da" : "en", title, escaped(company), style, title,
            escaped(say("publish.lead", {{"company", company}, {"from", day(facts_.from)}, {"to", day(facts_.to)}})));
        summary();
        sections();
        happened("publish.findings", "publish.no-findings", facts_.findings);
        happened("publish.exceptions", "publish.no-exceptions", facts_.exceptions);
        proof();
        out_ += "</body>\n</html>\n";
        return std::move(out_);
    }

  private:
    std::string say(std::string_view key, Params params = {}) const { return tr(lang_, key, params); }
    // A word that this version does not know stands as it is in the log.
    std::string word(std::span<const Word> words, std::string_view name) const {
        const auto found = std::ranges::find(words, name, &Word::name);
        return found == words.end() ? std::string(name) : say(found->key);
    }
    std::string day(Timestamp t) const { return zone_.format(t).substr(0, 10); }
    std::string moment(std::string_view utc) const {
        const auto at = parse_utc(utc);
        return at ? zone_.format(*at) : std::string(utc);
    }
    void heading(int level, std::string_view text) { out_ += fmt::format("<h{0}>{1}</h{0}>\n", level, escaped(text)); }

    std::int64_t runs(std::string_view outcome) const {
        std::int64_t sum = 0;
        for (const auto& id : facts_.controls)
            if (const auto* figures = find(id))
                if (const auto count = figures->outcomes.find(std::string(outcome)); count != figures->outcomes.end())
                    sum += count->second;
        return sum;
    }
    const ControlFigures* find(const std::string& control) const {
        const auto found = facts_.figures.find(control);
        return found == facts_.figures.end() ? nullptr : &found->second;
    }

    // No share of green: what failed stands first, and by its number.
    void summary() {
        heading(2, say("publish.summary"));
        out_ += "<table>\n<tr>";
        for (const auto& outcome : outcomes)
            out_ += fmt::format("<th class=\"number\">{}</th>", escaped(say(outcome.key)));
        out_ += "</tr>\n<tr>";
        for (const auto& outcome : outcomes) {
            const auto count = runs(outcome.name);
            out_ += fmt::format("<td class=\"number {}\">{}</td>", count == 0 ? "" : look(outcome.name), count);
        }
        out_ += "</tr>\n</table>\n";
        const auto without = std::ranges::count_if(facts_.controls, [&](const auto& id) {
            const auto* figures = find(id);
            return figures == nullptr || figures->outcomes.empty();
        });
        out_ += fmt::format("<p>{}</p>\n",
                            escaped(say("publish.counted", {{"controls", std::to_string(facts_.controls.size())},
                                                            {"without", std::to_string(without)}})));
    }

    static std::string_view look(std::string_view outcome) {
        if (outcome == "fail" || outcome == "missed") return "bad";
        if (outcome == "unknown" || outcome == "stale") return "doubt";
        return outcome == "pass" ? "good" : "";
    }

    void sections() {
        if (facts_.policy == nullptr) return;
        heading(2, say("publish.controls"));
        for (const auto& section : facts_.policy->sections) {
            std::vector<const policy::Control*> here;
            for (const auto& control : facts_.policy->controls)
                if (std::ranges::find(facts_.controls, control.id) != facts_.controls.end() &&
                    stands_in(control, section.id))
                    here.push_back(&control);
            if (here.empty()) continue;
            heading(3, section.title.in(lang_));
            out_ += fmt::format(
                "<table>\n<tr><th>{}</th><th>{}</th><th class=\"number\">{}</th><th class=\"number\">{}</th>"
                "<th class=\"number\">{}</th><th>{}</th></tr>\n",
                say("publish.control"), say("publish.promise"), say("publish.passed"), say("publish.not-passed"),
                say("publish.not-run"), say("publish.newest"));
            for (const auto* control : here) row(*control);
            out_ += "</table>\n";
        }
    }

    // Where its first promise stands: each control is shown once.
    bool stands_in(const policy::Control& control, const std::string& section) const {
        const auto* promise = control.promises.empty() ? nullptr : facts_.policy->promise(control.promises.front());
        return promise != nullptr ? promise->section == section
                                  : !facts_.policy->sections.empty() && facts_.policy->sections.front().id == section;
    }

    void row(const policy::Control& control) {
        static const ControlFigures none;
        const auto* found = find(control.id);
        const auto& figures = found == nullptr ? none : *found;
        const auto count = [&](const char* outcome) {
            const auto at = figures.outcomes.find(outcome);
            return at == figures.outcomes.end() ? std::int64_t(0) : at->second;
        };
        const auto bad = count("fail") + count("unknown") + count("stale"), missed = count("missed");
        std::string promises;
        for (const auto& id : control.promises) promises += (promises.empty() ? "" : ", ") + id;
        auto newest = figures.newest.empty() ? say("publish.never") : moment(figures.newest);
        if (!figures.worst.empty() && figures.worst_time == figures.newest)
            newest += ", " + word(outcomes, figures.worst);
        else if (!figures.worst.empty())
            newest += ". " + say("publish.worst",
                                 {{"outcome", word(outcomes, figures.worst)}, {"time", moment(figures.worst_time)}});
        out_ += fmt::format(
            "<tr><td>{}<br><code>{}</code></td><td>{}</td><td class=\"number\">{}</td><td class=\"number {}\">{}</td>"
            "<td class=\"number {}\">{}</td><td>{}</td></tr>\n",
            escaped(control.title.in(lang_)), escaped(control.id), escaped(promises), count("pass"),
            bad > 0 ? (count("fail") > 0 ? "bad" : "doubt") : "", bad, missed > 0 ? "bad" : "", missed,
            escaped(newest));
    }

    void happened(std::string_view title, std::string_view none,
                  const std::vector<std::pair<std::int64_t, log::pack::Flat>>& entries) {
        heading(2, say(title));
        if (entries.empty()) {
            out_ += fmt::format("<p>{}</p>\n", escaped(say(none)));
            return;
        }
        out_ += fmt::format("<table>\n<tr><th>{}</th><th>{}</th><th>{}</th><th class=\"number\">{}</th></tr>\n",
                            say("publish.when"), say("publish.what"), say("publish.control"), say("publish.entry"));
        for (const auto& [index, entry] : entries)
            out_ += fmt::format(
                "<tr><td>{}</td><td>{}</td><td><code>{}</code> {}</td><td class=\"number\">{}</td></tr>\n",
                escaped(moment(entry.text("t"))), escaped(word(happenings, entry.text("k"))), escaped(entry.text("c")),
                escaped(facts_.internal ? entry.text("s") : std::string_view()), index);
        out_ += "</table>\n";
    }

    void proof() {
        heading(2, say("publish.proof"));
        out_ += fmt::format("<p>{}</p>\n<dl>\n",
                            escaped(say(facts_.whole ? "publish.proof-whole" : "publish.proof-partial")));
        const auto line = [&](std::string_view key, std::string_view value) {
            out_ += fmt::format("<dt>{}</dt><dd><code>{}</code></dd>\n", say(key), escaped(value));
        };
        line("publish.origin", facts_.origin);
        line("publish.key", facts_.vkey);
        line("publish.size", std::to_string(facts_.size));
        line("publish.root", facts_.root);
        out_ += fmt::format(
            "</dl>\n<p class=\"{}\">{}</p>\n<p>{}</p>\n", facts_.witnesses > 0 ? "good" : "doubt",
            escaped(facts_.witnesses > 0 ? say("publish.witnessed", {{"count", std::to_string(facts_.witnesses)}})
                                         : say("publish.not-witnessed")),
            escaped(say("publish.how")));
    }

    const ReportFacts& facts_;
    const Zone& zone_;
    Lang lang_;
    std::string out_;
};

}  // namespace

std::string report_html(const ReportFacts& facts, const Zone& zone, Lang lang) {
    return Writer(facts, zone, lang).page();
}

std::string check_text(const ReportFacts& facts) {
    std::string out;
    for (const auto lang : {Lang::da, Lang::en}) {
        out += tr(lang, "publish.check",
                  {{"vkey", facts.vkey}, {"size", std::to_string(facts.size)}, {"root", facts.root}});
        out += "\n\n";
    }
    return out;
}

}  // namespace tilsyn::publish
