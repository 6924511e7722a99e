// sign_off: a person is asked, on time, with the steps to take, and signs what was seen.
#include "checks/sign_off.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

constexpr std::size_t longest_text = 10'000;  // bytes of a note or an answer

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    if (params.get("steps").texts.empty()) faults.push_back({"steps", msg("checks.no-steps")});
    if (params.has("count_max") && !params.has("count")) faults.push_back({"count_max", msg("checks.count-max-alone")});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "sign_off";
        s.title = {"A person signs", "En person underskriver"};
        s.summary = {
            "Asks a holder of the owner role to carry out some steps and to sign what was seen. A pass means "
            "that a named person said so on time, with the count, "
            "the answers and the evidence that the control demands.",
            "Beder en, der har ansvarsrollen, om at udføre nogle trin og underskrive, hvad der blev set. "
            "Består den, har en navngiven person sagt det til tiden med det "
            "antal, de svar og de bilag, som kontrollen kræver."};
        s.mode = policy::Mode::person;
        s.method = policy::Method::examine;
        s.params = {
            {.name = "steps",
             .type = ParamType::bilingual_list,
             .required = true,
             .help = {"What to do, step by step.", "Hvad der skal gøres, trin for trin."},
             .example = R"([ { da = "Gå gennem kontoret.", en = "Walk through the office." } ])"},
            {.name = "questions",
             .type = ParamType::bilingual_list,
             .help = {"Questions that must each be answered in words.", "Spørgsmål, der hver skal besvares med ord."}},
            {.name = "count",
             .type = ParamType::bilingual,
             .help = {"Asks for a number: what is counted.", "Beder om et tal: hvad der tælles."}},
            {.name = "count_max",
             .type = ParamType::integer,
             .help = {"A higher count than this is a fail.", "Et højere antal end dette er en fejl."},
             .min = 0},
            {.name = "evidence",
             .type = ParamType::choice,
             .default_value = "\"none\"",
             .help = {"What must be attached.", "Hvad der skal vedhæftes."},
             .choices = {"none", "photo", "file"}},
            {.name = "second_person",
             .type = ParamType::boolean,
             .default_value = "false",
             .help = {"Another person must sign too.", "En anden person skal også underskrive."}},
            {.name = "by_lot",
             .type = ParamType::boolean,
             .default_value = "false",
             .help = {"One holder of the owner role is drawn by lot.",
                      "Der trækkes lod mellem dem, der har ansvarsrollen."}},
        };
        s.validate = validate;
        return s;
    }();
    return made;
}

std::string text_of(const nlohmann::json& answer, const char* name) {
    return answer.contains(name) && answer[name].is_string() ? answer[name].get<std::string>() : std::string();
}

std::optional<std::int64_t> count_of(const nlohmann::json& answer) {
    const auto found = answer.find("count");
    if (found == answer.end() || !found->is_number_integer() || found->get<std::int64_t>() < 0) return std::nullopt;
    return found->get<std::int64_t>();
}

std::vector<std::string> texts_of(const nlohmann::json& answer, const char* name) {
    std::vector<std::string> texts;
    const auto found = answer.find(name);
    if (found != answer.end() && found->is_array())
        for (const auto& text : *found) texts.push_back(text.is_string() ? text.get<std::string>() : std::string());
    return texts;
}

// Who signed stands in the log entry of the signature, where it can be erased; not here.
Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    const auto& answer = facts.seen;
    const auto decision = text_of(answer, "decision");
    const auto note = text_of(answer, "note");
    const auto count = count_of(answer);
    Judgement judgement;
    judgement.details = {{"decision", decision},
                         {"note", note},
                         {"evidence", texts_of(answer, "evidence")},
                         {"answers", texts_of(answer, "answers")}};
    if (count) judgement.details["count"] = *count;
    const auto& limit = control.params.get("count_max").integer;
    if (decision == "refuse") {
        judgement.outcome = Outcome::unknown;
        judgement.why = msg("checks.sign-off-refused", {{"note", note}});
    } else if (const auto faults = check_answer(control.params, answer); !faults.empty()) {
        judgement.outcome = Outcome::unknown;  // a signature that lacks something is none
        judgement.why = faults.front().message;
    } else if (control.params.has("count_max") && count.value_or(0) > limit) {
        judgement.outcome = Outcome::fail;
        judgement.why =
            msg("checks.sign-off-count", {{"found", std::to_string(*count)}, {"limit", std::to_string(limit)}});
    } else if (decision == "fail") {
        judgement.outcome = Outcome::fail;
        judgement.why = msg("checks.sign-off-failed", {{"note", note}});
    } else if (control.params.get("second_person").boolean && text_of(answer, "second_by").empty()) {
        judgement.outcome = Outcome::unknown;
        judgement.why = msg("checks.sign-off-alone");
    } else {
        judgement.outcome = Outcome::pass;
        judgement.why = msg("checks.sign-off-passed");
    }
    return judgement;
}

}  // namespace

std::vector<Error> check_answer(const policy::ParamValues& params, const nlohmann::json& answer) {
    std::vector<Error> faults;
    const auto add = [&](std::string_view key, Params values = {}) {
        faults.push_back(fail(Code::invalid, key, values).error);
    };
    if (!answer.is_object()) {
        add("checks.answer-decision", {{"found", answer.dump().substr(0, 20)}});
        return faults;
    }
    const auto decision = text_of(answer, "decision");
    const auto note = text_of(answer, "note");
    if (decision != "pass" && decision != "fail" && decision != "refuse")
        add("checks.answer-decision", {{"found", shorten(decision, 20)}});
    if (decision != "pass" && trim(note).empty()) add("checks.answer-note");
    if (note.size() > longest_text) add("checks.answer-too-long");
    if (decision == "refuse") return faults;

    if (params.has("count") && !count_of(answer)) {
        const auto& what = params.get("count").texts.front();
        add("checks.answer-count", {{"what", what.en.empty() ? what.da : what.en}});
    }
    const auto wanted = params.get("questions").texts.size();
    const auto answers = texts_of(answer, "answers");
    const auto answered =
        std::size_t(std::ranges::count_if(answers, [](const auto& text) { return !trim(text).empty(); }));
    if (answered < wanted || answers.size() > wanted)
        add("checks.answer-questions", {{"wanted", std::to_string(wanted)}, {"found", std::to_string(answered)}});
    if (std::ranges::any_of(answers, [](const auto& text) { return text.size() > longest_text; }))
        add("checks.answer-too-long");

    const auto evidence = texts_of(answer, "evidence");
    const auto good_hash = [](const std::string& hash) {
        return hash.size() == 64 && crypto::parse_hex(hash) && lower_ascii(hash) == hash;
    };
    if (!std::ranges::all_of(evidence, good_hash)) add("checks.answer-evidence-hash");
    const auto& demanded = params.get("evidence").text;
    if (evidence.empty() && demanded == "photo") add("checks.answer-photo");
    if (evidence.empty() && demanded == "file") add("checks.answer-file");

    const auto second = text_of(answer, "second_by");
    if (!second.empty() && second == text_of(answer, "signed_by")) add("checks.answer-second-is-first");
    return faults;
}

const Kind& sign_off_kind() {
    static const Kind kind{&spec(), nullptr, judge};
    return kind;
}

}  // namespace tilsyn::checks
