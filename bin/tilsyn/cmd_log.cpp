// tilsyn log: the control log as a whole, and as something to prove.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "app/checkpoint_letter.hpp"
#include "app/erase.hpp"
#include "base/file.hpp"
#include "commands.hpp"
#include "crypto/hash.hpp"
#include "log/store/export.hpp"
#include "log/store/recover.hpp"
#include "log/store/verify.hpp"
#include "log/tlog_proof.hpp"
#include "output.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

Result<int> verify(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    cli::Progress progress(call.terminal, call.tr("cli.verifying"));
    const auto total = app->committer().head().size;
    const auto verified = log::verify_all(*reader, [&](std::int64_t done) { progress.update(done, total); });
    if (!verified && verified.error().code == Code::corrupt) {
        call.err() << call.terminal.red(render(verified.error(), call.lang)) << "\n";
        return 1;
    }
    if (!verified) return std::unexpected(verified.error());
    const auto continues = app->log_continues(*reader);
    if (!continues) {
        if (continues.error().code != Code::conflict) return std::unexpected(continues.error());
        call.err() << call.terminal.red(render(continues.error(), call.lang)) << "\n";
        return 1;
    }
    if (call.json)
        print_json(call, {{"size", verified->size}, {"root", crypto::hex(verified->root)}});
    else
        call.out() << call.tr("cli.log-good",
                              {{"count", std::to_string(verified->size)}, {"root", crypto::hex(verified->root)}})
                   << "\n";
    return 0;
}

Result<int> head(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const auto newest = app->committer().head();
    if (call.json)
        print_json(call, {{"size", newest.size}, {"root", crypto::hex(newest.root)}});
    else
        call.out() << newest.size << " " << crypto::hex(newest.root) << "\n";
    return 0;
}

json to_json(const std::optional<log::StoredCheckpoint>& stored) {
    if (!stored) return nullptr;
    return {{"size", stored->size},
            {"root", crypto::hex(stored->root)},
            {"signed_at", moment(stored->signed_at)},
            {"cosignatures", stored->cosignatures},
            {"note", stored->note}};
}

Result<int> key(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto signer, app->signer());
    TRY(const auto reader, app->readers().get());
    TRY(const auto newest, log::newest_checkpoint(*reader));
    TRY(const auto witnessed, app->newest_witnessed(*reader));
    const auto& ring = signer->ring();
    if (call.json) {
        json keys = json::array();
        for (std::size_t i = 0; i < ring.keys.size(); ++i) keys.push_back(log::to_string(ring.verifier(i)));
        print_json(call, {{"origin", ring.origin},
                          {"vkeys", std::move(keys)},
                          {"key_file", app->log_key().string()},
                          {"memory_file", app->log_memory().string()},
                          {"newest", to_json(newest)},
                          {"witnessed", witnessed ? to_json(witnessed->checkpoint) : json()}});
        return 0;
    }
    const Moments moments(*app);
    call.out() << call.tr("cli.log-origin", {{"origin", ring.origin}}) << "\n";
    for (std::size_t i = 0; i < ring.keys.size(); ++i)
        call.out() << call.tr(i == 0 ? "cli.log-vkey" : "cli.log-vkey-old",
                              {{"vkey", log::to_string(ring.verifier(i))}})
                   << "\n";
    if (newest)
        call.out() << call.tr("cli.log-newest",
                              {{"size", std::to_string(newest->size)}, {"time", moments.at(newest->signed_at)}})
                   << "\n";
    else
        call.out() << call.tr("cli.log-unsigned") << "\n";
    if (witnessed)
        call.out() << call.tr("cli.log-witnessed", {{"size", std::to_string(witnessed->checkpoint.size)},
                                                    {"count", std::to_string(witnessed->by.size())},
                                                    {"time", moments.at(witnessed->at)}})
                   << "\n";
    else
        call.out() << call.terminal.yellow(call.tr("cli.log-unwitnessed")) << "\n";
    return 0;
}

Result<int> checkpoint(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto stored, app->sign(*reader));
    if (call.json)
        print_json(call, to_json(stored));
    else
        call.out() << stored.note;
    return 0;
}

// What the readers of the checkpoint get each day.
Result<int> letter(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto made, app::checkpoint_letter(*app, *reader, call.lang));
    if (call.json) {
        TRY(const auto readers, app::checkpoint_readers(*app));
        json list = json::array();
        for (const auto& one : readers)
            list.push_back(
                {{"id", one.id}, {"name", one.name}, {"email", one.email}, {"language", to_string(one.lang)}});
        print_json(call, {{"subject", made.subject}, {"body", made.body}, {"readers", std::move(list)}});
        return 0;
    }
    call.out() << made.subject << "\n\n" << made.body;
    return 0;
}

