#include "publish/report.hpp"

#include <algorithm>
#include <span>

namespace tilsyn::publish {
namespace {

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

    Document document() {
        out_.lang = lang_;
        out_.title = say("publish.title");
        out_.company = facts_.policy == nullptr ? std::string() : facts_.policy->company;
        out_.lead =
            say("publish.lead", {{"company", out_.company}, {"from", day(facts_.from)}, {"to", day(facts_.to)}});
        summary();
        sections();
        happened("publish.findings", "publish.no-findings", facts_.findings);
        happened("publish.exceptions", "publish.no-exceptions", facts_.exceptions);
        proof();
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
    void heading(int level, std::string text) { out_.blocks.emplace_back(Heading{level, std::move(text)}); }
    void paragraph(std::string text, Look look = Look::plain) {
        out_.blocks.emplace_back(Paragraph{std::move(text), look});
    }

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
        Table table;
        table.rows.emplace_back();
        for (const auto& outcome : outcomes) {
            const auto count = runs(outcome.name);
            table.columns.push_back({say(outcome.key), true});
            table.rows.front().push_back({std::to_string(count), {}, count == 0 ? Look::plain : look_of(outcome.name)});
        }
        out_.blocks.emplace_back(std::move(table));
        const auto without = std::ranges::count_if(facts_.controls, [&](const auto& id) {
            const auto* figures = find(id);
            return figures == nullptr || figures->outcomes.empty();
        });
        paragraph(say("publish.counted",
                      {{"controls", std::to_string(facts_.controls.size())}, {"without", std::to_string(without)}}));
    }

    static Look look_of(std::string_view outcome) {
        if (outcome == "fail" || outcome == "missed") return Look::bad;
        if (outcome == "unknown" || outcome == "stale") return Look::doubt;
        return outcome == "pass" ? Look::good : Look::plain;
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
            Table table{{{say("publish.control")},
                         {say("publish.promise")},
                         {say("publish.passed"), true},
                         {say("publish.not-passed"), true},
                         {say("publish.not-run"), true},
                         {say("publish.newest")}},
                        {}};
            for (const auto* control : here) table.rows.push_back(row(*control));
            out_.blocks.emplace_back(std::move(table));
        }
    }

    // Where its first promise stands: each control is shown once.
    bool stands_in(const policy::Control& control, const std::string& section) const {
        const auto* promise = control.promises.empty() ? nullptr : facts_.policy->promise(control.promises.front());
        return promise != nullptr ? promise->section == section
                                  : !facts_.policy->sections.empty() && facts_.policy->sections.front().id == section;
    }

    std::vector<Cell> row(const policy::Control& control) {
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
        return {{control.title.in(lang_), control.id},
                {promises},
                {std::to_string(count("pass"))},
                {std::to_string(bad),
                 {},
                 bad == 0            ? Look::plain
                 : count("fail") > 0 ? Look::bad
                                     : Look::doubt},
                {std::to_string(missed), {}, missed > 0 ? Look::bad : Look::plain},
                {newest}};
    }

    void happened(std::string_view title, std::string_view none,
                  const std::vector<std::pair<std::int64_t, log::pack::Flat>>& entries) {
        heading(2, say(title));
        if (entries.empty()) {
            paragraph(say(none));
            return;
        }
        Table table{
            {{say("publish.when")}, {say("publish.what")}, {say("publish.control")}, {say("publish.entry"), true}}, {}};
        for (const auto& [index, entry] : entries)
            table.rows.push_back({{moment(entry.text("t"))},
                                  {word(happenings, entry.text("k"))},
                                  {subject(index, entry), std::string(entry.text("c"))},
                                  {std::to_string(index)}});
        out_.blocks.emplace_back(std::move(table));
    }

    std::string subject(std::int64_t index, const log::pack::Flat& entry) const {
        if (!facts_.internal) return {};
        const auto disclosed = facts_.subjects.find(index);
        return disclosed == facts_.subjects.end() ? std::string(entry.text("s")) : disclosed->second;
    }

    void proof() {
        heading(2, say("publish.proof"));
        paragraph(say(facts_.whole ? "publish.proof-whole" : "publish.proof-partial"));
        out_.blocks.emplace_back(Terms{{{say("publish.origin"), facts_.origin},
                                        {say("publish.key"), facts_.vkey},
                                        {say("publish.size"), std::to_string(facts_.size)},
                                        {say("publish.root"), facts_.root}}});
        const bool witnessed = facts_.witnesses > 0;
        paragraph(witnessed ? say("publish.witnessed", {{"count", std::to_string(facts_.witnesses)}})
                            : say("publish.not-witnessed"),
                  witnessed ? Look::good : Look::doubt);
        paragraph(say("publish.how"));
    }

    const ReportFacts& facts_;
    const Zone& zone_;
    Lang lang_;
    Document out_;
};

}  // namespace

Document report(const ReportFacts& facts, const Zone& zone, Lang lang) {
    return Writer(facts, zone, lang).document();
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
