// What the catalogue says, for people and for programs.
#pragma once
#include <nlohmann/json_fwd.hpp>
#include <string>

#include "registers/types.hpp"

namespace tilsyn::registers {

// docs/registers.md: every register and field, in English with the Danish labels. Markdown.
std::string reference_markdown(const Catalogue& catalogue);

// [{ name, view, title, singular, help, retention, ended_by, personal, fields: [{ name, type, label, ... }] }], in
// order. Texts are { "en": ..., "da": ... }; what is not said is absent.
nlohmann::ordered_json to_json(const Catalogue& catalogue);

}  // namespace tilsyn::registers
