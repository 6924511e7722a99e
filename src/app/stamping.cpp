#include "app/stamping.hpp"

#include <algorithm>
#include <limits>

#include "base/file.hpp"
#include "base/text.hpp"
#include "base/toml.hpp"
#include "net/probe_http.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;

constexpr Duration look_again = 1min;
constexpr Duration clocks_apart = 5min;

const Tsa* find(std::span<const Tsa> tsas, std::string_view name) {
    const auto at = std::ranges::find(tsas, name, &Tsa::name);
    return at == tsas.end() ? nullptr : &*at;
}

Result<Tsa> read_tsa(const toml::table& table, const std::filesystem::path& data, const std::filesystem::path& path) {
    Tsa tsa;
    std::string ca;
    for (const auto& [key, node] : table) {
        if (key == "name" && node.is_string())
            tsa.name = node.value_or("");
        else if (key == "url" && node.is_string())
            tsa.url = node.value_or("");
        else if (key == "ca" && node.is_string())
            ca = node.value_or("");
        else if (key == "retired" && node.is_boolean())
            tsa.retired = node.value_or(false);
        else
            return fail(Code::invalid, "stamp.bad-setting", {{"key", std::string(key.str())}})
                .at(position_in(path, node.source()));
    }
    if (tsa.name.empty() || tsa.url.empty() || ca.empty())
        return fail(Code::invalid, "stamp.setting-missing").at(position_in(path, table.source()));
    if (!valid_id(tsa.name))
        return fail(Code::invalid, "stamp.bad-name", {{"name", tsa.name}}).at(position_in(path, table.source()));
    if (!tsa.url.starts_with("http://") && !tsa.url.starts_with("https://"))
        return fail(Code::invalid, "stamp.bad-url", {{"tsa", tsa.name}}).at(position_in(path, table.source()));
    TRY(tsa.pem, read_file(data / ca, crypto::most_ca_bytes));  // `data / ca` is `ca` when that is absolute
    auto trust = crypto::StampTrust::parse(tsa.pem);
    if (!trust) return std::unexpected(std::move(trust.error()).at({(data / ca).string()}));
    tsa.trust = std::move(*trust);
    return tsa;
}

}  // namespace

Result<std::vector<Tsa>> read_tsas(const std::filesystem::path& data) {
    const auto path = data / "tsa.toml";
    const auto content = read_file(path, 1 << 20);
    if (!content) {
        if (content.error().code == Code::not_found) return std::vector<Tsa>();
        return std::unexpected(content.error());
    }
    const auto parsed = parse_toml(*content, path.string());
    if (!parsed) {
        return fail(Code::invalid, "stamp.bad-file")
            .detail(std::string(parsed.error().description()))
            .at(position_in(path, parsed.error().source()));
    }
    std::vector<Tsa> out;
    for (const auto& [key, node] : parsed.table()) {
        const auto* list = node.as_array();
        if (key != "tsa" || list == nullptr)
            return fail(Code::invalid, "stamp.bad-setting", {{"key", std::string(key.str())}})
                .at(position_in(path, node.source()));
        for (const auto& item : *list) {
            const auto* table = item.as_table();
            if (table == nullptr)
                return fail(Code::invalid, "stamp.bad-setting", {{"key", "tsa"}}).at(position_in(path, item.source()));
            TRY(auto tsa, read_tsa(*table, data, path));
            if (find(out, tsa.name) != nullptr)
                return fail(Code::invalid, "stamp.name-twice", {{"name", tsa.name}})
                    .at(position_in(path, item.source()));
            out.push_back(std::move(tsa));
        }
    }
    if (out.size() > most_tsas)
        return fail(Code::invalid, "stamp.too-many", {{"limit", std::to_string(most_tsas)}}).at({path.string()});
    return out;
}

Stamper::Stamper(Options options, log::Committer& committer, db::Pool& readers)
    : options_(std::move(options)), committer_(&committer), readers_(&readers) {}

Duration Stamper::retry_after(unsigned failures) const {
    auto wait = options_.first_retry;
    for (unsigned i = 1; i < failures && wait < options_.last_retry; ++i) wait *= 2;
    return std::min(wait, options_.last_retry);
}

Stamper::Round Stamper::run_once(Timestamp now) {
    Round round;
    const auto tsas = read_tsas(options_.data);
    if (!tsas) {
        round.error = tsas.error();
        return round;
    }
    std::erase_if(known_, [&](const auto& entry) { return find(*tsas, entry.first) == nullptr; });
    for (const auto& tsa : *tsas) {
        auto& status = known_[tsa.name];
        status.tsa = tsa.name;
        // A `next` too far away was set by a clock that has since been put back.
        const bool due = now >= status.next || status.next > now + options_.every;
        if (tsa.retired) {
            status.state = State::retired;
        } else if ((due || status.state == State::retired) && !(options_.stopping && options_.stopping())) {
            status.error.reset();
            if (auto done = look(tsa, status, now); !done) {
                status.state = State::failed;
                ++status.failures;
                status.next = now + retry_after(status.failures);
                status.error = std::move(done.error());
            }
        } else if (status.state == State::stamped) {
            status.state = State::fresh;
        }
        round.tsas.push_back(status);
    }
    return round;
}

