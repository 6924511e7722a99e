// tilsyn witness: a witness to other people's logs, until somebody asks it to stop.
#include <fmt/format.h>

#include <charconv>
#include <nlohmann/json.hpp>

#include "app/logging.hpp"
#include "app/serve.hpp"
#include "commands.hpp"
#include "output.hpp"
#include "witness/service.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

struct Listen {
    std::string address;
    std::uint16_t port = 0;
    std::string url(std::uint16_t listening) const {
        const bool six = address.find(':') != std::string::npos;
        return fmt::format("http://{}:{}", six ? "[" + address + "]" : address, listening);
    }
};

// "127.0.0.1:7374", "[::1]:7374"
Result<Listen> parse_listen(const std::string& text) {
    const auto bad = [&] { return fail(Code::invalid, "cli.witness-bad-listen", {{"value", text}}); };
    const auto colon = text.rfind(':');
    if (colon == text.npos || colon == 0) return bad();
    Listen listen{text.substr(0, colon), 0};
    const auto *begin = text.data() + colon + 1, *end = text.data() + text.size();
    if (const auto [at, error] = std::from_chars(begin, end, listen.port); error != std::errc() || at != end)
        return bad();
    const bool bracketed = listen.address.starts_with('[') && listen.address.ends_with(']');
    if (bracketed) listen.address = listen.address.substr(1, listen.address.size() - 2);
    if (!bracketed && listen.address.find(':') != std::string::npos) return bad();
    return listen;
}

Result<std::vector<log::VerifierKey>> given_keys(const cli::Invocation& call, std::string_view option) {
    std::vector<log::VerifierKey> keys;
    for (const auto& text : call.all(option)) {
        TRY(auto key, log::parse_vkey(text));
        keys.push_back(std::move(key));
    }
    return keys;
}

json to_json(const witness::Witness& witness, const std::vector<witness::KnownLog>& logs) {
    json list = json::array();
    for (const auto& known : logs) {
        json keys = json::array();
        for (const auto& key : known.keys) keys.push_back(log::to_string(key));
        list.push_back({{"origin", known.origin},
                        {"vkeys", std::move(keys)},
                        {"size", known.size},
                        {"cosigned_at", moment(known.cosigned_at)},
                        {"note", known.note.empty() ? json(nullptr) : json(known.note)},
                        {"forks", known.forks}});
    }
    return {{"vkey", log::to_string(witness.verifier())}, {"logs", std::move(list)}};
}

void print(cli::Invocation& call, const witness::Witness& witness, const std::vector<witness::KnownLog>& logs) {
    call.out() << call.tr("cli.witness-key", {{"vkey", log::to_string(witness.verifier())}}) << "\n";
    for (const auto& known : logs) {
        if (known.cosigned_at)
            call.out() << call.tr("cli.witness-log", {{"origin", known.origin},
                                                      {"size", std::to_string(known.size)},
                                                      {"time", format_utc_seconds(*known.cosigned_at)}})
                       << "\n";
        else
            call.out() << call.tr("cli.witness-log-none", {{"origin", known.origin}}) << "\n";
        if (known.forks > 0)
            call.out() << call.terminal.red(call.tr("cli.witness-fork",
                                                    {{"origin", known.origin}, {"count", std::to_string(known.forks)}}))
                       << "\n";
    }
    if (logs.empty()) call.out() << call.tr("cli.witness-no-logs") << "\n";
}

// What was cosigned, and what a log should not have sent. A log that is only out of step asks again at once.
void report(const witness::Answer& answer) {
    using witness::Verdict;
    const auto size = std::to_string(answer.asked_size);
    if (answer.fork)
        app::log_event(app::Level::error, "witness.fork", {{"origin", answer.origin}, {"size", size}});
    else if (answer.verdict == Verdict::cosigned)
        app::log_event(app::Level::info, "witness.cosigned", {{"origin", answer.origin}, {"size", size}});
    else if (answer.verdict != Verdict::out_of_step)
        app::log_event(app::Level::warning, "witness.refused",
                       {{"origin", answer.origin}, {"size", size}, {"status", std::to_string(int(answer.verdict))}});
}

Result<int> serve(cli::Invocation& call, witness::Witness& witness, const Listen& listen, app::StopSignal& stop) {
    http::Limits limits;
    limits.host_names = call.all("host-name");
    TRY(const auto server, http::Server::start(listen.address, listen.port, witness::routes(witness, report), {},
                                               limits, [](const http::Served& served) {
                                                   if (!served.fault.empty())
                                                       app::log_event(
                                                           app::Level::error, "http.fault",
                                                           {{"id", served.request_id}, {"fault", served.fault}});
                                               }));
    TRY(const auto logs, witness.logs());
    const auto url = listen.url(server->port());
    if (call.json) {
        auto state = to_json(witness, logs);
        state["url"] = url;
        print_json(call, state);
    } else {
        print(call, witness, logs);
        call.out() << call.tr("cli.witness-serving", {{"url", url}}) << "\n";
    }
    call.out() << std::flush;
    while (!stop.wait(std::chrono::hours(1))) {
    }
    stop.give_up_patience();
    server->stop();
    return 0;
}

Result<int> witness_command(cli::Invocation& call) {
    TRY(const auto listen, parse_listen(call.get("listen", "127.0.0.1:7374")));
    // First of all, so that every thread started from here on leaves the signals to it.
    TRY(const auto stop, app::StopSignal::create());
    static const SystemClock clock;
    TRY(const auto known, given_keys(call, "log"));
    TRY(const auto forgotten, given_keys(call, "forget-key"));
    TRY(const auto witness, witness::Witness::open({call.data, call.get("name")}, clock));
    for (const auto& key : known) TRY_VOID(witness->add_log(key));
    for (const auto& key : forgotten) {
        TRY(const bool gone, witness->forget_key(key));
        if (!gone) return fail(Code::not_found, "cli.witness-no-key");
    }
    if (!call.has("show")) {
        app::start_logging(app::Level::info);
        return serve(call, *witness, listen, *stop);
    }
    TRY(const auto logs, witness->logs());
    if (call.json)
        print_json(call, to_json(*witness, logs));
    else
        print(call, *witness, logs);
    return std::ranges::any_of(logs, [](const auto& log) { return log.forks > 0; }) ? 1 : 0;
}

}  // namespace

cli::Table witness_commands() {
    return {
        {.path = "witness",
         .summary = "cli.witness",
         .help = "cli.witness-help",
         .options = {{.name = "listen", .value = "ADDRESS:PORT", .help = "cli.option-listen"},
                     {.name = "name", .value = "NAME", .help = "cli.option-witness-name"},
                     {.name = "log", .value = "VKEY", .help = "cli.option-log-vkey", .repeated = true},
                     {.name = "forget-key", .value = "VKEY", .help = "cli.option-forget-key", .repeated = true},
                     {.name = "host-name", .value = "NAME", .help = "cli.option-host-name", .repeated = true},
                     {.name = "show", .help = "cli.option-show"}},
         .exits = {{1, "cli.exit-fork"}},
         .handler = witness_command},
    };
}

}  // namespace tilsyn::commands
