#include "notify/outbox.hpp"

#include <algorithm>

namespace tilsyn::notify {
namespace {

using namespace std::chrono_literals;

// One that was refused so often lets the others by: it may be that one alone that is not wanted.
constexpr int held_up_by = 5;
constexpr auto longest_wait = std::chrono::hours(1);
constexpr auto kept = std::chrono::hours(400 * 24);
constexpr auto given_up_after = std::chrono::hours(72);

constexpr db::Migration schema[] = {
    {"0800-notify", R"(
CREATE TABLE notice(id TEXT PRIMARY KEY, channel TEXT NOT NULL, key TEXT NOT NULL, kind TEXT NOT NULL, subject TEXT NOT NULL,
    body TEXT NOT NULL, payload TEXT NOT NULL, made_at {int} NOT NULL, due_at {int} NOT NULL, attempts {int} NOT NULL,
    state TEXT NOT NULL, sent_at {int}, error TEXT NOT NULL, taken_by TEXT NOT NULL){strict};
CREATE UNIQUE INDEX notice_key ON notice(channel, key);
CREATE INDEX notice_waiting ON notice(channel, made_at, id) WHERE state = 'waiting';
CREATE INDEX notice_made ON notice(made_at);
CREATE TABLE notice_finding(channel TEXT NOT NULL, finding TEXT NOT NULL, notice TEXT NOT NULL,
    PRIMARY KEY(channel, finding)){strict};
)"},
};

constexpr std::string_view columns =
    "id, channel, kind, subject, body, payload, made_at, due_at, attempts, state, sent_at, error";

Notice read(const db::Row& row) {
    Notice notice{.id = row.text(0),
                  .channel = row.text(1),
                  .kind = row.text(2),
                  .subject = row.text(3),
                  .body = row.text(4),
                  .payload = row.text(5),
                  .made = row.time(6),
                  .due = row.time(7),
                  .attempts = int(row.integer(8)),
                  .state = row.text(9),
                  .sent = {},
                  .error = row.text(11)};
    if (!row.null(10)) notice.sent = row.time(10);
    return notice;
}

}  // namespace

std::span<const db::Migration> migrations() {
    return schema;
}

Result<void> put(log::Committer& committer, const Notice& notice, const std::string& key,
                 const std::vector<Told>& told) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "INSERT INTO notice(id, channel, key, kind, subject, body, payload, made_at, due_at, attempts, state, "
            "error, taken_by) VALUES(?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, '', '')",
            {notice.id, notice.channel, key, notice.kind, notice.subject, notice.body, notice.payload,
             to_micros(notice.made), to_micros(std::max(notice.made, notice.due)), notice.state}));
        for (const auto& item : told) {
            if (item.event == Event::opened) {
                TRY_VOID(context.db().execute("INSERT INTO notice_finding(channel, finding, notice) VALUES(?, ?, ?)",
                                              {notice.channel, item.finding, notice.id}));
                continue;
            }
            TRY(const auto gone, context.db().execute("DELETE FROM notice_finding WHERE channel = ? AND finding = ?",
                                                      {notice.channel, item.finding}));
            if (gone != 1) return fail(Code::conflict, "notify.told", {{"finding", item.finding}});
        }
        // What is over is kept as long as somebody may ask for it; the control log has it for good.
        TRY_VOID(context.db().execute("DELETE FROM notice WHERE made_at < ? AND state <> 'waiting'",
                                      {to_micros(context.now() - kept)}));
        return {};
    });
}

