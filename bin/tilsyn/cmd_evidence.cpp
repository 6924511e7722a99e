// tilsyn evidence, verify: packs that prove, and checking them.
#include <nlohmann/json.hpp>

#include "app/stamping.hpp"
#include "base/file.hpp"
#include "base/text.hpp"
#include "commands.hpp"
#include "log/pack/tell.hpp"
#include "output.hpp"
#include "publish/evidence.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

// A day of the policy's calendar ("2026-11-23": its beginning), or a moment (RFC 3339).
Result<Timestamp> moment_of(const cli::Invocation& call, const Moments& moments, const std::string& option) {
    const auto text = call.get(option);
    if (const auto date = parse_date(text)) return moments.zone().utc_of({*date, {}});
    if (const auto at = parse_utc(text)) return *at;
    return fail(Code::invalid, "cli.evidence-bad-time", {{"option", "--" + option}, {"value", text}});
}

Result<int> evidence(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto signer, app->signer());
    TRY(const auto reader, app->readers().get());
    const Moments moments(*app);
    publish::EvidenceRequest request;
    TRY(request.from, moment_of(call, moments, "from"));
    TRY(request.to, moment_of(call, moments, "to"));
    request.controls = call.all("control");
    request.audience =
        call.get("for", "auditor") == "customer" ? publish::Audience::customer : publish::Audience::auditor;
    request.file = call.get("output");
    publish::EvidenceSource source{
        &*reader, &app->committer(), signer.get(), &app->tree(), &app->clock(), app->witnesses(), {}};
    TRY(const auto authorities, app::read_tsas(app->data()));
    for (const auto& tsa : authorities) source.authorities.push_back({tsa.name, tsa.pem, tsa.retired});
    TRY(const auto made, publish::make_evidence(source, request));
    if (call.json) {
        print_json(call, {{"file", request.file.string()},
                          {"size", made.size},
                          {"entries", made.entries},
                          {"runs", made.runs},
                          {"whole", made.whole},
                          {"witnessed", made.witnessed},
                          {"repeatable", made.repeatable}});
        return 0;
    }
    call.out() << call.tr("cli.evidence-made", {{"file", request.file.string()},
                                                {"entries", std::to_string(made.entries)},
                                                {"runs", std::to_string(made.runs)},
                                                {"size", std::to_string(made.size)}})
               << "\n";
    if (!made.witnessed)
        call.out() << call.terminal.yellow(call.tr(made.asks_for_witnesses ? "cli.evidence-not-yet-witnessed"
                                                                           : "cli.evidence-unwitnessed"))
                   << "\n";
    if (!made.repeatable) call.out() << call.tr("cli.evidence-open") << "\n";
    call.out() << call.tr("cli.evidence-check", {{"file", request.file.string()}}) << "\n";
    return 0;
}

Result<int> verify(cli::Invocation& call) {
    log::pack::CheckRequest request;
    for (const auto& pack : call.all("PACK")) request.packs.emplace_back(pack);
    for (const auto& kept : call.all("kept")) request.kept.emplace_back(kept);
    if (call.has("policy")) request.policy = call.get("policy");
    if (call.has("tsa")) request.tsa = call.get("tsa");
    request.key = call.get("key");
    return log::pack::check_files(request, call.lang, call.json, call.out());
}

}  // namespace

cli::Table evidence_commands() {
    return {
        {.path = "evidence",
         .summary = "cli.evidence",
         .help = "cli.evidence-help",
         .options = {{.name = "from", .value = "DAY", .help = "cli.evidence-from", .required = true},
                     {.name = "to", .value = "DAY", .help = "cli.evidence-to", .required = true},
                     {.name = "control", .value = "ID", .help = "cli.evidence-control", .repeated = true},
                     {.name = "for", .value = "WHOM", .help = "cli.evidence-for", .choices = {"auditor", "customer"}},
                     {.name = "output",
                      .value = "FILE",
                      .help = "cli.evidence-output",
                      .values = cli::Values::file,
                      .required = true}},
         .handler = evidence},
        {.path = "verify",
         .summary = "cli.verify",
         .help = "cli.verify-help",
         .arguments =
             {{.name = "PACK", .help = "cli.verify-pack", .arity = cli::Arity::several, .values = cli::Values::file}},
         .options = {{.name = "kept",
                      .value = "FILE",
                      .help = "cli.verify-kept",
                      .values = cli::Values::file,
                      .repeated = true},
                     {.name = "policy", .value = "FILE", .help = "cli.verify-policy", .values = cli::Values::file},
                     {.name = "tsa", .value = "FILE", .help = "cli.verify-tsa", .values = cli::Values::file},
                     {.name = "key", .value = "VKEY", .help = "cli.verify-key"}},
         .exits = {{1, "cli.exit-verify"}},
         .handler = verify},
    };
}

}  // namespace tilsyn::commands
