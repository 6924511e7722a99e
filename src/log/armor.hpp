// A note inside a letter: between two lines of dashes, so that whoever has kept the letter has kept the note.
#pragma once
#include <string>
#include <string_view>

namespace tilsyn::log {

std::string armored(std::string_view note);
// The note in the text; without the two lines, the text as it is. Line ends of mail (CR LF) and the marks of a quoted
// letter ("> ") are taken off inside the lines.
std::string find_note(std::string_view text);

}  // namespace tilsyn::log
