#include "backup/plan.hpp"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/secrets.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using std::chrono::hours;

std::string field(const registers::Fields& fields, std::string_view name) {
    const auto found = fields.find(name);
    return found == fields.end() ? std::string() : found->second;
}
Duration duration(const registers::Fields& fields, std::string_view name) {
    return parse_duration(field(fields, name)).value_or(Duration{0});
}
int integer(const registers::Fields& fields, std::string_view name) {
    const auto text = field(fields, name);
    int value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}
std::vector<std::string> list(const registers::Fields& fields, std::string_view name) {
    std::vector<std::string> out;
    for (const auto part : split(field(fields, name), '|'))
        if (!trim(part).empty()) out.emplace_back(trim(part));
    return out;
}

Source source_of(std::string_view text) {
    if (text == "files") return Source::files;
    if (text == "sqlite") return Source::sqlite;
    if (text == "postgresql") return Source::postgresql;
    if (text == "postgresql_server") return Source::postgresql_server;
    if (text == "mariadb") return Source::mariadb;
    if (text == "tilsyn") return Source::tilsyn;
    return Source::none;
}

RunBy run_by_of(std::string_view text) {
    if (text == "tilsyn") return RunBy::tilsyn;
    if (text == "watched") return RunBy::watched;
    if (text == "reported") return RunBy::reported;
    return RunBy::elsewhere;
}

Result<Plan> plan_of(const registers::Service& registers, const registers::RegisterRow& row) {
    TRY(const auto set, registers.get("data-sets", field(row.fields, "data_set")));
    TRY(const auto repository, registers.get("backup-repositories", field(row.fields, "repository")));
    auto plan = plan_from(row.id, row.fields, set.fields);
    if (const auto server = field(set.fields, "server"); !server.empty()) {
        TRY(const auto found, registers.get("servers", server));
        plan.machine = field(found.fields, "hostname");
    }
    plan.engine = field(repository.fields, "engine");
    plan.location = field(repository.fields, "location");
    plan.append_only = field(repository.fields, "append_only") == "true";
    plan.in_use = plan.in_use && field(repository.fields, "status") == "in_use";
    return plan;
}

}  // namespace

Plan plan_from(std::string_view id, const registers::Fields& row, const registers::Fields& data_set) {
    Plan plan{.id = std::string(id), .data_set = field(row, "data_set"), .repository = field(row, "repository")};
    plan.source = source_of(field(data_set, "source"));
    plan.criticality = field(data_set, "criticality");
    plan.paths = list(data_set, "paths");
    plan.must_hold = list(data_set, "must_hold");
    plan.database = field(data_set, "database");
    plan.hook = field(data_set, "hook");
    plan.max_downtime = duration(data_set, "max_downtime");
    plan.run_by = run_by_of(field(row, "run_by"));
    plan.sets_named = field(row, "sets_named");
    plan.in_use = field(row, "status") == "in_use" && field(data_set, "status") == "in_use";
    plan.every = duration(row, "planned_every");
    plan.drill_every = duration(row, "drill_every");
    plan.sample_every = duration(row, "sample_every");
    // What a plan does not say follows from how much the business depends on the data.
    const bool important = plan.criticality == "high" || plan.criticality == "critical";
    if (plan.every == Duration{0}) plan.every = hours(24);
    if (plan.drill_every == Duration{0}) plan.drill_every = important ? hours(7 * 24) : hours(30 * 24);
    if (plan.sample_every == Duration{0}) plan.sample_every = important ? hours(24) : hours(7 * 24);
    plan.keep = {integer(row, "keep_daily"), integer(row, "keep_weekly"), integer(row, "keep_monthly"),
                 integer(row, "keep_yearly")};
    plan.left_out = list(row, "left_out");
    return plan;
}

Result<std::vector<Plan>> read_plans(const registers::Service& registers) {
    std::vector<Plan> plans;
    std::string after;
    do {
        TRY(const auto page, registers.list("backup-plans", after));
        for (const auto& row : page.rows) {
            TRY(auto plan, plan_of(registers, row));
            if (plan.run_by != RunBy::elsewhere && plan.in_use) plans.push_back(std::move(plan));
        }
        after = page.next;
    } while (!after.empty());
    return plans;
}

Result<Plan> read_plan(const registers::Service& registers, std::string_view id) {
    TRY(const auto row, registers.get("backup-plans", id));
    return plan_of(registers, row);
}

Result<Exclusions> exclusions_of(const Plan& plan) {
    Exclusions out;
    for (const auto& text : plan.left_out) {
        if (text.front() == '/') {
            TRY(const auto roots, make_roots({text}));
            out.paths.push_back(roots.paths.front());
        } else if (text.find('/') == text.npos) {
            out.names.push_back(text);
        } else {
            return fail(Code::invalid, "backup.bad-exclusion", {{"plan", plan.id}, {"text", text}});
        }
    }
    return out;
}

Result<std::map<std::string, std::string>> read_secrets(const std::filesystem::path& data, const std::string& id) {
    static constexpr std::string_view known[] = {"password",      "access_key", "secret_key",  "user",
                                                 "user_password", "ssh_key",    "known_hosts", "ca",
                                                 "rclone_config"};
    return read_secret_file(data / "secrets" / (id + ".toml"), known);
}

// A database may need no password: what lets in is then the account that Tilsyn runs as.
Result<std::map<std::string, std::string>> read_secrets_if_any(const std::filesystem::path& data,
                                                               const std::string& id) {
    if (std::error_code error; !std::filesystem::exists(data / "secrets" / (id + ".toml"), error))
        return std::map<std::string, std::string>();
    return read_secrets(data, id);
}

Result<RepositoryAccess> access_to(const std::filesystem::path& data, const Plan& plan) {
    TRY(auto access, access_to(data, plan.repository, plan.engine, plan.location));
    access.read_only = plan.run_by != RunBy::tilsyn;
    return access;
}

Result<RepositoryAccess> access_to(const std::filesystem::path& data, const std::string& repository,
                                   const std::string& engine, const std::string& location) {
    RepositoryAccess access{
        .id = repository, .engine = engine, .location = location, .work = data / "backup" / "engines" / repository};
    TRY(access.credentials, read_secrets(data, repository));
    const auto take = [&](const char* name) {
        auto node = access.credentials.extract(name);
        return node.empty() ? std::string() : std::move(node.mapped());
    };
    access.password = take("password");
    access.ssh_key = take("ssh_key");
    access.known_hosts = take("known_hosts");
    access.ca = take("ca");
    std::error_code error;
    std::filesystem::create_directories(access.work, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", access.work.string()}}).detail(error.message());
    return access;
}

}  // namespace tilsyn::backup
