// tcp: does something listen on a port, as seen from here?
#include "net/probe_tcp.hpp"

#include <charconv>

#include "checks/kind.hpp"
#include "checks/probe.hpp"
#include "checks/recorded.hpp"
#include "checks/substitute.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

std::optional<std::uint16_t> port_of(std::string_view text) {
    int number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || end != text.data() + text.size() || number < 1 || number > 65535) return std::nullopt;
    return std::uint16_t(number);
}

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    const auto& host = params.get("host").text;
    const auto& port = params.get("port").text;
    if (const auto fault = fault_in_braces(host)) faults.push_back({"host", *fault});
    if (host.empty() || host.find_first_of(" /:@") != host.npos)
        if (host.find("::") == host.npos) faults.push_back({"host", msg("checks.bad-host", {{"host", host}})});
    if (const auto fault = fault_in_braces(port))
        faults.push_back({"port", *fault});
    else if (port.find('{') == port.npos && !port_of(port))
        faults.push_back({"port", msg("checks.bad-port", {{"port", port}})});
    if (params.has("max_connect") && params.get("expect").text == "closed")
        faults.push_back({"max_connect", msg("checks.closed-has-no-time")});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "tcp";
        s.title = {"A port is open or closed", "En port er åben eller lukket"};
        s.summary = {
            "Connects to a port and says whether something listens there. With expect = \"closed\" a refusal "
            "and no answer at all both pass, for either way nothing can be reached from here.",
            "Opretter forbindelse til en port og siger, om nogen lytter. Med expect = \"closed\" består både "
            "en afvisning og intet svar, for i begge tilfælde kan intet nås herfra."};
        s.default_timeout = std::chrono::seconds(10);
        s.max_concurrent = 32;
        s.watched = true;
        s.params = {
            {.name = "host",
             .type = ParamType::text,
             .default_value = "\"{host}\"",
             .help = {"Name or address; {field} is the subject's.", "Navn eller adresse; {felt} er emnets."},
             .example = "\"{host}\""},
            {.name = "port",
             .type = ParamType::text,
             .required = true,
             .help = {"The port, or the field that holds it.", "Porten eller feltet, der rummer den."},
             .example = "\"443\""},
            {.name = "expect",
             .type = ParamType::choice,
             .default_value = "\"open\"",
             .help = {"What is right.", "Hvad der er rigtigt."},
             .choices = {"open", "closed"}},
            {.name = "max_connect",
             .type = ParamType::duration,
             .help = {"An open port that takes longer than this to connect to is a fail.",
                      "En åben port, der er længere end dette om at svare, er en fejl."},
             .min = 0.001,
             .max = 60},
        };
        s.validate = validate;
        return s;
    }();
    return made;
}

Result<net::Probe> prepare(const policy::Control& control, const Subject& subject) {
    net::TcpRequest tcp;
    TRY(tcp.host, substitute(control.params.get("host").text, subject));
    TRY(const auto port, substitute(control.params.get("port").text, subject));
    const auto number = port_of(port);
    if (!number) return fail(Code::invalid, "checks.bad-port", {{"port", port}});
    tcp.port = *number;
    return tcp;
}

Facts facts(const policy::Control&, const net::Probe& probe, const net::Answer& answer,
            const Environment& environment) {
    const auto& asked = std::get<net::TcpRequest>(probe);
    const auto& probed = std::get<Result<net::TcpResult>>(answer);
    Facts facts;
    facts.seen = {{"host", asked.host}, {"port", asked.port}};
    if (!probed) {
        if (our_own(probed.error(), environment)) return {{}, probed.error().message};
        facts.seen["error"] = to_json(probed.error().message);
        return facts;
    }
    facts.seen["state"] = to_string(probed->state);
    facts.seen["address"] = probed->address;
    facts.seen["lookup_us"] = probed->lookup.count();
    facts.seen["connect_us"] = probed->connect.count();
    for (const auto& attempt : probed->attempts)
        facts.seen["attempts"].push_back(
            {{"address", attempt.address}, {"state", to_string(attempt.state)}, {"took_us", attempt.took.count()}});
    if (probed->state == net::TcpState::unreachable) facts.seen["network"] = has_network(environment.root);
    return facts;
}

Judgement judged(Outcome outcome, Message why, const nlohmann::json& seen) {
    return {outcome, std::move(why), seen};
}

// Nothing was found there: no such name, or a state that is not open.
Judgement judge_absent(bool wanted_open, const std::string& target, const nlohmann::json& seen) {
    const auto state = seen.value("state", "");
    const bool heard_no = state == "refused" || state == "filtered";
    if (!wanted_open && heard_no) return judged(Outcome::pass, msg("checks.tcp-closed", {{"target", target}}), seen);
    // No such name, or no way there: that says nothing about what others can reach, nor about a machine that
    // we, without a network, could not have reached in any case.
    const auto outcome = wanted_open && seen.value("network", true) ? Outcome::fail : Outcome::unknown;
    if (seen.contains("error")) return judged(outcome, message_from(seen["error"]), seen);
    if (state == "unreachable") return judged(outcome, msg("checks.tcp-unreachable", {{"target", target}}), seen);
    return judged(outcome,
                  state == "refused" ? msg("checks.tcp-refused", {{"target", target}})
                                     : msg("checks.tcp-silent", {{"target", target}}),
                  seen);
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    const auto& seen = facts.seen;
    const auto host = seen.value("host", "");
    const auto target =
        (host.find(':') == host.npos ? host : "[" + host + "]") + ":" + std::to_string(seen.value("port", 0));
    const bool wanted_open = control.params.get("expect").text != "closed";
    if (seen.value("state", "") != "open") return judge_absent(wanted_open, target, seen);
    if (!wanted_open) return judged(Outcome::fail, msg("checks.tcp-open", {{"target", target}}), seen);
    const auto took = Duration(seen.value("connect_us", std::int64_t{0}));
    const auto milliseconds = std::to_string(took.count() / 1000);
    if (control.params.has("max_connect") && took > control.params.get("max_connect").duration)
        return {Outcome::fail, msg("checks.tcp-slow", {{"target", target}, {"took", milliseconds}}), seen, true};
    return judged(Outcome::pass, msg("checks.tcp-answers", {{"target", target}, {"took", milliseconds}}), seen);
}

}  // namespace

const Kind& tcp_kind() {
    static const Kind kind{.spec = &spec(), .judge = judge, .prepare = prepare, .facts = facts};
    return kind;
}

}  // namespace tilsyn::checks
