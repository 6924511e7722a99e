#include <fmt/format.h>

#include "publish/document.hpp"

namespace tilsyn::publish {
namespace {

constexpr std::string_view style = R"(
:root { color-scheme: light; }
body { font: 15px/1.5 system-ui, sans-serif; color: #1c2127; background: #fff; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.6rem; margin-bottom: .2rem; }
h2 { font-size: 1.15rem; margin-top: 2.2rem; border-bottom: 1px solid #c9d1d9; padding-bottom: .2rem; }
h3 { font-size: 1rem; margin: 1.4rem 0 .4rem; }
p.lead { margin-top: 0; color: #4a5560; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; vertical-align: top; padding: .3rem .5rem; border-bottom: 1px solid #e3e8ed; }
th { font-weight: 600; color: #4a5560; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
.bad { color: #a01820; font-weight: 600; }
.doubt { color: #7a4b00; font-weight: 600; }
.good { color: #17623a; }
code { font: .85em ui-monospace, monospace; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; }
dt { color: #4a5560; } dd { margin: 0; }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; } table { display: block; overflow-x: auto; } }
@media print { body { margin: 0; max-width: none; font-size: 10pt; } h2 { break-after: avoid; } tr { break-inside: avoid; } }
)";

std::string escaped(std::string_view text) {
    std::string out;
    for (const char c : text) {
        if (c == '&')
            out += "&amp;";
        else if (c == '<')
            out += "&lt;";
        else if (c == '>')
            out += "&gt;";
        else if (c == '"')
            out += "&quot;";
        else
            out += c;
    }
    return out;
}

std::string_view name_of(Look look) {
    switch (look) {
        case Look::good:
            return "good";
        case Look::doubt:
            return "doubt";
        case Look::bad:
            return "bad";
        case Look::plain:
            break;
    }
    return "";
}

std::string class_of(Look look, bool number = false) {
    std::string names(number ? "number" : "");
    if (look != Look::plain) names += (names.empty() ? "" : " ") + std::string(name_of(look));
    return names.empty() ? "" : " class=\"" + names + "\"";
}

class Html {
  public:
    explicit Html(std::string& out) : out_(out) {}

    void operator()(const Heading& heading) {
        out_ += fmt::format("<h{0}>{1}</h{0}>\n", heading.level, escaped(heading.text));
    }
    void operator()(const Paragraph& paragraph) {
        out_ += fmt::format("<p{}>{}</p>\n", class_of(paragraph.look), escaped(paragraph.text));
    }
    void operator()(const Table& table) {
        out_ += "<table>\n<tr>";
        for (const auto& column : table.columns)
            out_ +=
                fmt::format("<th scope=\"col\"{}>{}</th>", class_of(Look::plain, column.number), escaped(column.title));
        out_ += "</tr>\n";
        for (const auto& row : table.rows) {
            out_ += "<tr>";
            for (std::size_t i = 0; i < row.size(); ++i) {
                out_ += fmt::format("<td{}>{}", class_of(row[i].look, table.columns[i].number), escaped(row[i].text));
                if (!row[i].code.empty())
                    out_ += fmt::format("{}<code>{}</code>", row[i].text.empty() ? "" : "<br>", escaped(row[i].code));
                out_ += "</td>";
            }
            out_ += "</tr>\n";
        }
        out_ += "</table>\n";
    }
    void operator()(const Terms& terms) {
        out_ += "<dl>\n";
        for (const auto& [name, value] : terms.lines)
            out_ += fmt::format("<dt>{}</dt><dd><code>{}</code></dd>\n", escaped(name), escaped(value));
        out_ += "</dl>\n";
    }

  private:
    std::string& out_;
};

}  // namespace

std::string to_html(const Document& document) {
    auto out = fmt::format(
        "<!doctype html>\n<html lang=\"{}\">\n<head>\n<meta charset=\"utf-8\">\n<meta name=\"viewport\" "
        "content=\"width=device-width, initial-scale=1\">\n<title>{} – {}</title>\n<style>{}</style>\n</head>\n"
        "<body>\n<h1>{}</h1>\n<p class=\"lead\">{}</p>\n",
        to_string(document.lang), escaped(document.title), escaped(document.company), style, escaped(document.title),
        escaped(document.lead));
    Html html(out);
    for (const auto& block : document.blocks) std::visit(html, block);
    return out + "</body>\n</html>\n";
}

}  // namespace tilsyn::publish