Result<void> Stamper::look(const Tsa& tsa, Status& status, Timestamp now) {
    std::optional<log::StoredCheckpoint> checkpoint;
    log::StoredHead head;
    {
        TRY(const auto reader, readers_->get());
        TRY(const auto newest, log::newest_stamp(*reader, tsa.name));
        // One that is news here: from before this start, or from another node.
        if (newest && newest->at != status.newest) {
            status.size = newest->size;
            status.newest = newest->at;
            if (newest->at > now - options_.every) {
                status.state = State::fresh;
                status.failures = 0;
                status.next = std::min(newest->at, now) + options_.every;
                return {};
            }
        }
        TRY(checkpoint, log::newest_checkpoint(*reader));
        TRY(head, log::stored_head(*reader));
    }
    if (!checkpoint || log::is_overtaken(*checkpoint, head, now)) {
        status.state = State::not_signed;
        status.next = now + look_again;
        return {};
    }
    if (status.newest && checkpoint->size == status.size) {
        status.state = State::unchanged;
        status.failures = 0;
        status.next = now + look_again;
        return {};
    }
    return stamp(tsa, status, *checkpoint, now);
}

Result<void> Stamper::stamp(const Tsa& tsa, Status& status, const log::StoredCheckpoint& checkpoint, Timestamp now) {
    TRY(const auto note, log::parse_note(checkpoint.note));
    const auto request = crypto::request_stamp(note.text);
    net::HttpRequest http;
    http.url = tsa.url;
    http.method = "POST";
    http.headers = {{"Content-Type", "application/timestamp-query"}, {"Accept", "application/timestamp-reply"}};
    http.body = request.der;
    http.body_kept = crypto::most_stamp_bytes + 1;  // one more, so that too much is seen to be too much
    TRY(const auto answer, net::http_probe(http, Deadline::in(options_.deadline)));
    if (answer.status != 200)
        return fail(Code::unavailable, "stamp.http-status",
                    {{"url", net::url_for_display(tsa.url)}, {"status", std::to_string(answer.status)}});
    TRY(const auto stamped, crypto::verify_stamp(answer.body, request, tsa.trust));
    TRY_VOID(log::keep_stamp(*committer_, {checkpoint.size, tsa.name, answer.body, stamped.at}));
    status.state = State::stamped;
    status.size = checkpoint.size;
    status.newest = stamped.at;
    status.next = now + options_.every;
    status.failures = 0;
    status.warning.reset();
    const auto apart = std::chrono::abs(stamped.at - now);
    if (apart > clocks_apart + answer.timings.total)
        status.warning =
            msg("stamp.clocks-apart", {{"tsa", tsa.name},
                                       {"time", format_utc_seconds(stamped.at)},
                                       {"apart", format_duration(std::chrono::round<std::chrono::minutes>(apart))}});
    return {};
}

Result<std::vector<KeptStamp>> verify_kept_stamps(db::Connection& connection, std::span<const Tsa> tsas) {
    const auto verify = [&](const log::Stamp& stamp) -> Result<crypto::Stamped> {
        const auto* tsa = find(tsas, stamp.tsa);
        if (tsa == nullptr)
            return fail(Code::not_found, "stamp.unknown-tsa", {{"tsa", stamp.tsa}}).hint("stamp.unknown-tsa-hint");
        const auto missing = [&] {
            return fail(Code::corrupt, "stamp.no-checkpoint", {{"size", std::to_string(stamp.size)}});
        };
        TRY(const auto checkpoint, log::checkpoint_covering(connection, stamp.size, false));
        if (!checkpoint || checkpoint->size != stamp.size) return missing();
        TRY(const auto note, log::parse_note(checkpoint->note));
        TRY(const auto read, log::parse_checkpoint(note.text));
        if (read.size != stamp.size) return missing();  // another's note, put in its place
        TRY(auto stamped, crypto::verify_stamp(stamp.token, note.text, tsa->trust));
        if (stamped.at != stamp.at) return fail(Code::corrupt, "stamp.other-time");
        return stamped;
    };
    TRY(const auto stamps, log::stamps_between(connection, 0, std::numeric_limits<std::int64_t>::max()));
    std::vector<KeptStamp> out;
    out.reserve(stamps.size());
    for (const auto& stamp : stamps) out.push_back({stamp.size, stamp.tsa, stamp.at, verify(stamp)});
    return out;
}

std::vector<log::WitnessedPoint> witnessed_points(std::span<const KeptStamp> stamps) {
    std::vector<log::WitnessedPoint> out;
    for (const auto& stamp : stamps)
        if (stamp.verified)
            out.push_back({stamp.size, stamp.verified->at, log::WitnessedPoint::Source::stamp, stamp.tsa,
                           stamp.verified->accuracy.value_or(Duration(0))});
    return out;
}

}  // namespace tilsyn::app