Result<void> put(cli::Invocation& call, std::string_view content) {
    if (!call.has("output")) {
        call.out() << content;
        return {};
    }
    return write_file(call.get("output"), content);
}

Result<int> prove(cli::Invocation& call) {
    const auto parsed = log::parse_decimal(call.get("ENTRY"));
    if (!parsed) return fail(Code::invalid, "cli.log-bad-entry", {{"entry", call.get("ENTRY")}});
    const auto index = *parsed;
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto stored, app->sign(*reader));
    log::TlogProof proof{index, {}, {}, stored.note};
    TRY(proof.hashes, app->tree().inclusion(*reader, index, stored.size));
    TRY_VOID(log::each_entry(*reader, index, index + 1, [&](std::int64_t, std::string_view body) -> Result<void> {
        proof.extra = body;
        return {};
    }));
    // Never hand out a proof that does not hold.
    TRY_VOID(log::verify_inclusion(index, stored.size, log::leaf_hash(proof.extra), proof.hashes, stored.root));
    TRY_VOID(put(call, log::to_string(proof)));
    return 0;
}

Result<int> consistency(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    const auto size_of = [&](const std::string& name) -> Result<std::int64_t> {
        auto size = log::parse_decimal(call.get(name));
        if (!size) return fail(Code::invalid, "cli.log-bad-size", {{"size", call.get(name)}});
        return size;
    };
    TRY(const auto old_size, size_of("OLD"));
    TRY(const auto new_size, size_of("NEW"));
    TRY(const auto head, log::stored_head(*reader));
    if (new_size > head.size || old_size > new_size)
        return fail(Code::invalid, "log.no-such-size",
                    {{"old", std::to_string(std::max(old_size, new_size))}, {"size", std::to_string(head.size)}});
    TRY(const auto proof, app->tree().consistency(*reader, old_size, new_size));
    TRY(const auto old_root, app->tree().root(*reader, old_size));
    TRY(const auto new_root, app->tree().root(*reader, new_size));
    TRY_VOID(log::verify_consistency(old_size, old_root, new_size, new_root, proof));
    if (call.json) {
        json hashes = json::array();
        for (const auto& hash : proof) hashes.push_back(crypto::base64(hash));
        print_json(call, {{"old", {{"size", old_size}, {"root", crypto::base64(old_root)}}},
                          {"new", {{"size", new_size}, {"root", crypto::base64(new_root)}}},
                          {"proof", std::move(hashes)}});
        return 0;
    }
    call.out() << fmt::format("old {} {}\nnew {} {}\n", old_size, crypto::base64(old_root), new_size,
                              crypto::base64(new_root));
    for (const auto& hash : proof) call.out() << crypto::base64(hash) << "\n";
    return 0;
}

Result<int> export_all(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto signer, app->signer());
    TRY(const auto reader, app->readers().get());
    TRY(const auto stored, app->sign(*reader));
    cli::Progress progress(call.terminal, call.tr("cli.log-exporting"));
    TRY(const auto done, log::export_log(*reader, app->tree(), stored, signer->ring().verifier(), call.get("DIR"),
                                         [&](auto at, auto total) { progress.update(at, total); }));
    if (call.json)
        print_json(call, {{"size", done.size}, {"files", done.files}});
    else
        call.out() << call.tr("cli.log-exported", {{"size", std::to_string(done.size)},
                                                   {"files", std::to_string(done.files)},
                                                   {"path", call.get("DIR")}})
                   << "\n";
    return 0;
}

Result<int> recover(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto signer, app->signer());
    if (call.has("from")) {
        TRY(const auto writer, db::open(app->location(), db::Access::read_write));
        TRY(const auto done, log::replay(*writer, signer->ring().verifier(), call.get("from")));
        TRY_VOID(app->committer().write([&](log::WriteContext& context) -> Result<void> {
            context.append(log::Entry("log.recover")
                               .text("origin", signer->origin())
                               .integer("from", done.from)
                               .integer("to", done.to));
            return {};
        }));
        call.out() << call.tr("cli.log-replayed", {{"count", std::to_string(done.to - done.from)}}) << "\n";
        return 0;
    }
    if (call.has("new-origin")) {
        TRY(const auto key, log::begin_new_origin(app->committer(), *signer, app->log_key(), app->log_memory(),
                                                  call.get("new-origin")));
        call.out() << call.tr("cli.log-new-origin", {{"vkey", log::to_string(key)}}) << "\n";
        return 0;
    }
    TRY(const auto reader, app->readers().get());
    TRY(const auto head, log::stored_head(*reader));
    TRY(const auto last, signer->memory());
    const auto compared = signer->compare(*reader, app->tree());
    if (!compared && compared.error().code != Code::conflict) return std::unexpected(compared.error());
    call.out() << call.tr("cli.log-state",
                          {{"size", std::to_string(head.size)}, {"signed", last ? std::to_string(last->size) : "0"}})
               << "\n";
    if (compared) {
        call.out() << call.tr("cli.log-continues") << "\n";
        return 0;
    }
    call.out() << call.terminal.red(tilsyn::render(compared.error().message, call.lang)) << "\n\n"
               << call.tr("cli.log-ways") << "\n";
    return 1;
}

