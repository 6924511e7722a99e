#include "policy/load.hpp"

#include <algorithm>
#include <tuple>

#include "base/text.hpp"
#include "policy/loader.hpp"

namespace tilsyn::policy {
namespace {

void sort_and_thin(std::vector<Fault>& faults) {
    const auto place = [](const Fault& fault) {
        static const Position nowhere;
        const auto& where = fault.where ? *fault.where : nowhere;
        return std::tie(where.file, where.line, where.column, fault.message.key, fault.message.params);
    };
    std::ranges::sort(faults, [&](const Fault& a, const Fault& b) { return place(a) < place(b); });
    const auto same = std::ranges::unique(
        faults, [](const Fault& a, const Fault& b) { return a.where == b.where && a.message == b.message; });
    faults.erase(same.begin(), same.end());
}

}  // namespace

void Loader::run(const std::string& main_file) {
    out_->registers = registers::builtin();
    if (read_main(main_file)) {
        const auto& main = *documents_.front();
        settings(main);
        includes(main);
        for (std::size_t i = 1; i < documents_.size(); ++i) {
            const auto& document = *documents_[i];
            Cursor(document, document.root(), Scope::root, "", document.position(0), faults_)
                .refuse_unknown_keys(false);
        }
        registers();
        roles(declared(Scope::role));
        promises(declared(Scope::promise));
        sections(declared(Scope::section));
        controls(declared(Scope::control));
    }
    finish();
}

bool Loader::read_main(const std::string& main_file) {
    auto content = files_->read(main_file);
    const auto shown = files_->shown(main_file);
    if (!content) {
        faults_.add(std::move(content).error().at({shown, 0, 0}));
        return false;
    }
    out_->policy.files.emplace_back(main_file, *content);
    auto document = TomlDocument::parse(std::move(*content), shown);
    if (!document) {
        faults_.add(std::move(document).error());
        return false;
    }
    documents_.push_back(std::make_unique<TomlDocument>(std::move(*document)));
    return true;
}

void Loader::settings(const TomlDocument& main) {
    const Cursor cursor(main, main.root(), Scope::root, "", main.position(0), faults_);
    auto& policy = out_->policy;
    cursor.refuse_unknown_keys();
    cursor.integer("schema");
    policy.id = cursor.text("id");
    if (!policy.id.empty()) check_id(policy.id, cursor.at("id"));
    policy.title = cursor.bilingual("title");
    policy.company = cursor.text("company");
    policy.timezone = cursor.text("timezone");
    policy.holidays = cursor.text("holidays");
    policy.extra_holidays = cursor.dates("extra_holidays");
    constexpr std::size_t most_holidays = 1000;
    if (policy.extra_holidays.size() > most_holidays)
        faults_.add(cursor.at("extra_holidays"),
                    msg("policy.too-many", {{"key", "extra_holidays"}, {"limit", std::to_string(most_holidays)}}));
    if (policy.timezone.empty()) return;
    if (auto zone = Zone::find(policy.timezone); !zone) {
        static const std::vector<std::string> near_by{"Europe/Copenhagen", "Europe/Stockholm",  "Europe/Oslo",
                                                      "Europe/Helsinki",   "Europe/Berlin",     "Europe/Amsterdam",
                                                      "Europe/Brussels",   "Europe/Paris",      "Europe/London",
                                                      "Europe/Dublin",     "Europe/Lisbon",     "Europe/Madrid",
                                                      "Europe/Rome",       "Europe/Vienna",     "Europe/Zurich",
                                                      "Europe/Prague",     "Europe/Warsaw",     "Europe/Budapest",
                                                      "Europe/Athens",     "Europe/Sofia",      "Europe/Bucharest",
                                                      "Europe/Vilnius",    "Europe/Riga",       "Europe/Tallinn",
                                                      "Europe/Luxembourg", "Europe/Malta",      "Europe/Zagreb",
                                                      "Europe/Ljubljana",  "Europe/Bratislava", "Atlantic/Reykjavik",
                                                      "Atlantic/Faroe",    "America/Nuuk",      "UTC"};
        faults_.unknown_name(cursor.at("timezone"), zone.error().message, policy.timezone, near_by);
        policy.timezone = "Europe/Copenhagen";
    }
}

void Loader::includes(const TomlDocument& main) {
    const auto* list = main.root().find("include");
    if (list == nullptr) return;
    const ValueReader reader(main, faults_);
    reader.texts(*list, "include");  // for its faults; what is text is read all the same
    for (const auto& item : list->items)
        if (item.type == TomlNode::Type::text) include_one(item.text, reader.at(item));
}

void Loader::include_one(const std::string& pattern, const Position& where) {
    if (!stays_inside(pattern)) {
        faults_.add(where, msg("policy.leaves-folder", {{"file", pattern}}), msg("policy.leaves-folder-hint"));
        return;
    }
    if (!has_wildcard(pattern)) return add_file(pattern, where);
    const auto found = files_->match(pattern);
    // An optional folder may be empty; a slip in the name looks the same, so it is said, but not refused.
    if (found.empty()) warnings_.add(where, msg("policy.nothing-matches", {{"pattern", pattern}}));
    for (const auto& name : found) add_file(name, where);
}

void Loader::add_file(const std::string& name, const Position& where) {
    auto& kept = out_->policy.files;
    if (std::ranges::find(kept, name, &std::pair<std::string, std::string>::first) != kept.end()) return;
    if (kept.size() >= max_files) {
        faults_.add(where, msg("policy.too-many-files", {{"limit", std::to_string(max_files)}}));
        return;
    }
    auto content = files_->read(name);
    if (!content) {
        faults_.set_incomplete();
        auto error = std::move(content).error();
        if (error.code == Code::not_found)
            missing_file(where, error, name, "*.toml");
        else
            faults_.add(std::move(error).at(where));
        return;
    }
    kept.emplace_back(name, *content);
    auto document = TomlDocument::parse(std::move(*content), files_->shown(name));
    if (!document) {
        faults_.set_incomplete();
        faults_.add(std::move(document).error());
        return;
    }
    documents_.push_back(std::make_unique<TomlDocument>(std::move(*document)));
}

// Offers the file beside it whose own name is nearest; the folder and the ending, which they share, say nothing.
void Loader::missing_file(const Position& where, const Error& error, const std::string& name,
                          std::string_view pattern) {
    const auto slash = name.rfind('/');
    const auto folder = slash == name.npos ? std::string() : name.substr(0, slash + 1);
    const auto stem = [&](const std::string& file) {
        return file.substr(folder.size(), file.rfind('.') - folder.size());
    };
    const auto beside = files_->match(folder + std::string(pattern));
    std::vector<std::string> stems;
    for (const auto& file : beside) stems.push_back(stem(file));
    const auto near =
        nearest(name.find('.', folder.size()) == name.npos ? name.substr(folder.size()) : stem(name), stems);
    if (!near) return faults_.unknown_name(where, error.message, "", beside);
    const auto found = std::ranges::find(stems, *near) - stems.begin();
    faults_.add(where, error.message, msg("policy.did-you-mean", {{"name", beside[std::size_t(found)]}}));
}

// A file that is kept with the policy but is not part of its text: a procedure.
void Loader::extra_file(const std::string& name, std::string content) {
    auto& kept = out_->policy.files;
    if (std::ranges::find(kept, name, &std::pair<std::string, std::string>::first) == kept.end())
        kept.emplace_back(name, std::move(content));
}

void Loader::registers() {
    for (const auto& document : documents_) {
        if (document->root().find("register") == nullptr) continue;
        for (auto& fault : registers::parse_declarations(document->source(), document->file(), out_->registers))
            faults_.add(std::move(fault));
    }
}

// All [scope.ID] tables of all files, in source order, without the second of two that share an id.
std::vector<Declared> Loader::declared(Scope scope) {
    std::vector<Declared> all;
    std::map<std::string, Position> first;
    const std::string what(to_string(scope));
    for (const auto& document : documents_) {
        const auto* tables = document->root().find(what);
        if (tables == nullptr) continue;
        if (tables->type != TomlNode::Type::table) {
            faults_.add(document->position(tables->begin),
                        msg("policy.expected-tables", {{"key", what}, {"found", document->snippet(*tables)}}));
            continue;
        }
        for (const auto& entry : tables->entries) {
            const auto where = document->position(entry.key_begin);
            if (entry.value.type != TomlNode::Type::table) {
                faults_.add(where, msg("policy.expected-table",
                                       {{"key", what + "." + entry.key}, {"found", document->snippet(entry.value)}}));
                continue;
            }
            const auto [known, fresh] = first.emplace(entry.key, where);
            if (fresh)
                all.push_back({document.get(), &entry});
            else
                faults_.add(where, msg("policy.declared-twice",
                                       {{"key", what + "." + entry.key}, {"where", to_string(known->second)}}));
        }
    }
    return all;
}

void Loader::check_id(const std::string& id, const Position& where) {
    if (valid_id(id)) return;
    auto better = lower_ascii(id);
    std::ranges::replace(better, ' ', '-');
    std::optional<Message> hint;
    if (valid_id(better)) hint = msg("policy.did-you-mean", {{"name", better}});
    faults_.add(where, msg("policy.bad-id", {{"id", id}}), std::move(hint));
}

void Loader::finish() {
    out_->policy.hash = hash_of(out_->policy.files);
    sort_and_thin(out_->faults);
    sort_and_thin(out_->warnings);
}

Loaded load(const std::filesystem::path& policy_file, std::span<const KindSpec* const> kinds) {
    Loaded out;
    const auto files = folder_source(policy_file.parent_path());
    Loader(*files, kinds, out).run(policy_file.filename().string());
    return out;
}

Loaded load(const std::vector<std::pair<std::string, std::string>>& files, std::string_view main_file,
            std::span<const KindSpec* const> kinds) {
    Loaded out;
    const auto source = memory_source(files);
    Loader(*source, kinds, out).run(std::string(main_file));
    return out;
}

}  // namespace tilsyn::policy