Result<std::optional<Notice>> take(log::Committer& committer, db::Connection& reader, const std::string& channel,
                                   Timestamp now, Duration claimed, const std::string& by) {
    TRY(const auto row, reader.one("SELECT " + std::string(columns) +
                                       " FROM notice WHERE channel = ? AND state = 'waiting' AND (attempts < ? OR "
                                       "due_at <= ?) ORDER BY made_at, id LIMIT 1",
                                   {channel, std::int64_t(held_up_by), to_micros(now)}));
    if (!row) return std::nullopt;
    auto notice = read(*row);
    if (notice.due > now) return std::nullopt;
    bool ours = false;
    TRY_VOID(committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY(const auto changed,
            context.db().execute("UPDATE notice SET attempts = attempts + 1, due_at = ?, taken_by = ? WHERE id = ? "
                                 "AND state = 'waiting' AND attempts = ?",
                                 {to_micros(now + claimed), by, notice.id, std::int64_t(notice.attempts)}));
        ours = changed == 1;
        return {};
    }));
    if (!ours) return std::nullopt;
    ++notice.attempts;
    return notice;
}

Result<void> give_back(log::Committer& committer, const std::string& by) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(
            context.db().execute("UPDATE notice SET due_at = ?, taken_by = '' WHERE state = 'waiting' AND taken_by = ?",
                                 {to_micros(context.now()), by}));
        return {};
    });
}

Result<void> mark_sent(log::Committer& committer, const Notice& notice) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        TRY_VOID(context.db().execute(
            "UPDATE notice SET state = 'sent', sent_at = ?, error = '', taken_by = '' WHERE id = ?",
            {to_micros(context.now()), notice.id}));
        const auto waited = std::chrono::duration_cast<std::chrono::milliseconds>(context.now() - notice.made);
        context.append(log::Entry("alert.sent")
                           .text("channel", notice.channel)
                           .text("notice", notice.id)
                           .text("what", notice.kind)
                           .integer("attempts", notice.attempts)
                           .integer("waited_ms", waited.count()));
        return {};
    });
}

Result<void> mark_failed(log::Committer& committer, const Notice& notice, const std::string& error) {
    return committer.write([&](log::WriteContext& context) -> Result<void> {
        const bool over = context.now() - notice.made > given_up_after;
        const auto wait = std::min<Duration>(10s * (1 << std::min(notice.attempts, 12)), longest_wait);
        TRY_VOID(context.db().execute(
            "UPDATE notice SET state = ?, due_at = ?, error = ?, taken_by = '' WHERE id = ?",
            {std::string(over ? "given_up" : "waiting"), to_micros(context.now() + wait), error, notice.id}));
        if (over)
            context.append(log::Entry("alert.undelivered")
                               .text("channel", notice.channel)
                               .text("notice", notice.id)
                               .text("what", notice.kind)
                               .integer("attempts", notice.attempts));
        return {};
    });
}

Result<std::vector<Notice>> recent(db::Connection& reader, int limit) {
    TRY(const auto rows,
        reader.query("SELECT " + std::string(columns) +
                         " FROM notice WHERE state <> 'nothing' ORDER BY made_at DESC, id DESC LIMIT ?",
                     {std::int64_t(limit)}));
    std::vector<Notice> out;
    for (const auto& row : rows.rows) out.push_back(read(row));
    return out;
}

Result<std::vector<ChannelState>> channel_states(db::Connection& reader) {
    TRY(const auto rows,
        reader.query("SELECT channel, max(sent_at), min(CASE WHEN state = 'waiting' THEN made_at END), "
                     "sum(CASE WHEN state = 'waiting' THEN 1 ELSE 0 END), "
                     "coalesce((SELECT w.error FROM notice w WHERE w.channel = n.channel AND w.state = 'waiting' "
                     "ORDER BY w.made_at, w.id LIMIT 1), '') FROM notice n GROUP BY channel ORDER BY channel"));
    std::vector<ChannelState> out;
    for (const auto& row : rows.rows) {
        ChannelState state{.channel = row.text(0),
                           .last_sent = {},
                           .waiting_since = {},
                           .waiting = row.integer(3),
                           .error = row.text(4)};
        if (!row.null(1)) state.last_sent = row.time(1);
        if (!row.null(2)) state.waiting_since = row.time(2);
        out.push_back(std::move(state));
    }
    return out;
}

}  // namespace tilsyn::notify
