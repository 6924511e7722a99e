// http: one request to a service, measured and compared with what it should answer.
#include <algorithm>

#include "base/text.hpp"
#include "checks/kind.hpp"
#include "checks/probe.hpp"
#include "checks/recorded.hpp"
#include "checks/substitute.hpp"
#include "crypto/hash.hpp"
#include "net/probe_http.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

constexpr std::size_t body_searched = 4u << 20;  // when a text is looked for
constexpr unsigned most_redirects = 5;

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    const auto& url = params.get("url").text;
    if (const auto fault = fault_in_braces(url))
        faults.push_back({"url", *fault});
    else if (!url.starts_with("{") && !url.starts_with("http://") && !url.starts_with("https://"))
        faults.push_back({"url", msg("checks.bad-url", {{"url", url}})});
    if (params.get("status").integers.empty()) faults.push_back({"status", msg("checks.no-status")});
    if (params.get("method").text == "HEAD")
        for (const auto* name : {"body_contains", "body_lacks"})
            if (params.has(name)) faults.push_back({name, msg("checks.head-has-no-body")});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "http";
        s.title = {"A web address answers as it should", "En webadresse svarer, som den skal"};
        s.summary = {
            "Makes one request and compares status, headers, body and time to first byte. Certificates are "
            "always checked. A pass means that it answered so from this machine at that moment.",
            "Sender én forespørgsel og sammenligner status, headere, indhold og tid til første byte. "
            "Certifikater kontrolleres altid. Består den, svarede den sådan fra denne maskine i det "
            "øjeblik."};
        s.default_timeout = std::chrono::seconds(20);
        s.max_concurrent = 32;
        s.watched = true;
        s.params = {
            {.name = "url",
             .type = ParamType::text,
             .default_value = "\"{url}\"",
             .help = {"The address; {field} is the subject's.", "Adressen; {felt} er emnets."},
             .example = "\"{url}/health\""},
            {.name = "method",
             .type = ParamType::choice,
             .default_value = "\"GET\"",
             .help = {"The request's method.", "Forespørgslens metode."},
             .choices = {"GET", "HEAD", "OPTIONS"}},
            {.name = "status",
             .type = ParamType::integer_list,
             .default_value = "[200]",
             .help = {"The statuses that are right.", "De statuskoder, der er rigtige."},
             .min = 100,
             .max = 599,
             .example = "[200, 204]"},
            {.name = "body_contains",
             .type = ParamType::text,
             .help = {"A text that must be in the body.", "En tekst, der skal stå i indholdet."}},
            {.name = "body_lacks",
             .type = ParamType::text,
             .help = {"A text that must not be in the body.", "En tekst, der ikke må stå i indholdet."}},
            {.name = "header_contains",
             .type = ParamType::map,
             .help = {"Headers that must be there, each with a text it must hold.",
                      "Headere, der skal være der, hver med en tekst, den skal rumme."},
             .example = "{ strict-transport-security = \"max-age\" }"},
            {.name = "follow_redirects",
             .type = ParamType::boolean,
             .default_value = "false",
             .help = {"Follow up to 5 redirects.", "Følg op til 5 viderestillinger."}},
            {.name = "max_first_byte",
             .type = ParamType::duration,
             .help = {"A longer wait for the first byte than this is a fail.",
                      "Længere ventetid på første byte end dette er en fejl."},
             .min = 0.001,
             .max = 120},
        };
        s.validate = validate;
        return s;
    }();
    return made;
}

bool holds(std::string_view text, std::string_view part) {
    return text.find(part) != text.npos;
}

// Is there a header of this name that holds the text? Capitals count in neither.
bool header_holds(const net::HttpResult& result, std::string_view name, std::string_view wanted) {
    const auto lower_name = lower_ascii(name), lower_wanted = lower_ascii(wanted);
    return std::ranges::any_of(result.headers, [&](const auto& header) {
        return header.first == lower_name && holds(lower_ascii(header.second), lower_wanted);
    });
}

