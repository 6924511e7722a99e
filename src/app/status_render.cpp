#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "app/status.hpp"
#include "base/text.hpp"

namespace tilsyn::app {
namespace {

using findings::Verdict;

struct Look {
    std::string_view mark, color;
};
Look look(Verdict verdict) {
    switch (verdict) {
        case Verdict::fail:
            return {"✗", "\033[31m"};
        case Verdict::missed:
            return {"!", "\033[31m"};
        case Verdict::unknown:
            return {"?", "\033[33m"};
        case Verdict::stale:
            return {"~", "\033[33m"};
        case Verdict::accepted:
            return {"○", "\033[36m"};
        case Verdict::pass:
            return {"✓", "\033[32m"};
        case Verdict::not_applicable:
            return {"–", "\033[2m"};
    }
    return {"?", ""};
}

class Writer {
  public:
    Writer(Lang lang, const Style& style) : lang_(lang), style_(style) {}
    std::string paint(std::string_view text, std::string_view code) const {
        return style_.color && !code.empty() ? std::string(code) + std::string(text) + "\033[0m" : std::string(text);
    }
    std::string bold(std::string_view text) const { return paint(text, "\033[1m"); }
    std::string dim(std::string_view text) const { return paint(text, "\033[2m"); }
    Lang lang() const { return lang_; }
    std::size_t width() const { return std::clamp<std::size_t>(style_.width, 60, 140); }

