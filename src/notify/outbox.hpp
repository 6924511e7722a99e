// Notices on their way: written down before anybody is told, and gone only when the receiver's server has taken them.
// For each channel in order (but past one that was refused five times), each finding once, whatever is killed in
// between: a notice that was being sent when the process died is sent again, under the same Message-ID or idempotency
// key.
#pragma once
#include <optional>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"

namespace tilsyn::notify {

struct Notice {
    std::string id;
    std::string channel;
    std::string kind;  // "findings", "digest", "test"
    std::string subject, body;
    std::string payload;  // the same for programs: JSON
    Timestamp made{};
    Timestamp due{};  // of the next attempt; of one that is put, not before
    int attempts = 0;
    std::string state;  // "waiting", "sent", "given_up"
    std::optional<Timestamp> sent;
    std::string error;  // of the last attempt
};

// What a notice tells of a finding. The table notice_finding has those of which a channel knows the beginning alone.
enum class Event { opened, closed };
struct Told {
    std::string finding;
    Event event = Event::opened;
};
// `key`: of one channel there is one notice for a key, ever. Code::conflict: there is, or a finding was told already.
Result<void> put(log::Committer& committer, const Notice& notice, const std::string& key,
                 const std::vector<Told>& told);

// The first one of the channel that waits, if its time has come; from now on it is ours for `claimed`. Another node, or
// we ourselves, takes it up again when that is over. `by`: who has it now; the same after a restart.
Result<std::optional<Notice>> take(log::Committer& committer, db::Connection& reader, const std::string& channel,
                                   Timestamp now, Duration claimed, const std::string& by);
// What one had who is no more: a service that begins calls this, since nobody else has its name.
Result<void> give_back(log::Committer& committer, const std::string& by);
Result<void> mark_sent(log::Committer& committer, const Notice& notice);
// Tried again after a while that grows to an hour; given up after three days, which is an entry of the control log.
Result<void> mark_failed(log::Committer& committer, const Notice& notice, const std::string& error);

Result<std::vector<Notice>> recent(db::Connection& reader, int limit);  // newest first
// When a notice of the channel was last taken by the receiver's server, and since when one waits.
struct ChannelState {
    std::string channel;
    std::optional<Timestamp> last_sent, waiting_since;
    std::int64_t waiting = 0;
    std::string error;  // of the oldest that waits
};
Result<std::vector<ChannelState>> channel_states(db::Connection& reader);

std::span<const db::Migration> migrations();

}  // namespace tilsyn::notify