nlohmann::json seen_of(const net::HttpResult& result, const policy::ParamValues& params) {
    const auto& timings = result.timings;
    nlohmann::json seen{{"url", result.final_url},
                        {"status", result.status},
                        {"address", result.remote_address},
                        {"redirects", result.redirects},
                        {"lookup_us", timings.lookup.count()},
                        {"connect_us", timings.connect.count()},
                        {"tls_us", timings.tls.count()},
                        {"first_byte_us", timings.first_byte.count()},
                        {"total_us", timings.total.count()},
                        {"body_bytes", result.body_bytes}};
    // Of the body only this is kept, and whether texts were there: it may hold anything.
    if (result.body_cut())
        seen["body_cut"] = true;
    else
        seen["body_sha256"] = crypto::hex(crypto::sha256(result.body));
    if (params.has("body_contains")) seen["contains"] = holds(result.body, params.get("body_contains").text);
    if (params.has("body_lacks")) seen["lacks"] = !holds(result.body, params.get("body_lacks").text);
    for (const auto& [name, wanted] : params.get("header_contains").map)
        seen["headers"][name] = header_holds(result, name, wanted);
    return seen;
}

Result<net::Probe> prepare(const policy::Control& control, const Subject& subject) {
    const auto& params = control.params;
    net::HttpRequest http;
    TRY(http.url, substitute(params.get("url").text, subject));
    http.method = params.get("method").text;
    http.max_redirects = params.get("follow_redirects").boolean ? most_redirects : 0;
    if (params.has("body_contains") || params.has("body_lacks")) http.body_kept = body_searched;
    return http;
}

Facts facts(const policy::Control& control, const net::Probe& probe, const net::Answer& answer,
            const Environment& environment) {
    const auto& result = std::get<Result<net::HttpResult>>(answer);
    if (result) return {seen_of(*result, control.params), {}};
    if (our_own(result.error(), environment)) return {{}, result.error().message};
    const auto& url = std::get<net::HttpRequest>(probe).url;
    return {{{"url", net::url_for_display(url)}, {"error", to_json(result.error().message)}}, {}};
}

struct Verdict {
    Outcome outcome;
    Message why;
    bool too_slow = false;
};

Verdict judge_answer(const policy::ParamValues& params, const nlohmann::json& seen) {
    const auto url = seen.at("url").get<std::string>();
    const auto status = seen.at("status").get<std::int64_t>();
    const auto first_byte = Duration(seen.at("first_byte_us").get<std::int64_t>());
    const auto took = std::to_string(first_byte.count() / 1000);
    const auto& right = params.get("status").integers;
    if (std::ranges::find(right, status) == right.end())
        return {Outcome::fail, msg("checks.http-status", {{"url", url}, {"status", std::to_string(status)}})};
    if (!seen.value("lacks", true))
        return {Outcome::fail, msg("checks.http-contains", {{"url", url}, {"text", params.get("body_lacks").text}})};
    if (seen.contains("headers"))
        for (const auto& [name, there] : seen["headers"].items())
            if (!there.get<bool>())
                return {Outcome::fail,
                        msg("checks.http-header",
                            {{"url", url}, {"header", name}, {"text", params.get("header_contains").map.at(name)}})};
    if (params.has("max_first_byte") && first_byte > params.get("max_first_byte").duration)
        return {Outcome::fail, msg("checks.http-slow", {{"url", url}, {"took", took}}), true};
    // Only the beginning of the body was searched: what was not found there may stand further on.
    const bool contains = seen.value("contains", true);
    if (seen.value("body_cut", false) && (!contains || seen.contains("lacks")))
        return {Outcome::unknown, msg("checks.http-body-cut", {{"url", url}})};
    if (!contains)
        return {Outcome::fail, msg("checks.http-lacks", {{"url", url}, {"text", params.get("body_contains").text}})};
    return {Outcome::pass,
            msg("checks.http-answers", {{"url", url}, {"status", std::to_string(status)}, {"took", took}})};
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    if (facts.seen.contains("error")) return {Outcome::fail, message_from(facts.seen["error"]), facts.seen};
    auto [outcome, why, too_slow] = judge_answer(control.params, facts.seen);
    return {outcome, std::move(why), facts.seen, too_slow};
}

}  // namespace

const Kind& http_kind() {
    static const Kind kind{.spec = &spec(), .judge = judge, .prepare = prepare, .facts = facts};
    return kind;
}

}  // namespace tilsyn::checks
