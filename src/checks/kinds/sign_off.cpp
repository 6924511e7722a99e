// sign_off: a person is asked, on time, with the steps to take, and signs what was seen.
#include "checks/sign_off.hpp"

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamSpec;
using policy::ParamType;

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "sign_off";
        s.title = {"A person signs", "En person underskriver"};
        s.summary = {"Asks a holder of the owner role to carry out some steps and to sign what was seen. A pass means that a named person said so on time, with the count, "
                     "the answers and the evidence that the control demands.",
                     "Beder en, der har ansvarsrollen, om at udføre nogle trin og underskrive, hvad der blev set. Består den, har en navngiven person sagt det til tiden med det "
                     "antal, de svar og de bilag, som kontrollen kræver."};
        s.mode = policy::Mode::person;
        s.method = policy::Method::examine;
        s.params = {
            {.name = "steps", .type = ParamType::bilingual_list, .required = true, .help = {"What to do, step by step.", "Hvad der skal gøres, trin for trin."},
             .example = R"([ { da = "Gå gennem kontoret.", en = "Walk through the office." } ])"},
            {.name = "questions", .type = ParamType::bilingual_list, .help = {"Questions that must each be answered in words.", "Spørgsmål, der hver skal besvares med ord."}},
            {.name = "count", .type = ParamType::bilingual, .help = {"Asks for a number: what is counted.", "Beder om et tal: hvad der tælles."}},
            {.name = "count_max", .type = ParamType::integer, .help = {"A higher count than this is a fail.", "Et højere antal end dette er en fejl."}, .min = 0},
            {.name = "evidence", .type = ParamType::choice, .default_value = "\"none\"", .help = {"What must be attached.", "Hvad der skal vedhæftes."}, .choices = {"none", "photo", "file"}},
            {.name = "second_person", .type = ParamType::boolean, .default_value = "false", .help = {"Another person must sign too.", "En anden person skal også underskrive."}},
            {.name = "by_lot", .type = ParamType::boolean, .default_value = "false", .help = {"One holder of the owner role is drawn by lot.", "Der trækkes lod mellem dem, der har ansvarsrollen."}},
        };
        return s;
    }();
    return made;
}

std::string text_of(const nlohmann::json& answer, const char* name) {
    return answer.contains(name) && answer[name].is_string() ? answer[name].get<std::string>() : std::string();
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    Judgement judgement;
    const auto& answer = facts.seen;
    const auto decision = text_of(answer, "decision");
    judgement.details = {{"decision", decision}, {"note", text_of(answer, "note")}, {"evidence", answer.value("evidence", nlohmann::json::array())},
                         {"answers", answer.value("answers", nlohmann::json::array())}};
    if (answer.contains("count")) judgement.details["count"] = answer["count"];
    if (decision == "refuse") {
        judgement.outcome = Outcome::unknown;
        judgement.why = msg("checks.sign-off-refused", {{"note", text_of(answer, "note")}});
    } else if (control.params.has("count_max") && answer.value("count", std::int64_t{0}) > control.params.get("count_max").integer) {
        judgement.outcome = Outcome::fail;
        judgement.why = msg("checks.sign-off-count", {{"found", std::to_string(answer["count"].get<std::int64_t>())}, {"limit", std::to_string(control.params.get("count_max").integer)}});
    } else if (decision == "fail") {
        judgement.outcome = Outcome::fail;
        judgement.why = msg("checks.sign-off-failed", {{"note", text_of(answer, "note")}});
    } else {
        judgement.outcome = decision == "pass" ? Outcome::pass : Outcome::unknown;
        judgement.why = msg("checks.sign-off-passed");
    }
    return judgement;
}

}  // namespace

std::vector<Error> check_answer(const policy::ParamValues& params, const nlohmann::json& answer) {
    std::vector<Error> faults;
    const auto add = [&](std::string_view key, Params values = {}) { faults.push_back(fail(Code::invalid, key, values).error); };
    const auto decision = text_of(answer, "decision");
    const auto note = std::string(trim(text_of(answer, "note")));
    if (decision != "pass" && decision != "fail" && decision != "refuse") add("checks.answer-decision", {{"found", decision}});
    if (decision != "pass" && note.empty()) add("checks.answer-note");
    if (note.size() > 10'000) add("checks.answer-note-long");
    if (decision == "refuse") return faults;
    if (params.has("count")) {
        if (!answer.contains("count") || !answer["count"].is_number_integer() || answer["count"].get<std::int64_t>() < 0)
            add("checks.answer-count", {{"what", params.get("count").texts.empty() ? "" : params.get("count").texts[0].in(Lang::en)}});
    }
    const auto wanted = params.get("questions").texts.size();
    std::size_t answered = 0;
    if (answer.contains("answers") && answer["answers"].is_array())
        for (const auto& text : answer["answers"]) answered += text.is_string() && !trim(text.get<std::string>()).empty() ? 1 : 0;
    if (answered < wanted) add("checks.answer-questions", {{"wanted", std::to_string(wanted)}, {"found", std::to_string(answered)}});
    std::size_t files = 0;
    bool good_hashes = true;
    if (answer.contains("evidence") && answer["evidence"].is_array())
        for (const auto& hash : answer["evidence"]) {
            ++files;
            good_hashes = good_hashes && hash.is_string() && hash.get<std::string>().size() == 64 && crypto::parse_hex(hash.get<std::string>());
        }
    if (!good_hashes) add("checks.answer-evidence-hash");
    if (const auto& evidence = params.get("evidence").text; !evidence.empty() && evidence != "none" && files == 0) add("checks.answer-evidence", {{"what", evidence}});
    return faults;
}

const Kind& sign_off_kind() {
    static const Kind kind{&spec(), nullptr, judge};
    return kind;
}

}  // namespace tilsyn::checks
