// Time: one type for moments, one for spans; civil time only at the edges (base/zone.hpp).
#pragma once
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "base/error.hpp"
#include "base/i18n.hpp"

namespace tilsyn {

using Duration = std::chrono::microseconds;
using Timestamp = std::chrono::sys_time<Duration>;  // UTC; stored as int64 microseconds since 1970
using Date = std::chrono::year_month_day;           // a civil date without a zone

inline std::int64_t to_micros(Timestamp t) {
    return t.time_since_epoch().count();
}
inline Timestamp from_micros(std::int64_t micros) {
    return Timestamp(Duration(micros));
}

std::string format_utc(Timestamp t);            // 2026-11-23T04:05:06.789Z (RFC 3339, milliseconds)
std::string format_utc_seconds(Timestamp t);    // 2026-11-23T04:05:06Z
Result<Timestamp> parse_utc(std::string_view);  // RFC 3339 with Z or an offset, up to microseconds
std::string format_date(Date date);             // 2026-11-23
Result<Date> parse_date(std::string_view);      // strict YYYY-MM-DD, a date that exists

// "90 s", "15m", "4 h", "2d", "1 week", also "1h30m". Units: ms s m h d w, and the words (second(s) ... week(s)).
Result<Duration> parse_duration(std::string_view);
std::string format_duration(Duration);  // exact, parseable again: "1h30m"
std::string humanize(Duration, Lang);   // rounded, for people: "3 hours", "3 timer"

// The clock is injected, so that no test sleeps. Both readings come from one call on one clock.
class Clock {
  public:
    virtual ~Clock() = default;
    virtual Timestamp now() const = 0;                                 // wall clock; may jump
    virtual std::chrono::steady_clock::time_point steady() const = 0;  // never jumps
};

class SystemClock final : public Clock {
  public:
    Timestamp now() const override;
    std::chrono::steady_clock::time_point steady() const override;
};

// For tests. Thread-safe.
class ManualClock final : public Clock {
  public:
    explicit ManualClock(Timestamp start) : now_(start) {}
    Timestamp now() const override;
    std::chrono::steady_clock::time_point steady() const override;
    void advance(Duration by);  // both clocks
    void jump(Duration by);     // the wall clock alone, as when somebody sets it
  private:
    mutable std::mutex mutex_;
    Timestamp now_;
    Duration steady_{0};
};

// A point on the steady clock by which something must be done.
class Deadline {
  public:
    static Deadline in(Duration span) { return Deadline(std::chrono::steady_clock::now() + span); }
    explicit Deadline(std::chrono::steady_clock::time_point at) : at_(at) {}
    std::chrono::steady_clock::time_point at() const { return at_; }
    bool passed() const { return std::chrono::steady_clock::now() >= at_; }
    Duration left() const;  // never negative
  private:
    std::chrono::steady_clock::time_point at_;
};

}  // namespace tilsyn
