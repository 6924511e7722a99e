// http: one request to a service, measured and compared with what it should answer.
#include <algorithm>

#include "checks/kind.hpp"
#include "checks/substitute.hpp"
#include "crypto/hash.hpp"
#include "net/probe_http.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

// Faults of our own side: they say nothing about the service.
constexpr std::string_view our_own[] = {"net.lookup-failed", "net.lookup-timeout", "net.lookups-hang", "net.no-memory", "net.no-socket", "net.no-thread", "net.unreachable", "net.bad-ca-file", "net.proxy-not-found"};

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    const auto& url = params.get("url").text;
    if (!url.starts_with("{") && !url.starts_with("http://") && !url.starts_with("https://")) faults.push_back({"url", msg("checks.bad-url", {{"url", url}}), 0, 0});
    for (const auto status : params.get("status").integers)
        if (status < 100 || status > 599) faults.push_back({"status", msg("checks.bad-status", {{"status", std::to_string(status)}}), 0, 0});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "http";
        s.title = {"A web address answers as it should", "En webadresse svarer, som den skal"};
        s.summary = {"Makes one request and compares status, headers, body and time to first byte. Certificates are always checked. A pass means that it answered so from this machine at that moment.",
                     "Sender én forespørgsel og sammenligner status, headere, indhold og tid til første byte. Certifikater kontrolleres altid. Består den, svarede den sådan fra denne maskine i det øjeblik."};
        s.default_timeout = std::chrono::seconds(20);
        s.max_concurrent = 32;
        s.params = {
            {.name = "url", .type = ParamType::text, .default_value = "\"{url}\"", .help = {"The address; {field} is the subject's.", "Adressen; {felt} er emnets."}, .example = "\"{url}/health\""},
            {.name = "method", .type = ParamType::choice, .default_value = "\"GET\"", .help = {"The request's method.", "Forespørgslens metode."}, .choices = {"GET", "HEAD", "OPTIONS"}},
            {.name = "status", .type = ParamType::integer_list, .default_value = "[200]", .help = {"The statuses that are right.", "De statuskoder, der er rigtige."}, .example = "[200, 204]"},
            {.name = "body_contains", .type = ParamType::text, .help = {"A text that must be in the body.", "En tekst, der skal stå i indholdet."}},
            {.name = "body_lacks", .type = ParamType::text, .help = {"A text that must not be in the body.", "En tekst, der ikke må stå i indholdet."}},
            {.name = "header_contains", .type = ParamType::map, .help = {"Headers that must be there, each with a text it must hold.", "Headere, der skal være der, hver med en tekst, den skal rumme."},
             .example = "{ strict-transport-security = \"max-age\" }"},
            {.name = "follow_redirects", .type = ParamType::boolean, .default_value = "false", .help = {"Follow up to 5 redirects.", "Følg op til 5 viderestillinger."}},
            {.name = "max_first_byte", .type = ParamType::duration, .help = {"A longer wait for the first byte than this is a fail.", "Længere ventetid på første byte end dette er en fejl."}, .min = 0.001, .max = 120},
        };
        s.validate = validate;
        return s;
    }();
    return made;
}

nlohmann::json seen_of(const net::HttpResult& result, const policy::ParamValues& params) {
    nlohmann::json seen{{"url", result.final_url}, {"status", result.status}, {"body_bytes", result.body_bytes}, {"body_sha256", crypto::hex(crypto::sha256(result.body))},
                        {"address", result.remote_address}, {"redirects", result.redirects}, {"lookup_us", result.timings.lookup.count()}, {"connect_us", result.timings.connect.count()},
                        {"tls_us", result.timings.tls.count()}, {"first_byte_us", result.timings.first_byte.count()}, {"total_us", result.timings.total.count()}};
    // Only whether texts were there is kept: a body may hold anything.
    if (params.has("body_contains")) seen["contains"] = result.body.find(params.get("body_contains").text) != std::string::npos;
    if (params.has("body_lacks")) seen["lacks"] = result.body.find(params.get("body_lacks").text) == std::string::npos;
    if (result.body_cut()) seen["body_cut"] = true;
    for (const auto& [name, wanted] : params.get("header_contains").map) {
        const auto* value = result.header(name);
        seen["headers"][name] = value != nullptr && value->find(wanted) != std::string::npos;
    }
    return seen;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    const auto& params = request.control->params;
    std::vector<Facts> all;
    for (const auto& subject : request.subjects) {
        Facts facts;
        net::HttpRequest http;
        if (auto url = substitute(params.get("url").text, subject)) {
            http.url = std::move(*url);
            http.method = params.get("method").text;
            http.max_redirects = params.get("follow_redirects").boolean ? 5 : 0;
            http.headers = {{"User-Agent", "Tilsyn"}};
            const auto result = net::http_probe(http, request.deadline);
            if (result) {
                facts.seen = seen_of(*result, params);
            } else if (std::ranges::find(our_own, result.error().message.key) != std::end(our_own) || result.error().code == Code::invalid) {
                facts.not_measured = result.error().message;
            } else {
                facts.seen = {{"error", result.error().message.key}};
                for (const auto& [name, value] : result.error().message.params) facts.seen["params"][name] = value;
            }
        } else {
            facts.not_measured = url.error().message;
        }
        all.push_back(std::move(facts));
    }
    return all;
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    const auto& params = control.params;
    Judgement judgement;
    judgement.outcome = Outcome::fail;
    judgement.details = facts.seen;
    const auto& seen = facts.seen;
    if (seen.contains("error")) {
        judgement.why.key = seen["error"].get<std::string>();
        if (seen.contains("params"))
            for (const auto& [name, value] : seen["params"].items()) judgement.why.params.emplace_back(name, value.get<std::string>());
        return judgement;
    }
    const auto url = seen.value("url", "");
    const auto status = seen.value("status", std::int64_t{0});
    const auto first_byte = Duration(seen.value("first_byte_us", std::int64_t{0}));
    const auto& right = params.get("status").integers;
    if (std::ranges::find(right, status) == right.end()) {
        judgement.why = msg("checks.http-status", {{"url", url}, {"status", std::to_string(status)}});
        return judgement;
    }
    if (!seen.value("contains", true) && seen.value("body_cut", false)) {
        judgement.outcome = Outcome::unknown;
        judgement.why = msg("checks.http-body-cut", {{"url", url}});
        return judgement;
    }
    if (!seen.value("contains", true)) {
        judgement.why = msg("checks.http-lacks", {{"url", url}, {"text", params.get("body_contains").text}});
        return judgement;
    }
    if (!seen.value("lacks", true)) {
        judgement.why = msg("checks.http-contains", {{"url", url}, {"text", params.get("body_lacks").text}});
        return judgement;
    }
    if (seen.contains("headers"))
        for (const auto& [name, there] : seen["headers"].items())
            if (there != true) {
                judgement.why = msg("checks.http-header", {{"url", url}, {"header", name}});
                return judgement;
            }
    if (params.has("max_first_byte") && first_byte > params.get("max_first_byte").duration) {
        judgement.why = msg("checks.http-slow", {{"url", url}, {"took", std::to_string(first_byte.count() / 1000)}});
        return judgement;
    }
    judgement.outcome = Outcome::pass;
    judgement.why = msg("checks.http-answers", {{"url", url}, {"status", std::to_string(status)}, {"took", std::to_string(first_byte.count() / 1000)}});
    return judgement;
}

}  // namespace

const Kind& http_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
