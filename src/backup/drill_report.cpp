#include "backup/drill_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backup/job.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr std::size_t named = 20;  // paths; all of them are in the JSON

std::string gigabytes(std::int64_t bytes, Lang lang) {
    const auto value = double(bytes);
    auto out = bytes < 1'000'000       ? fmt::format("{:.0f} kB", value / 1e3)
               : bytes < 1'000'000'000 ? fmt::format("{:.1f} MB", value / 1e6)
                                       : fmt::format("{:.1f} GB", value / 1e9);
    if (lang == Lang::da) std::ranges::replace(out, '.', ',');
    return out;
}

// What the engine does not keep, or we may not set.
std::string not_compared(const json& details, Lang lang) {
    static constexpr std::pair<std::string_view, std::string_view> words[] = {
        {"owners", "backup.aside-owners"},
        {"modes", "backup.aside-modes"},
        {"attributes", "backup.aside-attributes"},
        {"names", "backup.aside-names"},
        {"folder_times", "backup.aside-folder-times"},
        {"special", "backup.aside-special"},
        {"empty_folders", "backup.aside-empty-folders"},
    };
    const auto aside = details.value("not_compared", json::array());
    std::string out;
    for (const auto& [name, key] : words)
        if (std::ranges::find(aside, json(name)) != aside.end()) out += (out.empty() ? "" : ", ") + tr(lang, key);
    return out;
}

std::string_view verdict(const Drill& drill) {
    if (drill.outcome == "pass")
        return drill.extent == Extent::full ? "backup.report-pass" : "backup.report-pass-sample";
    if (drill.outcome == "fail") return drill.lost > 0 ? "backup.report-fail" : "backup.report-fail-about";
    return "backup.report-unknown";
}

}  // namespace

std::string drill_report(const Drill& drill, const Set& set, const std::string& name, const Zone& zone, Lang lang) {
    const auto say = [&](std::string_view key, Params params = {}) { return tr(lang, key, params); };
    const auto parsed = json::parse(drill.details, nullptr, false);
    const auto details = parsed.is_object() ? parsed : json::object();
    const auto took = std::chrono::milliseconds(drill.took_ms);
    const bool alone = details.value("alone", false);

    std::string out = say("backup.report-title", {{"name", name}, {"at", zone.format(drill.started)}}) + "\n\n";
    out += say(verdict(drill)) + "\n";
    if (drill.outcome == "pass" && alone) out += say("backup.report-alone") + "\n";

    out += "\n" + say("backup.report-done") + "\n";
    out += "- " +
           say(drill.extent == Extent::full ? "backup.report-full" : "backup.report-sample",
               {{"made", zone.format(set.started)},
                {"count", std::to_string(drill.files)},
                {"size", gigabytes(drill.bytes, lang)}}) +
           "\n";
    if (!alone) out += "- " + say("backup.report-compared") + "\n";
    if (const auto part = details.value("part", json::object()); part.contains("all_in_s"))
        out += "- " +
               say("backup.report-part",
                   {{"all_in", humanize(std::chrono::seconds(part["all_in_s"].get<std::int64_t>()), lang)}}) +
               "\n";
    if (details.value("streamed", false)) out += "- " + say("backup.report-streamed") + "\n";
    if (const auto aside = not_compared(details, lang); !alone && !aside.empty())
        out += "- " + say("backup.report-not-compared", {{"what", aside}}) + "\n";
    if (!details.value("confined", true)) out += "- " + say("backup.report-not-confined") + "\n";
    if (details.contains("databases"))
        out += "- " + say("backup.report-databases", {{"count", details["databases"].dump()}}) + "\n";
    if (details.value("queries", std::int64_t{0}) > 0)
        out += "- " + say("backup.report-queries", {{"count", details["queries"].dump()}}) + "\n";
    out += "- " + say("backup.report-took", {{"took", humanize(took, lang)}});
    if (details.contains("max_downtime_ms"))
        out +=
            " " +
            say("backup.report-limit",
                {{"limit", humanize(std::chrono::milliseconds(details["max_downtime_ms"].get<std::int64_t>()), lang)}});
    out += "\n";
    if (details.contains("age_ms"))
        out += "- " +
               say("backup.report-age",
                   {{"age", humanize(std::chrono::milliseconds(details["age_ms"].get<std::int64_t>()), lang)}}) +
               "\n";
    if (details.value("moved", std::int64_t{0}) > 0)
        out += "- " + say("backup.report-moved", {{"count", details["moved"].dump()}}) + "\n";

    const auto why = reasons(drill.details, lang);
    if (!why.empty()) {
        out += "\n" + say("backup.report-found") + "\n";
        for (const auto& reason : why) out += "- " + reason + "\n";
        const auto found = details.value("found", json::array());
        if (found.size() > 1) {
            out += "\n" + say("backup.report-paths") + "\n";
            for (std::size_t i = 0; i < std::min(found.size(), named); ++i)
                out += "- " + found[i].value("path", "") + "\n";
        }
        out += "\n" + say(drill.outcome == "fail" ? "backup.report-do" : "backup.report-do-unknown") + "\n";
    }

    out += "\n" + say("backup.report-proof") + "\n";
    out += fmt::format("- drill {}\n- set {} ({})\n", drill.id, set.id, set.engine_set);
    if (!set.manifest.empty()) out += fmt::format("- manifest sha256 {}\n", set.manifest);
    if (details.contains("engine") && details["engine"].is_string())
        out += "- " + details["engine"].get<std::string>() + "\n";
    return out;
}

}  // namespace tilsyn::backup
