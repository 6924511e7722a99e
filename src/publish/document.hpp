// A page as a reader sees it, before it is HTML or PDF: what is said, in which order, and how it looks.
#pragma once
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.hpp"
#include "base/i18n.hpp"

namespace tilsyn::publish {

enum class Look { plain, good, doubt, bad };

struct Heading {
    int level = 2;  // 2 or 3; the title of the page is 1
    std::string text;
};
struct Paragraph {
    std::string text;
    Look look = Look::plain;
};
struct Cell {
    std::string text;
    std::string code = {};  // an identifier, on a line of its own below the text
    Look look = Look::plain;
};
struct Column {
    std::string title;
    bool number = false;  // right-aligned
};
struct Table {
    std::vector<Column> columns;
    std::vector<std::vector<Cell>> rows;  // as many cells as there are columns
};
struct Terms {  // what is called what; the right side is an identifier
    std::vector<std::pair<std::string, std::string>> lines;
};

struct Document {
    Lang lang = Lang::en;
    std::string title, company, lead;
    std::vector<std::variant<Heading, Paragraph, Table, Terms>> blocks;
};

// One page of HTML that stands alone: no script, nothing loaded. Prints well.
std::string to_html(const Document& document);

// PDF 1.3, A4, with the fonts that every reader has: letters beyond Western European ones become "?". The same document
// gives the same bytes.
Result<std::string> to_pdf(const Document& document);

}  // namespace tilsyn::publish
