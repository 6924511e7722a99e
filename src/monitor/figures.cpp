#include "monitor/figures.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <map>

#include "monitor/store.hpp"

namespace tilsyn::monitor {
namespace {

Result<void> add(Figures& figures, const db::Row& row, std::size_t first) {
    figures.up += row.integer(first);
    figures.down += row.integer(first + 1);
    figures.unmeasured += row.integer(first + 2);
    TRY(const auto sketch, Sketch::decode(bytes_of(row.blob(first + 3))));
    figures.times.merge(sketch);
    return {};
}

}  // namespace

Result<Period> month_of(std::string_view text) {
    int year = 0;
    unsigned month = 0;
    const auto bad = fail(Code::invalid, "monitor.bad-month", {{"text", std::string(text)}});
    if (text.size() != 7 || text[4] != '-') return std::unexpected(bad.error);
    if (std::from_chars(text.data(), text.data() + 4, year).ptr != text.data() + 4 ||
        std::from_chars(text.data() + 5, text.data() + 7, month).ptr != text.data() + 7 || month < 1 || month > 12)
        return std::unexpected(bad.error);
    const std::chrono::year_month when{std::chrono::year(year), std::chrono::month(month)};
    return Period{when / 1, Date(when / std::chrono::last)};
}

Result<std::vector<Figures>> figures(db::Connection& connection, const Period& period, const Zone& zone, Timestamp now,
                                     std::optional<std::string_view> control) {
    using std::chrono::sys_days;
    const auto begin_of = [&](sys_days day) { return zone.utc_of({Date(day), std::chrono::seconds(0)}); };
    const auto from = to_ms(begin_of(sys_days(period.first)));
    const auto to = to_ms(begin_of(sys_days(period.last) + std::chrono::days(1)));

    std::map<TargetId, Figures> all;
    TRY_VOID(connection.each("SELECT id, control, subject, since FROM monitor_target", {},
                             [&](const db::Row& row) -> Result<bool> {
                                 if (control && row.text(1) != *control) return true;
                                 auto& one = all[row.integer(0)];
                                 one.control = row.text(1);
                                 one.subject = row.text(2);
                                 one.since = row.integer(3);
                                 return true;
                             }));
    TRY(const auto recovered, recover(connection));
    for (auto& [id, one] : all) {
        // Days that are over have a row each; the hours after the last of them, and what is not closed yet, are added.
        auto hours_from = hour_of(from);
        TRY_VOID(
            connection.each("SELECT day, up, down, unmeasured, sketch FROM monitor_day WHERE target = ? AND day >= ? "
                            "AND day <= ? ORDER BY day",
                            std::array<db::Value, 3>{id, sys_days(period.first).time_since_epoch().count(),
                                                     sys_days(period.last).time_since_epoch().count()},
                            [&](const db::Row& row) -> Result<bool> {
                                const sys_days day{std::chrono::days(row.integer(0))};
                                hours_from = hour_of(to_ms(begin_of(day + std::chrono::days(1))));
                                TRY_VOID(add(one, row, 1));
                                return true;
                            }));
        TRY_VOID(connection.each(
            "SELECT up, down, unmeasured, sketch FROM monitor_hour WHERE target = ? AND hour >= ? AND hour < ?",
            std::array<db::Value, 3>{id, hours_from, hour_of(to)}, [&](const db::Row& row) -> Result<bool> {
                TRY_VOID(add(one, row, 0));
                return true;
            }));
        for (auto tail = recovered.hours.lower_bound({id, hours_from});
             tail != recovered.hours.end() && tail->first.first == id && tail->first.second < hour_of(to); ++tail) {
            TRY(const auto samples, read_samples(tail->second.bytes()));
            for (const auto& sample : samples) {
                (sample.seen == Seen::up ? one.up : sample.seen == Seen::down ? one.down : one.unmeasured) += 1;
                if (sample.seen == Seen::up) one.times.add(std::uint64_t(sample.tens_of_micros) * 10);
            }
        }
        // The period ends with the newest result: what comes after it is not known.
        const auto last = recovered.last.find(id);
        const auto known_to = last == recovered.last.end() ? one.since : std::min(to_ms(now), last->second.at);
        std::vector<Span> spans;
        TRY_VOID(connection.each(
            "SELECT state, from_lo, from_hi, to_lo, to_hi, open FROM monitor_span WHERE target = ? AND from_lo < ? AND "
            "(to_hi >= ? OR open = 1) ORDER BY from_lo",
            std::array<db::Value, 3>{id, to, from}, [&](const db::Row& row) -> Result<bool> {
                Span span{Seen(row.integer(0)), row.integer(1), row.integer(2),
                          row.integer(3),       row.integer(4), row.integer(5) == 1};
                if (span.open) {
                    span.to_lo = span.to_hi = std::max(span.to_hi, known_to);
                    if (span.state == Seen::down) one.down_since = span.from_lo;
                }
                spans.push_back(span);
                return true;
            }));
        const Interval asked{std::max(from, one.since), std::min(to, known_to)};
        if (asked.second > asked.first) one.uptime = uptime(asked, spans);
    }
    std::vector<Figures> out;
    for (auto& [id, one] : all)
        if (one.up + one.down + one.unmeasured > 0) out.push_back(std::move(one));
    std::ranges::sort(out, {}, [](const Figures& one) { return std::pair(one.control, one.subject); });
    return out;
}

}  // namespace tilsyn::monitor
