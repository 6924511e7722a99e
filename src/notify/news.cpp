#include "notify/news.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <tuple>

#include "base/random.hpp"
#include "base/zone.hpp"
#include "findings/verdict.hpp"

namespace tilsyn::notify {
namespace {

using nlohmann::json;
using policy::Severity;

constexpr std::size_t named = 20;                    // findings that one notice names; the others are counted
constexpr std::int64_t most = 10'000;                // that are looked at
constexpr auto digest_late = std::chrono::hours(6);  // a service that was down at the time still sends it

std::string_view severity_key(Severity severity) {
    switch (severity) {
        case Severity::critical:
            return "notify.severity-critical";
        case Severity::high:
            return "notify.severity-high";
        case Severity::medium:
            return "notify.severity-medium";
        case Severity::low:
            return "notify.severity-low";
    }
    return "notify.severity-low";
}

class Writer {
  public:
    Writer(const Channel& channel, const policy::Policy& policy, const Zone& zone)
        : channel_(channel), policy_(policy), zone_(zone) {}

    std::string say(std::string_view key, Params params = {}) const { return tr(channel_.lang, key, params); }
    std::string title(const findings::Finding& finding) const {
        const auto* control = policy_.control(finding.control);
        return control == nullptr ? finding.control : control->title.in(channel_.lang);
    }
    std::string role(const std::string& id) const {
        const auto* role = policy_.role(id);
        return role == nullptr ? id : role->title.in(channel_.lang);
    }
    std::string about(const findings::Finding& finding) const {
        auto out = title(finding);
        if (!finding.subject.empty() && finding.subject != "-") out += ": " + finding.subject;
        return out;
    }
    std::string opened(const findings::Finding& finding, const std::string& why) const {
        auto out = "- " + about(finding) + "\n";
        if (!why.empty()) out += "  " + why + "\n";
        return out + "  " +
               say("notify.line", {{"severity", say(severity_key(finding.severity))},
                                   {"since", zone_.format(finding.opened_at)},
                                   {"owner", role(finding.owner)},
                                   {"due", zone_.format(finding.due_at)},
                                   {"id", finding.id}}) +
               "\n";
    }
    std::string foot() const { return "\n" + say("notify.foot", {{"company", policy_.company}}) + "\n"; }
    json as_json(const findings::Finding& finding) const {
        json out{{"id", finding.id},
                 {"control", finding.control},
                 {"title", title(finding)},
                 {"subject", finding.subject},
                 {"severity", to_string(finding.severity)},
                 {"owner", finding.owner},
                 {"opened_at", format_utc_seconds(finding.opened_at)},
                 {"due_at", format_utc_seconds(finding.due_at)}};
        if (finding.closed_at) out["closed_at"] = format_utc_seconds(*finding.closed_at);
        return out;
    }

