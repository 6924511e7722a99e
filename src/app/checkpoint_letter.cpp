#include "app/checkpoint_letter.hpp"

#include "log/armor.hpp"

namespace tilsyn::app {

Result<CheckpointLetter> checkpoint_letter(App& app, db::Connection& reader, Lang lang) {
    TRY(const auto signer, app.signer());
    TRY(const auto witnessed, app.newest_witnessed(reader));
    TRY(const auto newest, log::newest_checkpoint(reader));
    if (!newest) return fail(Code::not_found, "api.log-not-signed");
    const auto& checkpoint = witnessed ? witnessed->checkpoint : *newest;
    const auto plan = app.plan();
    const auto company = plan ? plan->policy.company : signer->origin();
    const auto zone = Zone::find(plan ? plan->policy.timezone : "UTC").value_or(Zone::utc());
    const auto day = zone.format(checkpoint.signed_at).substr(0, 10);
    const auto vkey = log::to_string(signer->ring().verifier());
    CheckpointLetter letter;
    letter.subject = tr(lang, "letter.subject", {{"company", company}, {"day", day}});
    letter.body = tr(lang, "letter.intro", {{"company", company}, {"size", std::to_string(checkpoint.size)}}) + "\n\n" +
                  log::armored(checkpoint.note) + "\n" + tr(lang, "letter.how", {{"vkey", vkey}}) + "\n\n" +
                  tr(lang, witnessed ? "letter.witnessed" : "letter.not-witnessed") + "\n";
    return letter;
}

Result<std::vector<CheckpointReader>> checkpoint_readers(App& app) {
    std::vector<CheckpointReader> out;
    TRY(const auto list, app.registers()->list("checkpoint_readers"));
    for (const auto& row : list.rows) {
        const auto field = [&](const char* name) {
            const auto found = row.fields.find(name);
            return found == row.fields.end() ? std::string() : found->second;
        };
        if (field("status") == "active")
            out.push_back({row.id, field("name"), field("email"), field("language") == "en" ? Lang::en : Lang::da});
    }
    return out;
}

}  // namespace tilsyn::app
