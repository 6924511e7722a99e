// tilsyn alerts: who is told what is not in order, and whether they were.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "app/messenger.hpp"
#include "commands.hpp"
#include "notify/outbox.hpp"
#include "output.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

constexpr int shown = 50;

std::string_view word(std::string_view state) {
    if (state == "sent") return "cli.alert-sent";
    return state == "given_up" ? "cli.alert-given-up" : "cli.alert-waiting";
}

Result<int> list(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto channels, notify::read_channels(app->data()));
    TRY(const auto reader, app->readers().get());
    TRY(const auto states, notify::channel_states(*reader));
    TRY(const auto notices, notify::recent(*reader, shown));
    if (call.json) {
        json out{{"channels", json::array()}, {"notices", json::array()}};
        for (const auto& channel : channels) {
            const auto found = std::ranges::find(states, channel.id, &notify::ChannelState::channel);
            const auto state = found == states.end() ? notify::ChannelState{} : *found;
            out["channels"].push_back({{"id", channel.id},
                                       {"last_sent_at", moment(state.last_sent)},
                                       {"waiting", state.waiting},
                                       {"waiting_since", moment(state.waiting_since)},
                                       {"error", state.error}});
        }
        for (const auto& notice : notices)
            out["notices"].push_back({{"id", notice.id},
                                      {"channel", notice.channel},
                                      {"what", notice.kind},
                                      {"subject", notice.subject},
                                      {"state", notice.state},
                                      {"made_at", moment(notice.made)},
                                      {"sent_at", moment(notice.sent)},
                                      {"attempts", notice.attempts},
                                      {"error", notice.error}});
        print_json(call, out);
        return 0;
    }
    if (channels.empty()) call.out() << call.tr("cli.alerts-none") << "\n";
    const Moments moments(*app);
    cli::Columns columns(
        {call.tr("cli.head-made"), call.tr("cli.head-channel"), call.tr("cli.head-state"), call.tr("cli.head-notice")});
    for (const auto& notice : notices)
        columns.add({moments.at(notice.made), notice.channel,
                     call.tr(word(notice.state)) + (notice.error.empty() ? "" : ": " + notice.error), notice.subject});
    if (!notices.empty()) call.out() << columns.render(call.terminal);
    return 0;
}

Result<int> test(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto notice, app::send_test_alert(*app, call.get("CHANNEL")));
    if (call.json)
        print_json(call, {{"notice", notice.id}, {"channel", notice.channel}});
    else
        call.out() << call.tr("cli.alert-taken", {{"channel", notice.channel}}) << "\n";
    return 0;
}

}  // namespace

cli::Table alert_commands() {
    return {
        {.path = "alerts", .summary = "cli.alerts"},
        {.path = "alerts list", .summary = "cli.alerts-list", .handler = list},
        {.path = "alerts test",
         .summary = "cli.alerts-test",
         .help = "cli.alerts-test-help",
         .arguments = {{.name = "CHANNEL", .help = "cli.alerts-channel"}},
         .handler = test},
    };
}

}  // namespace tilsyn::commands