  private:
    Lang lang_;
    Style style_;
};

std::string ago(const StatusReport& report, Timestamp then, Lang lang) {
    if (report.now - then < std::chrono::seconds(5)) return tr(lang, "app.just-now");
    return tr(lang, "app.ago", {{"time", humanize(report.now - then, lang)}});
}

// When it was last known, or when it will be.
std::string age(const StatusReport& report, const ControlStatus& status, Lang lang) {
    const auto& verdict = status.verdict;
    if (verdict.oldest && verdict.not_yet < verdict.population) return ago(report, *verdict.oldest, lang);
    if (verdict.next_due && *verdict.next_due > report.now)
        return tr(lang, "app.due", {{"date", report.plan->calendar.zone().format(*verdict.next_due).substr(0, 10)}});
    return {};
}

void append_control(std::string& out, const Writer& w, const StatusReport& report, const ControlStatus& status) {
    const auto mark = look(status.verdict.verdict);
    // Margin, mark, population, and the longest age: "for 89 minutter siden".
    constexpr std::size_t beside = 2 + 2 + 1 + 24 + 1 + 21;
    const std::size_t title_width = w.width() - beside;
    out += fmt::format("  {} {} {} {}\n", w.paint(mark.mark, mark.color),
                       pad_right(shorten(status.control->title.in(w.lang()), title_width), title_width),
                       pad_right(shorten(population(status, report.plan->registers, w.lang()), 24), 24),
                       w.dim(age(report, status, w.lang())));
    const bool bad = status.verdict.verdict == Verdict::fail || status.verdict.verdict == Verdict::missed;
    if (!bad && status.verdict.verdict != Verdict::stale &&
        (status.verdict.verdict != Verdict::unknown || status.verdict.not_yet == status.verdict.population))
        return;
    for (const auto& subject : status.worst) {
        auto line = subject.subject == schedule::company ? std::string() : subject.subject + ": ";
        line += subject.why.key.empty() ? verdict_word(subject.verdict, w.lang()) : render(subject.why, w.lang());
        if (!subject.finding.empty()) line += "  → " + subject.finding;
        for (const auto& part : wrap(line, w.width() - 8)) out += "      " + w.dim(part) + "\n";
    }
    const auto all = status.verdict.counts.at(status.verdict.verdict);
    if (all > std::int64_t(status.worst.size()) && !status.worst.empty())
        out += "      " +
               w.dim(tr(w.lang(), "app.and-more",
                        {{"count", std::to_string(all - std::int64_t(status.worst.size()))},
                         {"control", status.control->id}})) +
               "\n";
}

void append_totals(std::string& out, const Writer& w, const StatusReport& report) {
    std::size_t used = 0;  // columns of the line so far
    for (const auto verdict : findings::all_verdicts) {
        const auto found = report.totals.find(verdict);
        if (found == report.totals.end()) continue;
        const auto part = fmt::format("{} {} {}", look(verdict).mark, found->second, verdict_word(verdict, w.lang()));
        const auto columns = display_width(part);
        const bool fits = used > 0 && used + 3 + columns <= w.width();
        out += (fits ? "   " : used > 0 ? "\n  " : "  ") + w.paint(part, look(verdict).color);
        used = (fits ? used + 3 : 2) + columns;
    }
    out += "\n";
    const auto share = report.promises == 0 ? 0 : report.promises_by_machine * 100 / report.promises;
    const auto promises = tr(w.lang(), "app.promises",
                             {{"count", std::to_string(report.promises)},
                              {"controls", std::to_string(report.controls.size())},
                              {"machine", std::to_string(report.promises_by_machine)},
                              {"share", std::to_string(share)},
                              {"entries", std::to_string(report.log_size)}});
    for (const auto& line : wrap(promises, w.width() - 2)) out += "  " + w.dim(line) + "\n";
    // Where nobody is told, at least whoever looks should know.
    for (const auto& channel : report.alerts_stuck) {
        const auto stuck = tr(w.lang(), "app.alerts-stuck",
                              {{"channel", channel.channel},
                               {"count", std::to_string(channel.waiting)},
                               {"since", report.plan->calendar.zone().format(*channel.waiting_since)}});
        for (const auto& line : wrap(stuck, w.width() - 2))
            out += "  " + w.paint(line, look(findings::Verdict::fail).color) + "\n";
    }
}

void append_next(std::string& out, const Writer& w, const StatusReport& report) {
    std::vector<std::string> steps;
    if (!report.open_findings.empty()) {
        const auto& first = report.open_findings.front();
        steps.push_back(tr(w.lang(), "app.next-findings",
                           {{"count", std::to_string(report.open_findings.size())},
                            {"id", first.id},
                            {"control", first.control},
                            {"date", report.plan->calendar.zone().format(first.due_at).substr(0, 10)}}));
    }
    std::map<std::string, int> waiting;
    for (const auto& status : report.controls)
        if (status.verdict.population == 0 && status.verdict.verdict == Verdict::unknown && !status.why_empty.empty())
            ++waiting[status.why_empty];
    std::vector<std::pair<std::string, int>> registers(waiting.begin(), waiting.end());
    std::ranges::sort(registers, [](const auto& a, const auto& b) {
        return std::pair(-a.second, a.first) < std::pair(-b.second, b.first);
    });
    for (const auto& [name, count] : registers) {
        if (steps.size() >= 5) break;
        steps.push_back(tr(w.lang(), "app.next-register", {{"register", name}, {"count", std::to_string(count)}}));
    }
    if (steps.empty()) return;
    out += "\n" + w.bold(tr(w.lang(), "app.next")) + "\n";
    for (std::size_t i = 0; i < steps.size(); ++i) {
        const auto lines = wrap(steps[i], w.width() - 6);
        for (std::size_t k = 0; k < lines.size(); ++k)
            out += (k == 0 ? fmt::format("  {}. ", i + 1) : std::string("     ")) + lines[k] + "\n";
    }
}

}  // namespace

std::string verdict_word(Verdict verdict, Lang lang) {
    switch (verdict) {
        case Verdict::fail:
            return tr(lang, "app.verdict-fail");
        case Verdict::missed:
            return tr(lang, "app.verdict-missed");
        case Verdict::unknown:
            return tr(lang, "app.verdict-unknown");
        case Verdict::stale:
            return tr(lang, "app.verdict-stale");
        case Verdict::accepted:
            return tr(lang, "app.verdict-accepted");
        case Verdict::pass:
            return tr(lang, "app.verdict-pass");
        case Verdict::not_applicable:
            return tr(lang, "app.verdict-not-applicable");
    }
    return {};
}

std::string population(const ControlStatus& status, const registers::Catalogue& registers, Lang lang) {
    const auto& verdict = status.verdict;
    const auto* declared = registers.find(status.control->subjects.register_name);
    const auto noun = declared != nullptr ? lower_ascii(declared->title.in(lang)) : std::string();
    if (verdict.population == 0) {
        if (status.control->when_empty == policy::WhenEmpty::not_applicable) return tr(lang, "app.no-occurrence");
        return tr(lang, "app.none-registered", {{"what", noun}});
    }
    if (verdict.not_yet == verdict.population) return tr(lang, "app.not-yet");
    if (declared == nullptr) return verdict_word(verdict.verdict, lang);
    const auto passed = verdict.counts.contains(Verdict::pass) ? verdict.counts.at(Verdict::pass) : 0;
    return tr(lang, "app.population",
              {{"pass", std::to_string(passed)}, {"total", std::to_string(verdict.population)}, {"what", noun}});
}

std::string render(const StatusReport& report, Lang lang, const Style& style) {
    const Writer w(lang, style);
    const auto& policy = report.plan->policy;
    std::string out = w.bold(policy.title.in(lang)) + " · " + policy.company + " · " +
                      tr(lang, "app.version", {{"version", std::to_string(report.policy_version)}}) + " · " +
                      report.plan->calendar.zone().format(report.now) + "\n";
    append_totals(out, w, report);
    // A control stands in the section of its first promise.
    for (const auto& section : policy.sections) {
        bool headed = false;
        for (const auto& status : report.controls) {
            const auto* promise =
                status.control->promises.empty() ? nullptr : policy.promise(status.control->promises.front());
            if (promise == nullptr || promise->section != section.id) continue;
            if (!headed) out += "\n" + w.bold(section.title.in(lang)) + "\n";
            headed = true;
            append_control(out, w, report, status);
        }
    }
    append_next(out, w, report);
    return out;
}

}  // namespace tilsyn::app
