// The tables of this slice. Results go into monitor_tail as they come, every result of a moment in one row; when an
// hour is over they are written once more, by target, with their counts and their sketch, and the tail of that hour
// goes. A day's row is made of its hours. Spans are written when they begin and when they end.
//
// Everything here may be run again after a lost connection, and does not add twice.
#pragma once
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "db/db.hpp"
#include "monitor/samples.hpp"
#include "monitor/sketch.hpp"
#include "monitor/spans.hpp"

namespace tilsyn::monitor {

inline constexpr std::int64_t ms_an_hour = 3'600'000;
inline std::int64_t hour_of(std::int64_t at_ms) {  // hours since 1970
    return (at_ms >= 0 ? at_ms : at_ms - ms_an_hour + 1) / ms_an_hour;
}

// What is kept, and for how many days. Spans and the rows of days are kept for good: they are small, and all that
// figures of uptime and of answering times over months are made of.
struct Retention {
    std::int64_t samples = 30;
    std::int64_t hours = 40;
};

using TargetId = std::int64_t;

inline std::string_view bytes_of(const db::Blob& blob) {
    return {reinterpret_cast<const char*>(blob.data()), blob.size()};
}

// Of the process that asks. False: another one that lives does; what this one has is not to be written.
Result<bool> take_lease(db::Connection& connection, const std::string& node);
Result<bool> holds_lease(db::Connection& connection, const std::string& node);

// Makes rows for pairs that have none, which have been looked at by `since_ms`: what was before is no part of any
// figure. All ids, in order.
Result<std::vector<TargetId>> target_ids(db::Connection& connection,
                                         std::span<const std::pair<std::string, std::string>> controls_and_subjects,
                                         std::span<const std::int64_t> since_ms);

struct SampleOf {
    TargetId target = 0;
    Sample sample;
};
struct SpanOf {
    TargetId target = 0;
    Span span;
};
// `id`: of this batch, larger than all before it, the same again when it is written again.
Result<void> write_results(db::Connection& connection, std::int64_t id, std::span<const SampleOf> samples,
                           std::span<const SpanOf> spans);

struct HourOf {
    TargetId target = 0;
    std::int64_t hour = 0;
    std::string samples;  // SampleWriter's bytes
};
// Their chunks and counts; returns the SHA-256 of each, in order.
Result<std::vector<std::string>> write_hours(db::Connection& connection, std::span<const HourOf> hours);
// After write_hours() for all of it.
Result<void> forget_tail(db::Connection& connection, std::int64_t up_to_hour);

// The rows of one day of these targets, from the hours that are stored. `day`: days since 1970 by the company's clock,
// `from` and `to` its first hour and the one after its last.
Result<void> write_day(db::Connection& connection, std::span<const TargetId> targets, std::int64_t day,
                       std::int64_t from_hour, std::int64_t to_hour);
Result<void> drop_old(db::Connection& connection, std::span<const TargetId> targets, const Retention& retention,
                      std::int64_t this_hour);

// Where a process that takes over begins.
struct Recovered {
    std::map<TargetId, Sample> last;                                  // the newest result of each
    std::map<TargetId, Span> open;                                    // spans without an end
    std::map<std::pair<TargetId, std::int64_t>, SampleWriter> hours;  // of hours that are not closed yet
    std::int64_t next_id = 1;                                         // for write_results()
};
Result<Recovered> recover(db::Connection& connection);

std::span<const db::Migration> migrations();
// watched and watched_spans, for the queries of policies.
Result<void> create_views(db::Connection& connection);

}  // namespace tilsyn::monitor