Result<int> rotate(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto signer, app->signer());
    const bool finish = call.has("finish");
    TRY(const auto key, finish ? log::finish_rotation(app->committer(), *signer, app->log_key(), actor(call))
                               : log::begin_rotation(app->committer(), *signer, app->log_key(), actor(call)));
    call.out() << call.tr(finish ? "cli.log-rotated" : "cli.log-rotating", {{"vkey", log::to_string(key)}}) << "\n";
    return 0;
}

Result<int> erase(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto done, app::erase_person(*app, call.get("person"), call.get("reason"), actor(call)));
    if (call.json) {
        print_json(call, {{"values", done.values},
                          {"changes", done.changes},
                          {"others", done.others},
                          {"left", done.left},
                          {"log_index", done.log_index}});
        return 0;
    }
    call.out() << call.tr("cli.log-erased", {{"values", std::to_string(done.values)},
                                             {"changes", std::to_string(done.changes)},
                                             {"others", std::to_string(done.others)}})
               << "\n";
    for (const auto& row : done.left)
        call.out() << call.terminal.yellow(call.tr("cli.log-erase-left", {{"row", row}})) << "\n";
    call.out() << call.tr("cli.log-erase-backups") << "\n";
    return 0;
}

}  // namespace

cli::Table log_commands() {
    const cli::Option as{.name = "as", .value = "NAME", .help = "cli.option-as"};
    const cli::Argument folder{.name = "DIR", .help = "cli.log-dir", .values = cli::Values::folder};
    return {
        {.path = "log", .summary = "cli.log"},
        {.path = "log head", .summary = "cli.log-head", .handler = head},
        {.path = "log verify",
         .summary = "cli.log-verify",
         .help = "cli.log-verify-help",
         .exits = {{1, "cli.exit-log"}},
         .handler = verify},
        {.path = "log key", .summary = "cli.log-key", .help = "cli.log-key-help", .handler = key},
        {.path = "log checkpoint",
         .summary = "cli.log-checkpoint",
         .help = "cli.log-checkpoint-help",
         .handler = checkpoint},
        {.path = "log letter", .summary = "cli.log-letter", .help = "cli.log-letter-help", .handler = letter},
        {.path = "log prove",
         .summary = "cli.log-prove",
         .help = "cli.log-prove-help",
         .arguments = {{.name = "ENTRY", .help = "cli.log-entry"}},
         .options = {{.name = "output", .value = "FILE", .help = "cli.log-output", .values = cli::Values::file}},
         .handler = prove},
        {.path = "log consistency",
         .summary = "cli.log-consistency",
         .help = "cli.log-consistency-help",
         .arguments = {{.name = "OLD", .help = "cli.log-old"}, {.name = "NEW", .help = "cli.log-new"}},
         .handler = consistency},
        {.path = "log export",
         .summary = "cli.log-export",
         .help = "cli.log-export-help",
         .arguments = {folder},
         .handler = export_all},
        {.path = "log recover",
         .summary = "cli.log-recover",
         .help = "cli.log-recover-help",
         .options = {{.name = "from", .value = "DIR", .help = "cli.log-from", .values = cli::Values::folder},
                     {.name = "new-origin", .value = "NAME", .help = "cli.log-new-name"}},
         .exits = {{1, "cli.exit-behind"}},
         .handler = recover},
        {.path = "log rotate",
         .summary = "cli.log-rotate",
         .help = "cli.log-rotate-help",
         .options = {{.name = "finish", .help = "cli.log-finish"}, as},
         .handler = rotate},
        {.path = "log erase",
         .summary = "cli.log-erase",
         .help = "cli.log-erase-help",
         .options = {{.name = "person", .value = "ID", .help = "cli.log-person", .required = true},
                     {.name = "reason", .value = "TEXT", .help = "cli.log-reason", .required = true},
                     as},
         .handler = erase},
    };
}

}  // namespace tilsyn::commands
