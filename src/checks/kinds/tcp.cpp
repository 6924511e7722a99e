// tcp: does something listen on a port, as seen from here?
#include "net/probe_tcp.hpp"

#include <charconv>

#include "checks/kind.hpp"
#include "checks/substitute.hpp"

namespace tilsyn::checks {
namespace {

using policy::ParamType;

std::vector<policy::ParamFault> validate(const policy::ParamValues& params) {
    std::vector<policy::ParamFault> faults;
    const auto& port = params.get("port").text;
    if (port.find('{') != port.npos) return faults;
    int number = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), number);
    if (error != std::errc{} || end != port.data() + port.size() || number < 1 || number > 65535) faults.push_back({"port", msg("checks.bad-port", {{"port", port}}), 0, 0});
    return faults;
}

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "tcp";
        s.title = {"A port is open or closed", "En port er åben eller lukket"};
        s.summary = {"Connects to a port and says whether something listens there. With expect = \"closed\" a refusal and no answer at all both pass, for either way nothing can be reached from here.",
                     "Opretter forbindelse til en port og siger, om nogen lytter. Med expect = \"closed\" består både en afvisning og intet svar, for i begge tilfælde kan intet nås herfra."};
        s.default_timeout = std::chrono::seconds(10);
        s.max_concurrent = 32;
        s.params = {
            {.name = "host", .type = ParamType::text, .default_value = "\"{host}\"", .help = {"Name or address; {field} is the subject's.", "Navn eller adresse; {felt} er emnets."}, .example = "\"{host}\""},
            {.name = "port", .type = ParamType::text, .required = true, .help = {"The port, or the field that holds it.", "Porten eller feltet, der rummer den."}, .example = "\"443\""},
            {.name = "expect", .type = ParamType::choice, .default_value = "\"open\"", .help = {"What is right.", "Hvad der er rigtigt."}, .choices = {"open", "closed"}},
            {.name = "max_connect", .type = ParamType::duration, .help = {"An open port that takes longer than this to connect to is a fail.", "En åben port, der er længere end dette om at svare, er en fejl."}, .min = 0.001, .max = 60},
        };
        s.validate = validate;
        return s;
    }();
    return made;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    std::vector<Facts> all;
    for (const auto& subject : request.subjects) {
        Facts facts;
        const auto host = substitute(request.control->params.get("host").text, subject);
        const auto port = substitute(request.control->params.get("port").text, subject);
        if (!host || !port) {
            facts.not_measured = (host ? port : host).error().message;
            all.push_back(std::move(facts));
            continue;
        }
        std::uint16_t number = 0;
        std::from_chars(port->data(), port->data() + port->size(), number);
        const auto probed = number == 0 ? Result<net::TcpResult>(fail(Code::invalid, "checks.bad-port", {{"port", *port}})) : net::tcp_probe(*host, number, request.deadline);
        if (!probed) {
            facts.not_measured = probed.error().message;
        } else {
            facts.seen = {{"host", *host}, {"port", number}, {"state", std::string(to_string(probed->state))}, {"address", probed->address}, {"connect_us", probed->connect.count()}};
        }
        all.push_back(std::move(facts));
    }
    return all;
}

Judgement judge(const policy::Control& control, const Facts& facts, Timestamp) {
    Judgement judgement;
    judgement.details = facts.seen;
    const auto target = facts.seen.value("host", "") + ":" + std::to_string(facts.seen.value("port", 0));
    const auto state = facts.seen.value("state", "");
    const bool open = state == "open";
    const bool wanted_open = control.params.get("expect").text != "closed";
    const auto took = Duration(facts.seen.value("connect_us", std::int64_t{0}));
    if (wanted_open && !open) {
        judgement.outcome = Outcome::fail;
        judgement.why = state == "refused" ? msg("checks.tcp-refused", {{"target", target}}) : state == "unreachable" ? msg("checks.tcp-unreachable", {{"target", target}})
                                                                                                                      : msg("checks.tcp-silent", {{"target", target}});
    } else if (!wanted_open && open) {
        judgement.outcome = Outcome::fail;
        judgement.why = msg("checks.tcp-open", {{"target", target}});
    } else if (open && control.params.has("max_connect") && took > control.params.get("max_connect").duration) {
        judgement.outcome = Outcome::fail;
        judgement.why = msg("checks.tcp-slow", {{"target", target}, {"took", std::to_string(took.count() / 1000)}});
    } else if (!wanted_open && state == "unreachable") {
        // No way there from here says nothing about what others can reach.
        judgement.outcome = Outcome::unknown;
        judgement.why = msg("checks.tcp-unreachable", {{"target", target}});
    } else {
        judgement.outcome = Outcome::pass;
        judgement.why = open ? msg("checks.tcp-answers", {{"target", target}, {"took", std::to_string(took.count() / 1000)}}) : msg("checks.tcp-closed", {{"target", target}});
    }
    return judgement;
}

}  // namespace

const Kind& tcp_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