  private:
    const Channel& channel_;
    const policy::Policy& policy_;
    const Zone& zone_;
};

Notice begin(const Channel& channel, std::string_view kind, Timestamp now) {
    return {.id = random_id(), .channel = channel.id, .kind = std::string(kind), .made = now, .state = "waiting"};
}

void end(Notice& notice, json payload) {
    payload["notice"] = notice.id;
    payload["what"] = notice.kind;
    payload["subject"] = notice.subject;
    payload["text"] = notice.body;
    payload["made_at"] = format_utc_seconds(notice.made);
    notice.payload = payload.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string count(std::size_t number) {
    return std::to_string(number);
}

Result<std::string> why_of(db::Connection& reader, const findings::Finding& finding, Lang lang, Timestamp now) {
    TRY(const auto subjects, findings::subject_verdicts(reader, finding.control, now, std::nullopt, 1000));
    const auto found = std::ranges::find(subjects, finding.subject, &findings::SubjectVerdict::subject);
    return found == subjects.end() || found->why.key.empty() ? std::string() : render(found->why, lang);
}

// Told already is told already: another node was faster.
Result<int> put_once(log::Committer& committer, const Notice& notice, const std::string& key,
                     const std::vector<Told>& told) {
    const auto written = put(committer, notice, key, told);
    if (!written && written.error().code == Code::conflict) return 0;
    TRY_VOID(written);
    return notice.state == "waiting" ? 1 : 0;
}

Result<int> gather_findings(log::Committer& committer, db::Connection& reader, const policy::Policy& policy,
                            const Zone& zone, const Channel& channel, Timestamp now, Duration wait) {
    News news;
    TRY(news.opened, findings::select(reader,
                                      "WHERE f.closed_at IS NULL AND NOT EXISTS (SELECT 1 FROM notice_finding n WHERE "
                                      "n.channel = ? AND n.finding = f.id)",
                                      {channel.id}, most));
    std::erase_if(news.opened, [&](const auto& finding) { return finding.severity < channel.at_once; });
    TRY(news.closed,
        findings::select(reader,
                         "JOIN notice_finding n ON n.channel = ? AND n.finding = f.id WHERE f.closed_at IS "
                         "NOT NULL",
                         {channel.id}, most));
    if (news.opened.empty() && news.closed.empty()) return 0;
    auto first = now;
    for (const auto& finding : news.opened) first = std::min(first, finding.opened_at);
    for (const auto& finding : news.closed) first = std::min(first, *finding.closed_at);
    if (now - first < wait) return 0;
    for (std::size_t i = 0; i < std::min(news.opened.size(), named); ++i) {
        TRY(auto why, why_of(reader, news.opened[i], channel.lang, now));
        news.why.push_back(std::move(why));
    }
    std::vector<Told> told;
    for (const auto& finding : news.opened) told.push_back({finding.id, Event::opened});
    for (const auto& finding : news.closed) told.push_back({finding.id, Event::closed});
    const auto notice = write_findings(news, channel, policy, zone, now);
    return put_once(committer, notice, "findings-" + notice.id, told);
}

Result<int> gather_digest(log::Committer& committer, db::Connection& reader, const policy::Policy& policy,
                          const Zone& zone, const Channel& channel, Timestamp now) {
    if (!channel.digest) return 0;
    const auto local = zone.local(now);
    const auto planned = zone.utc_of({local.date, *channel.digest});
    if (now < planned || now - planned > digest_late) return 0;
    const auto key = "digest-" + format_utc(planned).substr(0, 10);
    TRY(const auto there, reader.one("SELECT 1 FROM notice WHERE channel = ? AND key = ?", {channel.id, key}));
    if (there) return 0;
    TRY(const auto open, findings::select(reader, "WHERE f.closed_at IS NULL", {}, most));
    auto notice = write_digest(open, channel, policy, zone, now);
    if (open.empty()) notice.state = "nothing";  // remembered, so that what comes later today waits for tomorrow
    return put_once(committer, notice, key, {});
}

}  // namespace

Notice write_findings(const News& news, const Channel& channel, const policy::Policy& policy, const Zone& zone,
                      Timestamp now) {
    const Writer writer(channel, policy, zone);
    auto notice = begin(channel, "findings", now);
    json payload{{"opened", json::array()}, {"closed", json::array()}};
    notice.subject =
        news.opened.empty()
            ? writer.say("notify.subject-closed",
                         {{"count", count(news.closed.size())}, {"first", writer.about(news.closed.front())}})
            : writer.say("notify.subject-opened",
                         {{"count", count(news.opened.size())}, {"first", writer.about(news.opened.front())}});
    if (!news.opened.empty()) {
        notice.body += writer.say("notify.opened", {{"count", count(news.opened.size())}}) + "\n\n";
        for (std::size_t i = 0; i < std::min(news.opened.size(), named); ++i) {
            const auto why = i < news.why.size() ? news.why[i] : std::string();
            notice.body += writer.opened(news.opened[i], why);
            payload["opened"].push_back(writer.as_json(news.opened[i]));
            payload["opened"].back()["why"] = why;
        }
        if (news.opened.size() > named)
            notice.body += writer.say("notify.more", {{"count", count(news.opened.size() - named)}}) + "\n";
    }
    if (!news.closed.empty()) {
        notice.body += std::string(news.opened.empty() ? "" : "\n") +
                       writer.say("notify.closed", {{"count", count(news.closed.size())}}) + "\n\n";
        for (std::size_t i = 0; i < std::min(news.closed.size(), named); ++i) {
            const auto& finding = news.closed[i];
            notice.body += "- " + writer.about(finding) + "\n  " +
                           writer.say("notify.line-closed", {{"since", zone.format(finding.opened_at)},
                                                             {"until", zone.format(*finding.closed_at)},
                                                             {"id", finding.id}}) +
                           "\n";
            payload["closed"].push_back(writer.as_json(finding));
        }
        if (news.closed.size() > named)
            notice.body += writer.say("notify.more", {{"count", count(news.closed.size() - named)}}) + "\n";
    }
    notice.body += writer.foot();
    payload["counts"] = {{"opened", news.opened.size()}, {"closed", news.closed.size()}};
    end(notice, std::move(payload));
    return notice;
}

Notice write_digest(const std::vector<findings::Finding>& open, const Channel& channel, const policy::Policy& policy,
                    const Zone& zone, Timestamp now) {
    const Writer writer(channel, policy, zone);
    auto notice = begin(channel, "digest", now);
    const auto overdue = std::size_t(std::ranges::count_if(open, [&](const auto& f) { return f.due_at < now; }));
    notice.subject = writer.say("notify.subject-digest", {{"count", count(open.size())}});
    notice.body = writer.say("notify.digest", {{"count", count(open.size())}}) + " " +
                  writer.say("notify.digest-overdue", {{"count", count(overdue)}}) + "\n\n";
    auto sorted = open;
    std::ranges::sort(sorted, [](const auto& a, const auto& b) {
        return a.severity != b.severity ? a.severity > b.severity : std::tie(a.due_at, a.id) < std::tie(b.due_at, b.id);
    });
    json payload{{"open", json::array()}};
    for (std::size_t i = 0; i < std::min(sorted.size(), named); ++i) {
        notice.body += writer.opened(sorted[i], {});
        payload["open"].push_back(writer.as_json(sorted[i]));
    }
    if (sorted.size() > named)
        notice.body += writer.say("notify.more", {{"count", count(sorted.size() - named)}}) + "\n";
    notice.body += writer.foot();
    payload["counts"] = {{"open", open.size()}, {"overdue", overdue}};
    end(notice, std::move(payload));
    return notice;
}

Notice write_test(const Channel& channel, const policy::Policy& policy, Timestamp now) {
    const auto zone = Zone::utc();
    const Writer writer(channel, policy, zone);
    auto notice = begin(channel, "test", now);
    notice.subject = writer.say("notify.subject-test", {{"company", policy.company}});
    notice.body = writer.say("notify.test") + "\n" + writer.foot();
    end(notice, json::object());
    return notice;
}

Result<int> gather(log::Committer& committer, db::Connection& reader, const policy::Policy& policy,
                   const Channel& channel, Timestamp now, Duration wait) {
    TRY(const auto zone, Zone::find(policy.timezone));
    TRY(const int news, gather_findings(committer, reader, policy, zone, channel, now, wait));
    TRY(const int digest, gather_digest(committer, reader, policy, zone, channel, now));
    return news + digest;
}

}  // namespace tilsyn::notify
