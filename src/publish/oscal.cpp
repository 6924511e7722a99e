#include "publish/oscal.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "base/text.hpp"
#include "crypto/uuid.hpp"

namespace tilsyn::publish {
namespace {

using nlohmann::json;

constexpr std::string_view own_names = "urn:tilsyn:oscal";

std::int64_t count_of(const ControlFigures& figures, const char* outcome) {
    const auto found = figures.outcomes.find(outcome);
    return found == figures.outcomes.end() ? 0 : found->second;
}

// "satisfied", "not-satisfied"; nullopt: nothing can be said.
std::optional<std::string_view> finding_state(const ControlFigures& figures) {
    if (count_of(figures, "fail") + count_of(figures, "missed") > 0) return "not-satisfied";
    const bool in_doubt = count_of(figures, "unknown") + count_of(figures, "stale") > 0;
    if (in_doubt || count_of(figures, "pass") == 0) return std::nullopt;
    return "satisfied";
}

class Oscal {
  public:
    explicit Oscal(const ReportFacts& facts) : facts_(facts), policy_(*facts.policy) {}

    json catalog() const {
        json groups = json::array();
        for (const auto& section : policy_.sections) {
            json controls = json::array();
            for (const auto& promise : policy_.promises)
                if (promise.section == section.id) controls.push_back(control_of(promise));
            json group{{"id", section.id}, {"title", line(section.title.en)}};
            if (!controls.empty()) group["controls"] = std::move(controls);
            groups.push_back(std::move(group));
        }
        json catalog{{"uuid", catalog_uuid()}, {"metadata", metadata(policy_.title.en)}};
        if (!groups.empty()) catalog["groups"] = std::move(groups);
        return {{"catalog", std::move(catalog)}};
    }

    json assessment_results() const {
        const auto plan = id("plan");
        json result{{"uuid", id("result")},
                    {"title", line(policy_.title.en)},
                    {"description",
                     "What the controls of the policy showed in the period. Each observation counts the "
                     "planned runs of one control; the rows are in data/runs.jsonl."},
                    {"start", format_utc_seconds(facts_.from)},
                    {"end", format_utc_seconds(facts_.to)},
                    {"reviewed-controls", reviewed()}};
        json observations = json::array(), findings = json::array();
        for (const auto& name : facts_.controls) {
            const auto* control = policy_.control(name);
            const auto found = facts_.figures.find(name);
            if (control == nullptr || found == facts_.figures.end() || found->second.outcomes.empty()) continue;
            observations.push_back(observation(*control, found->second));
            const auto state = control->promises.empty() ? std::nullopt : finding_state(found->second);
            if (state) findings.push_back(finding(*control, *state));
        }
        if (!observations.empty()) result["observations"] = std::move(observations);
        if (!findings.empty()) result["findings"] = std::move(findings);
        json resources = json::array();
        resources.push_back({{"uuid", plan},
                             {"title", "Schedule"},
                             {"description",
                              "There is no assessment plan as a document: what is run, and when, follows "
                              "from the policy in force and is in data/schedule.jsonl."},
                             {"rlinks", json::array({json{{"href", "data/schedule.jsonl"}}})}});
        resources.push_back({{"uuid", id("catalog-file")},
                             {"title", "Catalog"},
                             {"description", "The promises, as controls."},
                             {"rlinks", json::array({json{{"href", "oscal/catalog.json"}}})}});
        return {{"assessment-results",
                 {{"uuid", id("assessment-results")},
                  {"metadata", metadata("Assessment results: " + policy_.title.en)},
                  {"import-ap", {{"href", "#" + plan}}},
                  {"results", json::array({std::move(result)})},
                  {"back-matter", {{"resources", std::move(resources)}}}}}};
    }

