// What there is to tell each channel: findings that are new or over, gathered for a moment so that one cause is one
// notice; and once a day what is open besides.
#pragma once
#include <string>
#include <vector>

#include "base/zone.hpp"
#include "db/db.hpp"
#include "findings/findings.hpp"
#include "notify/channels.hpp"
#include "notify/outbox.hpp"
#include "policy/types.hpp"

namespace tilsyn::notify {

inline constexpr Duration gathering = std::chrono::seconds(2);  // after the first news, for what else belongs to it

struct News {
    std::vector<findings::Finding> opened, closed;
    std::vector<std::string> why;  // of each that was opened, in the channel's language
};

// Notices in the channel's language. Pure.
Notice write_findings(const News& news, const Channel& channel, const policy::Policy& policy, const Zone& zone,
                      Timestamp now);
Notice write_digest(const std::vector<findings::Finding>& open, const Channel& channel, const policy::Policy& policy,
                    const Zone& zone, Timestamp now);
Notice write_test(const Channel& channel, const policy::Policy& policy, Timestamp now);

// Puts what is to be told into the outbox. How many notices.
Result<int> gather(log::Committer& committer, db::Connection& reader, const policy::Policy& policy,
                   const Channel& channel, Timestamp now, Duration wait = gathering);

}  // namespace tilsyn::notify
