// Controls: what they keep, what they look at, when, and how.
#include <algorithm>
#include <set>

#include "base/text.hpp"
#include "policy/loader.hpp"

namespace tilsyn::policy {
namespace {

using std::chrono::hours;

std::vector<std::string> values_of(const registers::Field& field) {
    std::vector<std::string> out;
    for (const auto& choice : field.choices) out.push_back(choice.value);
    return out;
}

}  // namespace

void Loader::controls(const std::vector<Declared>& all) {
    for (const auto& declared : all) one_control(declared);
    std::set<std::string_view> kept, owning;
    for (const auto& control : out_->policy.controls) {
        kept.insert(control.promises.begin(), control.promises.end());
        owning.insert(control.owner);
    }
    for (const auto& promise : out_->policy.promises)
        if (!kept.contains(promise.id))
            warnings_.add(promise.where, msg("policy.promise-without-control", {{"id", promise.id}}));
    for (const auto& role : out_->policy.roles)
        if (!owning.contains(role.id)) warnings_.add(role.where, msg("policy.role-without-control", {{"id", role.id}}));
}

void Loader::one_control(const Declared& declared) {
    const auto& [document, entry] = declared;
    const auto where = document->position(entry->key_begin);
    const Cursor cursor(*document, entry->value, Scope::control, "control." + entry->key, where, faults_);
    check_id(entry->key, where);
    cursor.refuse_unknown_keys();

    Control control;
    control.id = entry->key;
    control.where = where;
    control.title = cursor.bilingual("title");
    control.why = cursor.bilingual("why");
    control_promises(cursor, control);
    control_subjects(cursor, control);
    const auto cadence = cursor.cadence("every");
    if (cadence) control.cadence = *cadence;
    control.window = cursor.duration("window").value_or(Duration(0));
    control.max_age = cursor.duration("max_age");
    control.severity = parse_severity(cursor.text("severity")).value_or(Severity::medium);
    control.when_empty = cursor.text("when_empty") == "not_applicable" ? WhenEmpty::not_applicable : WhenEmpty::unknown;
    control.owner = cursor.text("owner");
    if (!control.owner.empty() && std::ranges::find(role_names_, control.owner) == role_names_.end())
        faults_.unknown_reference(cursor.at("owner"), msg("policy.unknown-role", {{"id", control.owner}}),
                                  control.owner, role_names_);
    procedure(cursor, control);
    const auto* kind = control_check(cursor, control);
    const bool person = kind != nullptr && kind->mode == Mode::person;
    control.watched = kind != nullptr && kind->watched && control.cadence.form == Cadence::Form::interval &&
                      control.cadence.interval <= watched_up_to;
    control.retries = int(cursor.integer("retries").value_or(control.watched ? 2 : 0));
    control.retry_after = cursor.duration("retry_after").value_or(std::chrono::seconds(control.watched ? 5 : 10));
    control.grace = cursor.duration("grace").value_or(person            ? Duration(hours(7 * 24))
                                                      : control.watched ? Duration(std::chrono::minutes(10))
                                                                        : Duration(hours(1)));
    control.timeout = cursor.duration("timeout").value_or(kind != nullptr ? kind->default_timeout
                                                                          : Duration(std::chrono::seconds(30)));
    if (cadence && control.max_age && *control.max_age < typical_interval(*cadence))
        warnings_.add(cursor.at("max_age"), msg("policy.max-age-short", {{"max_age", format_duration(*control.max_age)},
                                                                         {"every", control.cadence.text}}));
    control.definition = definition_of(control, kind);
    out_->policy.controls.push_back(std::move(control));
}

void Loader::control_promises(const Cursor& cursor, Control& control) {
    const auto* node = cursor.node("promises");
    if (node == nullptr) return;
    cursor.read().texts(*node, cursor.path("promises"));  // for its faults; what is text is looked up all the same
    if (node->type != TomlNode::Type::array) return;
    if (node->items.empty())
        faults_.add(cursor.read().at(*node), msg("policy.control-without-promise", {{"id", control.id}}));
    for (const auto& item : node->items) {
        const auto at = cursor.read().at(item);
        if (item.type != TomlNode::Type::text) continue;
        if (std::ranges::find(promise_names_, item.text) == promise_names_.end())
            faults_.unknown_reference(at, msg("policy.unknown-promise", {{"id", item.text}}), item.text,
                                      promise_names_);
        else if (std::ranges::find(control.promises, item.text) != control.promises.end())
            faults_.add(at, msg("policy.listed-twice", {{"key", cursor.path("promises")}, {"value", item.text}}));
        else
            control.promises.push_back(item.text);
    }
}

void Loader::control_subjects(const Cursor& cursor, Control& control) {
    const auto* node = cursor.node("subjects");
    if (node == nullptr) return;
    const auto resolve = [&](const std::string& name, Position at) -> const registers::Register* {
        if (const auto* found = out_->registers.find(name)) return found;
        faults_.unknown_reference(std::move(at), msg("policy.unknown-register", {{"name", name}}), name,
                                  out_->registers.names());
        return nullptr;
    };
    if (node->type == TomlNode::Type::text) {
        if (resolve(node->text, cursor.at("subjects")) != nullptr) control.subjects.register_name = node->text;
        return;
    }
    if (node->type != TomlNode::Type::table) {
        cursor.read().wrong_type(*node, cursor.path("subjects"), "policy.expected-subjects");
        return;
    }
    const Cursor inner(cursor.read().document(), *node, Scope::subjects, cursor.path("subjects"), cursor.at("subjects"),
                       faults_);
    inner.refuse_unknown_keys();
    const auto name = inner.text("register");
    if (name.empty()) return;
    const auto* target = resolve(name, inner.at("register"));
    if (target == nullptr) return;
    control.subjects.register_name = name;
    subject_filter(inner, *target, control.subjects);
}

void Loader::subject_filter(const Cursor& cursor, const registers::Register& target, Subjects& subjects) {
    const auto* where = cursor.node("where");
    if (where == nullptr) return;
    if (where->type != TomlNode::Type::table) {
        cursor.read().wrong_type(*where, cursor.path("where"), "policy.expected-filter");
        return;
    }
    std::vector<std::string> names{"id"};
    for (const auto& field : target.fields) names.push_back(field.name);
    for (const auto& entry : where->entries) {
        if (std::ranges::find(names, entry.key) == names.end()) {
            faults_.unknown_name(cursor.read().at(entry),
                                 msg("policy.unknown-field", {{"field", entry.key}, {"register", target.name}}),
                                 entry.key, names);
            continue;
        }
        const auto key = cursor.path("where." + entry.key);
        const auto* field = target.field(entry.key);
        auto& accepted = subjects.where[entry.key];
        const auto accept = [&](const TomlNode& value) {
            if (value.type == TomlNode::Type::boolean) return accepted.push_back(value.boolean ? "true" : "false");
            if (value.type == TomlNode::Type::integer) return accepted.push_back(std::to_string(value.integer));
            if (value.type == TomlNode::Type::date) return accepted.push_back(format_date(value.date));
            const bool limited = field != nullptr && (field->type == registers::FieldType::choice ||
                                                      field->type == registers::FieldType::choices);
            const auto text =
                limited ? cursor.read().choice(value, key, values_of(*field)) : cursor.read().text(value, key);
            if (text) accepted.push_back(*text);
        };
        if (entry.value.type != TomlNode::Type::array)
            accept(entry.value);
        else
            for (const auto& item : entry.value.items) accept(item);
        if (entry.value.type == TomlNode::Type::array && entry.value.items.empty())
            faults_.add(cursor.read().at(entry.value), msg("policy.empty-list", {{"key", key}}));
    }
}

void Loader::procedure(const Cursor& cursor, Control& control) {
    control.procedure = cursor.text("procedure");
    if (control.procedure.empty()) return;
    const auto at = cursor.at("procedure");
    if (!stays_inside(control.procedure)) {
        faults_.add(at, msg("policy.leaves-folder", {{"file", control.procedure}}), msg("policy.leaves-folder-hint"));
        return;
    }
    auto content = files_->read(control.procedure);
    if (content) return extra_file(control.procedure, std::move(*content));
    auto error = std::move(content).error();
    if (error.code != Code::not_found) return faults_.add(std::move(error).at(at));
    missing_file(at, error, control.procedure, "*.md");
}

const KindSpec* Loader::control_check(const Cursor& cursor, Control& control) {
    const auto* node = cursor.node("check");
    if (node == nullptr) return nullptr;
    if (node->type != TomlNode::Type::table) {
        cursor.read().wrong_type(*node, cursor.path("check"), "policy.expected-check");
        return nullptr;
    }
    const auto where = cursor.read().at(*cursor.table().entry("check"));
    const Cursor check(cursor.read().document(), *node, Scope::check, cursor.path("check"), where, faults_);
    control.kind = check.text("kind");
    if (control.kind.empty()) return nullptr;
    const auto found = std::ranges::find(kinds_, control.kind, [](const KindSpec* spec) { return spec->name; });
    if (found == kinds_.end()) {
        std::vector<std::string> names;
        for (const auto* spec : kinds_) names.push_back(spec->name);
        faults_.unknown_name(check.at("kind"), msg("policy.unknown-kind", {{"name", control.kind}}), control.kind,
                             names);
        return nullptr;
    }
    const auto& kind = **found;
    control.params = read_params(kind, check.read(), *node, check.name(), where);
    check_subjects_of(cursor, kind, control);
    return &kind;
}

void Loader::check_subjects_of(const Cursor& cursor, const KindSpec& kind, const Control& control) {
    const auto& accepted = kind.subject_registers;
    if (accepted.empty() || std::ranges::find(accepted, control.subjects.register_name) != accepted.end()) return;
    if (!control.subjects.register_name.empty())
        faults_.add(cursor.at("subjects"),
                    msg("policy.kind-not-for-register", {{"kind", kind.name},
                                                         {"register", control.subjects.register_name},
                                                         {"registers", join(accepted, ", ")}}));
    else if (cursor.table().find("subjects") == nullptr)
        faults_.add(cursor.where(),
                    msg("policy.kind-needs-subjects", {{"kind", kind.name}, {"registers", join(accepted, ", ")}}),
                    msg("policy.example", {{"key", "subjects"}, {"example", "\"" + accepted.front() + "\""}}));
}

}  // namespace tilsyn::policy
