// The state of one loading, and its steps. Internal to the slice: load.cpp runs the steps in order.
#pragma once
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "policy/cursor.hpp"
#include "policy/load.hpp"
#include "policy/sources.hpp"

namespace tilsyn::policy {

// Something declared as [what.id], with the file it stands in.
struct Declared {
    const TomlDocument* document = nullptr;
    const TomlEntry* entry = nullptr;
};

class Loader {
  public:
    Loader(const FileSource& files, std::span<const KindSpec* const> kinds, Loaded& out)
        : files_(&files), kinds_(kinds), out_(&out), faults_(out.faults), warnings_(out.warnings) {}

    void run(const std::string& main_file);

  private:
    // load.cpp
    bool read_main(const std::string& main_file);
    void settings(const TomlDocument& main);
    void includes(const TomlDocument& main);
    void include_one(const std::string& pattern, const Position& where);
    void add_file(const std::string& name, const Position& where);
    void missing_file(const Position& where, const Error& error, const std::string& name, std::string_view pattern);
    void extra_file(const std::string& name, std::string content);
    void registers();
    std::vector<Declared> declared(Scope scope);
    void check_id(const std::string& id, const Position& where);
    void finish();

    // load_text.cpp: roles, promises, sections
    void roles(const std::vector<Declared>& all);
    void promises(const std::vector<Declared>& all);
    void sections(const std::vector<Declared>& all);
    struct Marks;
    Marks section_marks(const Declared& section, const TomlNode& text, Lang lang, std::vector<Sentence>& into);
    void compare_marks(const Declared& section, const Marks& da, const Marks& en);
    void place_promises();

    // load_control.cpp
    void controls(const std::vector<Declared>& all);
    void one_control(const Declared& declared);
    void control_promises(const Cursor& cursor, Control& control);
    void control_subjects(const Cursor& cursor, Control& control);
    void subject_filter(const Cursor& cursor, const registers::Register& target, Subjects& subjects);
    void procedure(const Cursor& cursor, Control& control);
    const KindSpec* control_check(const Cursor& cursor, Control& control);
    void check_subjects_of(const Cursor& cursor, const KindSpec& kind, const Control& control);

    const FileSource* files_;
    std::span<const KindSpec* const> kinds_;
    Loaded* out_;
    Faults faults_;
    Faults warnings_;
    std::vector<std::unique_ptr<TomlDocument>> documents_;  // the main file first
    std::vector<std::string> promise_names_, role_names_;
};

// load_params.cpp: the parameters of a check, by its kind's declaration. `key` is the dotted name of the check table.
ParamValues read_params(const KindSpec& kind, const ValueReader& reader, const TomlNode& check, const std::string& key,
                        const Position& where);

// definition.cpp: canonical compact JSON, keys sorted.
std::string definition_of(const Control& control, const KindSpec* kind);
// The hash that docs/policy.md describes.
std::string hash_of(const std::vector<std::pair<std::string, std::string>>& files);

}  // namespace tilsyn::policy
