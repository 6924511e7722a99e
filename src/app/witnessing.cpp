#include "app/witnessing.hpp"

#include <algorithm>

#include "base/text.hpp"
#include "log/store/tree.hpp"
#include "log/store/witnessed.hpp"
#include "net/probe_http.hpp"
#include "witness/add_checkpoint.hpp"

namespace tilsyn::app {
namespace {

using Witness = log::WitnessPolicy::Witness;

constexpr std::size_t most_answer_bytes = 64 * 1024;
constexpr auto first_pause = std::chrono::minutes(1);
constexpr auto longest_pause = std::chrono::hours(1);

Duration pause_after(int failures) {
    return std::min<Duration>(first_pause * (1 << std::min(failures - 1, 10)), longest_pause);
}

// These two, and nothing else, tell that somebody has seen another log than this one.
bool is_alarm(const Error& error) {
    return error.message.key == "witness.ahead" || error.message.key == "witness.other-history";
}

std::string address_of(const Witness& witness) {
    const std::string_view url = witness.url;
    return std::string(url.substr(0, url.find_last_not_of('/') + 1)) + "/add-checkpoint";
}

Result<net::HttpResult> send(const Witness& witness, std::string body, Deadline deadline) {
    net::HttpRequest request;
    request.url = address_of(witness);
    request.method = "POST";
    request.headers = {{"Content-Type", "text/plain; charset=utf-8"}};
    request.body = std::move(body);
    request.body_kept = most_answer_bytes;
    return net::http_probe(request, deadline);
}

}  // namespace

Result<std::vector<WitnessState>> Witnessing::run_once(Timestamp now) {
    TRY(const auto policy, log::read_witness_policy(options_.policy));
    std::vector<WitnessState> states;
    if (!policy) return states;
    std::optional<log::StoredCheckpoint> newest;
    log::StoredHead head;
    const auto look = [&](const Witness& witness, WitnessState& state) -> Result<void> {
        TRY(const auto reader, readers_->get());
        TRY(newest, log::newest_checkpoint(*reader));
        TRY(head, log::stored_head(*reader));
        TRY(const auto row, reader->one("SELECT size, cosigned_at FROM log_cosignature WHERE witness = ? "
                                        "ORDER BY size DESC LIMIT 1",
                                        {log::to_string(witness.key)}));
        state.size = row ? row->integer(0) : 0;
        state.at = row ? std::optional(row->time(1)) : std::nullopt;
        return {};
    };
    for (const auto& witness : policy->witnesses()) {
        WitnessState state{witness.name, witness.key, witness.url};
        TRY_VOID(look(witness, state));
        auto& attempt = attempts_[log::to_string(witness.key) + " " + witness.url];
        // A clock that was set back must not keep us waiting until it has caught up.
        const bool due = now >= attempt.next || now < attempt.last;
        const bool overtaken = newest && log::is_overtaken(*newest, head, now);
        const bool wanted = newest && (!attempt.asked || (!overtaken && state.size < newest->size));
        if (wanted && due && !(options_.stopping && options_.stopping())) {
            const auto asked = ask(witness, *newest, state.size, !overtaken);
            attempt.asked = attempt.asked || asked || is_alarm(asked.error());
            attempt.failures = asked ? 0 : attempt.failures + 1;
            attempt.last = now;
            attempt.next = now + (!asked ? pause_after(attempt.failures) : overtaken ? Duration(0) : options_.every);
            attempt.trouble = asked ? std::nullopt : std::optional(asked.error());
            attempt.alarm = attempt.trouble && is_alarm(*attempt.trouble);
            if (asked) TRY_VOID(look(witness, state));
        }
        state.trouble = attempt.trouble;
        state.alarm = attempt.alarm;
        states.push_back(std::move(state));
    }
    return states;
}

Result<void> Witnessing::ask(const Witness& witness, const log::StoredCheckpoint& newest, std::int64_t cosigned,
                             bool keep_it) {
    const std::pair<std::string, std::string> who{"name", witness.name};
    if (witness.url.empty()) return fail(Code::invalid, "witness.no-url", {who});
    const auto deadline = Deadline::in(options_.patience);
    auto old_size = std::min(cosigned, newest.size);
    for (bool told = false;; told = true) {
        std::vector<log::Hash> proof;
        if (old_size > 0 && old_size < newest.size) {
            TRY(const auto reader, readers_->get());
            TRY(proof, tree_->consistency(*reader, old_size, newest.size));
        }
        TRY(const auto answer, send(witness, witness::add_checkpoint_body(old_size, proof, newest.note), deadline));
        switch (answer.status) {
            case 200:
                if (answer.body_cut()) return fail(Code::corrupt, "witness.bad-answer", {who, {"status", "200"}});
                return keep_it ? keep(witness, newest, answer.body) : Result<void>();
            case 403:
                return fail(Code::forbidden, "witness.refuses-our-key", {who}).hint("witness.give-it-the-key");
            case 404:
                return fail(Code::not_found, "witness.knows-us-not", {who}).hint("witness.give-it-the-key");
            case 409: {
                const auto text = trim(answer.body);
                const auto size = log::parse_decimal(text);
                if (!size) return fail(Code::corrupt, "witness.bad-answer", {who, {"status", "409"}});
                if (*size > newest.size)
                    return fail(Code::conflict, "witness.ahead",
                                {who, {"size", std::to_string(*size)}, {"own", std::to_string(newest.size)}})
                        .hint("log.recover-hint");
                // Twice: somebody else sends for this log at the same time, or it does not know what it wants.
                if (told || *size == old_size) return fail(Code::busy, "witness.moving", {who});
                old_size = *size;
                break;
            }
            case 422:
                return fail(Code::conflict, "witness.other-history", {who, {"size", std::to_string(old_size)}})
                    .hint("log.recover-hint");
            default:
                return fail(Code::unavailable, "witness.bad-answer", {who, {"status", std::to_string(answer.status)}});
        }
    }
}

// Only what is verified is kept: its own line over our text, and no other.
Result<void> Witnessing::keep(const Witness& witness, const log::StoredCheckpoint& newest, std::string_view lines) {
    const std::pair<std::string, std::string> who{"name", witness.name};
    const auto bad = [&] { return fail(Code::corrupt, "witness.bad-cosignature", {who}); };
    TRY(const auto ours, log::parse_note(newest.note));
    const auto answered = log::parse_note(ours.text + "\n" + std::string(lines));
    if (!answered) return bad();
    const auto good = log::open_note(*answered, {&witness.key, 1});
    if (!good) return bad();
    const auto line = std::ranges::find_if(answered->signatures, [&](const log::NoteSignature& s) {
        return s.id == witness.key.id && s.name == witness.key.name;
    });
    return log::keep_cosignature(*committer_, newest.size, witness.key, log::to_line(*line), good->front().at);
}

}  // namespace tilsyn::app
