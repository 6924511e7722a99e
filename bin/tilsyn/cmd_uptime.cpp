// tilsyn uptime: how much of a time the watched services were up, and how fast they answered.
#include <fmt/format.h>

#include <charconv>
#include <cmath>
#include <map>
#include <nlohmann/json.hpp>

#include "base/text.hpp"
#include "commands.hpp"
#include "monitor/figures.hpp"
#include "output.hpp"
#include "registers/csv.hpp"

namespace tilsyn::commands {
namespace {

using monitor::Figures;
using nlohmann::json;

// Cut, not rounded: what is not whole is not shown as if it were.
std::string percent(double share, Lang lang) {
    const auto cut = std::floor(share * 1e5 + 1e-6) / 1e3;
    auto text = fmt::format("{:.3f}", cut);
    if (lang == Lang::da) std::ranges::replace(text, '.', ',');
    return text + " %";
}

// Rounded up, as what is uncertain should be.
double uncertain(const monitor::Uptime& up) {
    return std::ceil((up.share_hi() - up.share_lo()) / 2 * 1e5 - 1e-6) / 1e5;
}

json time_in_ms(const Figures& one, double quantile) {
    const auto value = one.times.quantile(quantile);
    return value ? json(double(*value) / 1000) : json(nullptr);
}

json as_json(const Figures& one) {
    const auto& up = one.uptime;
    json out{
        {"control", one.control},
        {"subject", one.subject},
        {"method", monitor::uptime_method},
        {"watched_since", format_utc_seconds(from_micros(one.since * 1000))},
        {"period_ms", up.period},
        {"measured_ms", up.measured},
        {"down_ms", {{"at_least", up.down_lo}, {"at_most", up.down_hi}}},
        {"outages", up.outages},
        {"longest_outage_ms", up.longest},
        {"results", {{"up", one.up}, {"down", one.down}, {"unmeasured", one.unmeasured}}},
        {"answer_ms", {{"p50", time_in_ms(one, 0.5)}, {"p95", time_in_ms(one, 0.95)}, {"p99", time_in_ms(one, 0.99)}}},
        {"uptime", nullptr},
        {"down_since", nullptr}};
    if (up.known()) out["uptime"] = {{"middle", up.share()}, {"at_least", up.share_lo()}, {"at_most", up.share_hi()}};
    if (one.down_since) out["down_since"] = format_utc(from_micros(*one.down_since * 1000));
    return out;
}

std::string as_csv(const std::vector<Figures>& all) {
    registers::CsvWriter writer(registers::CsvStyle::plain);
    writer.row(std::vector<std::string>{"control", "subject", "method", "period_ms", "measured_ms", "down_at_least_ms",
                                        "down_at_most_ms", "outages", "longest_outage_ms", "up", "down", "unmeasured",
                                        "p50_ms", "p95_ms", "p99_ms"});
    for (const auto& one : all) {
        std::vector<std::string> cells{one.control, one.subject};
        for (const auto value :
             {std::int64_t{monitor::uptime_method}, one.uptime.period, one.uptime.measured, one.uptime.down_lo,
              one.uptime.down_hi, one.uptime.outages, one.uptime.longest, one.up, one.down, one.unmeasured})
            cells.push_back(std::to_string(value));
        for (const double q : {0.5, 0.95, 0.99}) {
            const auto time = one.times.quantile(q);
            cells.push_back(time ? fmt::format("{:.2f}", double(*time) / 1000) : std::string());
        }
        writer.row(cells);
    }
    return writer.take();
}

Result<monitor::Period> period_of(const cli::Invocation& call, const Zone& zone, Timestamp now) {
    if (!call.get("month").empty()) return monitor::month_of(call.get("month"));
    int days = 30;
    if (const auto text = call.get("days"); !text.empty()) {
        const auto end = text.data() + text.size();
        if (std::from_chars(text.data(), end, days).ptr != end || days < 1 || days > 3660)
            return fail(Code::invalid, "cli.uptime-bad-days", {{"text", text}});
    }
    const auto today = std::chrono::sys_days(zone.local(now).date);
    return monitor::Period{Date(today - std::chrono::days(days - 1)), Date(today)};
}

Result<int> uptime(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const Moments moments(*app);
    TRY(const auto period, period_of(call, moments.zone(), app->clock().now()));
    TRY(const auto reader, app->readers().get());
    const auto control = call.get("CONTROL");
    TRY(const auto all, monitor::figures(*reader, period, moments.zone(), app->clock().now(),
                                         control.empty() ? std::nullopt : std::optional<std::string_view>(control)));
    if (call.has("csv")) {
        call.out() << as_csv(all);
        return 0;
    }
    if (call.json) {
        json out{{"from", format_date(period.first)}, {"to", format_date(period.last)}, {"services", json::array()}};
        for (const auto& one : all) out["services"].push_back(as_json(one));
        print_json(call, out);
        return 0;
    }
    call.out() << call.tr("cli.uptime-period", {{"from", format_date(period.first)}, {"to", format_date(period.last)}})
               << "\n";
    if (all.empty()) {
        call.out() << call.tr("cli.uptime-none") << "\n";
        return 0;
    }
    std::map<std::string, int> controls;  // of each subject
    for (const auto& one : all) ++controls[one.subject];
    cli::Columns columns({call.tr("cli.head-service"), call.tr("cli.head-uptime"), "±", call.tr("cli.head-measured"),
                          call.tr("cli.head-outages"), call.tr("cli.head-longest"), "p50 ms", "p95 ms", "p99 ms"});
    for (const auto& one : all) {
        const auto& up = one.uptime;
        const auto time = [&](double q) {
            const auto value = one.times.quantile(q);
            return value ? fmt::format("{:.1f}", double(*value) / 1000) : std::string("-");
        };
        const bool plain = one.subject != "company" && controls[one.subject] == 1;
        const auto name = plain ? one.subject : one.control + (one.subject == "company" ? "" : " " + one.subject);
        columns.add({name, up.known() ? percent(up.share(), call.lang) : call.tr("cli.uptime-unknown"),
                     up.known() ? percent(uncertain(up), call.lang) : "", percent(up.coverage(), call.lang),
                     std::to_string(up.outages), up.longest > 0 ? humanize(Duration(up.longest * 1000), call.lang) : "",
                     time(0.5), time(0.95), time(0.99)});
    }
    call.out() << columns.render(call.terminal) << call.tr("cli.uptime-method") << "\n";
    return 0;
}

}  // namespace

cli::Table uptime_commands() {
    return {{.path = "uptime",
             .summary = "cli.uptime",
             .help = "cli.uptime-help",
             .arguments = {{.name = "CONTROL", .help = "cli.uptime-control", .arity = cli::Arity::optional}},
             .options = {{.name = "month", .value = "YYYY-MM", .help = "cli.uptime-month"},
                         {.name = "days", .value = "N", .help = "cli.uptime-days"},
                         {.name = "csv", .help = "cli.uptime-csv"}},
             .handler = uptime}};
}

}  // namespace tilsyn::commands
