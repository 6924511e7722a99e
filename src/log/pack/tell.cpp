#include "log/pack/tell.hpp"

#include "base/file.hpp"
#include "base/text.hpp"
#include "crypto/hash.hpp"
#include "log/armor.hpp"
#include "log/pack/flat.hpp"
#include "log/pack/verify.hpp"

namespace tilsyn::log::pack {
namespace {

Result<VerifyOptions> options_of(const CheckRequest& request) {
    VerifyOptions options;
    for (const auto& file : request.kept) {
        TRY(const auto text, read_file(file, most_note_bytes));
        options.kept.push_back(find_note(text));
    }
    if (request.policy) {
        TRY(const auto text, read_file(*request.policy, most_note_bytes));
        TRY(options.policy, WitnessPolicy::parse(text, request.policy->string()));
    }
    if (request.tsa) {
        TRY(const auto pem, read_file(*request.tsa, crypto::most_ca_bytes));
        TRY(options.tsa, crypto::StampTrust::parse(pem));
    }
    if (!request.key.empty()) {
        TRY(options.key, parse_vkey(request.key));
    }
    return options;
}

// One object a line: the verdict on a pack, then each failure.
void tell_json(const std::filesystem::path& pack, const Verdict& verdict, std::ostream& out) {
    out << FlatWriter()
               .text("pack", pack.string())
               .flag("good", verdict.failed == 0)
               .text("kind", verdict.whole ? "whole" : "partial")
               .text("origin", verdict.origin)
               .text("company", verdict.company)
               .text("audience", verdict.audience)
               .text("key", to_string(verdict.key))
               .flag("key_was_given", verdict.key_was_given)
               .integer("size", verdict.checkpoint.size)
               .text("root", crypto::base64(verdict.checkpoint.root))
               .integer("entries", verdict.entries)
               .integer("rows", verdict.rows)
               .integer("disclosed", verdict.disclosed)
               .integer("checkpoints", verdict.checkpoints)
               .text("witnesses", join(verdict.witnesses, ", "))
               .flag("witnessed", verdict.witnessed)
               .text("stamped_by", join(verdict.stamped_by, ", "))
               .flag("tsa_was_given", verdict.tsa_was_given)
               .integer("time_inside", verdict.inside)
               .integer("time_outside", verdict.outside)
               .integer("time_unbounded", verdict.unbounded)
               .integer("started", verdict.started)
               .integer("ended", verdict.ended)
               .integer("silences", verdict.silences)
               .integer("failures", verdict.failed)
               .line();
    for (const auto& failure : verdict.failures)
        out << FlatWriter()
                   .text("failure", failure.why.message.key)
                   .integer("entry", failure.entry)
                   .text("message", render(failure.why, Lang::en))
                   .line();
}

void tell_people(const std::filesystem::path& pack, const Verdict& verdict, Lang lang, std::ostream& out) {
    const auto say = [&](std::string_view key, Params params = {}) { out << tr(lang, key, params) << "\n"; };
    out << pack.string() << "\n";
    say("log.tell-whose", {{"company", verdict.company}, {"origin", verdict.origin}});
    say(verdict.key_was_given ? "log.tell-key-given" : "log.tell-key-own", {{"key", to_string(verdict.key)}});
    say(verdict.whole ? "log.tell-whole" : "log.tell-partial",
        {{"count", std::to_string(verdict.entries)}, {"size", std::to_string(verdict.checkpoint.size)}});
    say("log.tell-rows", {{"rows", std::to_string(verdict.rows)}, {"disclosed", std::to_string(verdict.disclosed)}});
    if (verdict.checkpoints > 0) say("log.tell-checkpoints", {{"count", std::to_string(verdict.checkpoints)}});
    if (verdict.witnesses.empty())
        say("log.tell-unwitnessed");
    else
        say("log.tell-witnessed", {{"names", join(verdict.witnesses, ", ")}});
    if (verdict.whole && verdict.started > 0)
        say("log.tell-life", {{"started", std::to_string(verdict.started)}, {"ended", std::to_string(verdict.ended)}});
    if (verdict.silences > 0)
        say("log.tell-silence", {{"count", std::to_string(verdict.silences)},
                                 {"from", format_utc_seconds(verdict.silent_from)},
                                 {"to", format_utc_seconds(verdict.silent_to)}});
    if (!verdict.stamped_by.empty())
        say(verdict.tsa_was_given ? "log.tell-stamped" : "log.tell-stamped-own",
            {{"names", join(verdict.stamped_by, ", ")}});
    if (verdict.inside + verdict.outside > 0)
        say("log.tell-times", {{"inside", std::to_string(verdict.inside)},
                               {"unbounded", std::to_string(verdict.unbounded)},
                               {"outside", std::to_string(verdict.outside)}});
    for (const auto& failure : verdict.failures)
        say(failure.entry < 0 ? "log.tell-failure" : "log.tell-failure-entry",
            {{"entry", std::to_string(failure.entry)}, {"why", render(failure.why, lang)}});
    if (verdict.failed > std::int64_t(verdict.failures.size()))
        say("log.tell-more", {{"count", std::to_string(verdict.failed - std::int64_t(verdict.failures.size()))}});
    if (verdict.failed == 0)
        say("log.tell-good");
    else
        say("log.tell-bad", {{"count", std::to_string(verdict.failed)}});
}

}  // namespace

Result<int> check_files(const CheckRequest& request, Lang lang, bool json, std::ostream& out) {
    if (request.packs.size() > 2) return fail(Code::invalid, "log.tell-two-at-most");
    TRY(const auto options, options_of(request));
    int code = 0;
    for (const auto& pack : request.packs) {
        TRY(const auto verdict, verify(pack, options));
        if (json)
            tell_json(pack, verdict, out);
        else
            tell_people(pack, verdict, lang, out);
        if (verdict.failed > 0) code = 1;
    }
    if (request.packs.size() < 2) return code;
    const auto same = compare(request.packs[0], request.packs[1], options);
    if (!same && same.error().code != Code::corrupt) return std::unexpected(same.error());
    if (json)
        out << FlatWriter().flag("one_history", bool(same)).line();
    else
        out << (same ? tr(lang, "log.tell-one-history") : render(same.error(), lang)) << "\n";
    return same ? code : 1;
}

}  // namespace tilsyn::log::pack