  private:
    // A text on one line that neither begins nor ends with a space.
    static std::string line(std::string_view text) {
        std::string out(trim(text));
        std::ranges::replace_if(out, [](char c) { return c == '\n' || c == '\r' || c == '\t'; }, ' ');
        return out.empty() ? "-" : out;
    }
    std::string id(std::string_view what) const {
        const auto name = facts_.origin + "/" + std::to_string(facts_.size) + "/" + facts_.root + "/" +
                          format_utc_seconds(facts_.from) + "/" + format_utc_seconds(facts_.to) + "/" +
                          std::string(what);
        return crypto::uuid_text(crypto::uuid5(crypto::uuid_namespace_url, name));
    }
    // A catalog is the policy's: the same in every pack.
    std::string catalog_uuid() const {
        return crypto::uuid_text(crypto::uuid5(crypto::uuid_namespace_url, facts_.origin + "/policy/" + policy_.hash));
    }
    std::string company_uuid() const {
        return crypto::uuid_text(crypto::uuid5(crypto::uuid_namespace_url, facts_.origin + "/company"));
    }
    json metadata(std::string_view title) const {
        return {
            {"title", line(title)},
            {"last-modified", format_utc_seconds(facts_.to)},
            {"version", policy_.hash},
            {"oscal-version", oscal_version},
            {"parties",
             json::array({json{{"uuid", company_uuid()}, {"type", "organization"}, {"name", line(policy_.company)}}})}};
    }
    static json property(std::string_view name, std::string_view value) {
        return {{"name", name}, {"ns", own_names}, {"value", value}};
    }

    json control_of(const policy::Promise& promise) const {
        json parts = json::array();
        const auto statement = [&](std::string_view language, const std::string& text) {
            if (!text.empty())
                parts.push_back({{"id", promise.id + "_smt." + std::string(language)},
                                 {"name", "statement"},
                                 {"props", json::array({property("language", language)})},
                                 {"prose", text}});
        };
        statement("en", promise.text.en);
        statement("da", promise.text.da);
        // Identifiers are used once: a control stands with the first of its promises.
        for (const auto& control : policy_.controls)
            if (!control.promises.empty() && control.promises.front() == promise.id && shown(control.id))
                parts.push_back({{"id", control.id},
                                 {"name", "assessment-objective"},
                                 {"title", line(control.title.en)},
                                 {"props", json::array({property("kind", control.kind),
                                                        property("severity", to_string(control.severity))})},
                                 {"prose", line(control.title.en)}});
        json out{{"id", promise.id},
                 {"title", line(promise.text.en.empty() ? promise.id : promise.text.en)},
                 {"props", json::array({property("strength", to_string(promise.strength))})}};
        if (!parts.empty()) out["parts"] = std::move(parts);
        return out;
    }
    bool shown(const std::string& control) const {
        return std::ranges::find(facts_.controls, control) != facts_.controls.end();
    }

    json reviewed() const {
        std::set<std::string> promises;
        for (const auto& name : facts_.controls)
            if (const auto* control = policy_.control(name))
                promises.insert(control->promises.begin(), control->promises.end());
        json include = json::array();
        for (const auto& promise : promises) include.push_back({{"control-id", promise}});
        json selection =
            include.empty() ? json{{"include-all", json::object()}} : json{{"include-controls", std::move(include)}};
        return {{"control-selections", json::array({std::move(selection)})}};
    }

    json observation(const policy::Control& control, const ControlFigures& figures) const {
        std::string counted;
        for (const auto& [outcome, count] : figures.outcomes)
            counted += (counted.empty() ? "" : ", ") + std::to_string(count) + " " + outcome;
        const bool looked_up = control.kind == "sign_off" || control.kind == "query";
        return {{"uuid", id("observation/" + control.id)},
                {"title", line(control.title.en)},
                {"description", "Planned runs in the period: " + counted + "."},
                {"methods", json::array({looked_up ? "EXAMINE" : "TEST"})},
                {"types", json::array({"control-objective"})},
                {"props", json::array({property("control", control.id)})},
                {"relevant-evidence", json::array({json{{"href", "data/runs.jsonl"},
                                                        {"description", "Every run, with its entry in the log."}}})},
                {"collected", figures.newest}};
    }

    json finding(const policy::Control& control, std::string_view state) const {
        return {{"uuid", id("finding/" + control.id)},
                {"title", line(control.title.en)},
                {"description", state == "satisfied" ? "Every planned run in the period passed."
                                                     : "At least one planned run in the period failed or was missed."},
                {"target", {{"type", "objective-id"}, {"target-id", control.id}, {"status", {{"state", state}}}}},
                {"related-observations", json::array({json{{"observation-uuid", id("observation/" + control.id)}}})}};
    }

    const ReportFacts& facts_;
    const policy::Policy& policy_;
};

std::string written(const json& document) {
    return document.dump(1) + "\n";
}

}  // namespace

std::string oscal_catalog(const ReportFacts& facts) {
    return written(Oscal(facts).catalog());
}

std::string oscal_assessment_results(const ReportFacts& facts) {
    return written(Oscal(facts).assessment_results());
}

}  // namespace tilsyn::publish
