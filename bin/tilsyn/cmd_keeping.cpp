// tilsyn key: the keys to the API.
#include <nlohmann/json.hpp>

#include "app/keys.hpp"
#include "commands.hpp"
#include "output.hpp"

namespace tilsyn::commands {
namespace {

using nlohmann::json;

Result<int> list_keys(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY(const auto reader, app->readers().get());
    TRY(const auto keys, app::list_keys(*reader));
    if (call.json) {
        json out = json::array();
        for (const auto& key : keys)
            out.push_back({{"id", key.id},
                           {"name", key.name},
                           {"role", app::to_string(key.role)},
                           {"created_at", moment(key.created_at)},
                           {"revoked_at", moment(key.revoked_at)}});
        print_json(call, out);
        return 0;
    }
    const Moments moments(*app);
    cli::Columns columns({call.tr("cli.head-key"), call.tr("cli.head-role"), call.tr("cli.head-made"),
                          call.tr("cli.head-revoked"), call.tr("cli.head-name-of-key")});
    for (const auto& key : keys)
        columns.add({key.id, std::string(app::to_string(key.role)), moments.at(key.created_at),
                     moments.at(key.revoked_at), key.name});
    call.out() << columns.render(call.terminal);
    return 0;
}

Result<int> add_key(cli::Invocation& call) {
    TRY(const auto app, open(call));
    const auto role = app::parse_key_role(call.get("role", "read"))
                          .value_or(app::KeyRole::read);  // the table lets no other word through
    TRY(const auto key, app::create_key(app->committer(), call.get("NAME"), role, actor(call)));
    if (call.json)
        print_json(call, {{"key", key}});
    else
        call.out() << call.tr("cli.key-once") << "\n\n    " << call.terminal.bold(key) << "\n\n";
    return 0;
}

Result<int> revoke_key(cli::Invocation& call) {
    TRY(const auto app, open(call));
    TRY_VOID(app::revoke_key(app->committer(), call.get("ID"), actor(call)));
    if (call.json)
        print_json(call, {{"revoked", call.get("ID")}});
    else
        call.out() << call.tr("cli.revoked", {{"id", call.get("ID")}}) << "\n";
    return 0;
}

}  // namespace

cli::Table keeping_commands() {
    const cli::Option as{.name = "as", .value = "NAME", .help = "cli.option-as"};
    return {
        {.path = "key", .summary = "cli.key"},
        {.path = "key list", .summary = "cli.key-list", .handler = list_keys},
        {.path = "key add",
         .summary = "cli.key-add",
         .arguments = {{.name = "NAME", .help = "cli.key-name"}},
         .options =
             {{.name = "role", .value = "ROLE", .help = "cli.option-role", .choices = {"read", "write", "admin"}}, as},
         .handler = add_key},
        {.path = "key revoke",
         .summary = "cli.key-revoke",
         .arguments = {{.name = "ID", .help = "cli.key-id"}},
         .options = {as},
         .handler = revoke_key},
    };
}

}  // namespace tilsyn::commands
