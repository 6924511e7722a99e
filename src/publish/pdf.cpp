// Document to PDF through libharu, which lays out nothing: lines, columns and pages are broken here.
#include <hpdf.h>

#include <algorithm>
#include <memory>
#include <numeric>

#include "base/text.hpp"
#include "publish/document.hpp"

namespace tilsyn::publish {
namespace {

// Points (1/72 inch); y counts from the bottom of the page.
constexpr float page_width = 595, page_height = 842, left = 51, right = page_width - 51, top = page_height - 54,
                bottom = 60, wide = right - left;
constexpr float leading = 1.35F, cell_pad = 4, number_width = 58;
constexpr float body_size = 9.5F, small_size = 8.5F, code_size = 7.5F, title_size = 17, foot_size = 7.5F;

struct Rgb {
    float r, g, b;
};
constexpr Rgb ink{0.11F, 0.13F, 0.15F}, grey{0.29F, 0.33F, 0.38F}, rule{0.79F, 0.82F, 0.85F};

Rgb colour_of(Look look) {
    switch (look) {
        case Look::good:
            return {0.09F, 0.38F, 0.23F};
        case Look::doubt:
            return {0.48F, 0.29F, 0.0F};
        case Look::bad:
            return {0.63F, 0.09F, 0.13F};
        case Look::plain:
            break;
    }
    return ink;
}

// Windows-1252, which the standard fonts have in every reader.
std::string western(std::string_view utf8) {
    // Code points of bytes 0x80..0x9f; 0: none.
    constexpr char32_t high[] = {0x20ac, 0,      0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021, 0x02c6, 0x2030, 0x0160,
                                 0x2039, 0x0152, 0,      0x017d, 0,      0,      0x2018, 0x2019, 0x201c, 0x201d, 0x2022,
                                 0x2013, 0x2014, 0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0,      0x017e, 0x0178};
    std::string out;
    for (std::size_t i = 0; i < utf8.size();) {
        const auto lead = static_cast<unsigned char>(utf8[i]);
        const std::size_t length = lead < 0x80 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
        char32_t code = length == 1 ? lead : lead & (0xffU >> (length + 1));
        for (std::size_t k = 1; k < length && i + k < utf8.size(); ++k)
            code = code << 6 | (static_cast<unsigned char>(utf8[i + k]) & 0x3f);
        i += length;
        const auto* const special = std::ranges::find(high, code);
        if (code < 0x20 || code == 0x7f)
            out += ' ';
        else if (code < 0x80 || (code >= 0xa0 && code <= 0xff))
            out += char(code);
        else
            out += special == std::end(high) ? '?' : char(0x80 + (special - std::begin(high)));
    }
    return out;
}

struct Style {
    HPDF_Font font = nullptr;
    float size = body_size;
    Rgb colour = ink;
    float line() const { return size * leading; }
};

class Pdf {
  public:
    explicit Pdf(const Document& document)
        : document_(document), doc_(HPDF_New(nullptr, nullptr), HPDF_Free), valid_(doc_ != nullptr) {}

    Result<std::string> run() {
        if (!valid_) return failed();
        HPDF_SetCompressionMode(doc_.get(), HPDF_COMP_ALL);
        HPDF_SetInfoAttr(doc_.get(), HPDF_INFO_TITLE, western(document_.title + ", " + document_.company).c_str());
        plain_ = HPDF_GetFont(doc_.get(), "Helvetica", "WinAnsiEncoding");
        bold_ = HPDF_GetFont(doc_.get(), "Helvetica-Bold", "WinAnsiEncoding");
        fixed_ = HPDF_GetFont(doc_.get(), "Courier", "WinAnsiEncoding");
        if (plain_ == nullptr || bold_ == nullptr || fixed_ == nullptr) return failed();
        turn_page();
        text(document_.title, {bold_, title_size});
        text(document_.lead, {plain_, body_size, grey});
        for (const auto& block : document_.blocks) {
            std::visit([this](const auto& one) { put(one); }, block);
            if (HPDF_GetError(doc_.get()) != HPDF_OK) return failed();
        }
        number_pages();
        return bytes();
    }

  private:
    Result<std::string> failed() const {
        const auto code = valid_ ? HPDF_GetError(doc_.get()) : HPDF_FAILD_TO_ALLOC_MEM;
        return fail(Code::internal, "publish.no-pdf").detail("libharu " + std::to_string(code));
    }

    Result<std::string> bytes() {
        if (HPDF_SaveToStream(doc_.get()) != HPDF_OK) return failed();
        std::string out(HPDF_GetStreamSize(doc_.get()), '\0');
        auto size = HPDF_UINT32(out.size());
        HPDF_ResetStream(doc_.get());
        const auto read = HPDF_ReadFromStream(doc_.get(), reinterpret_cast<HPDF_BYTE*>(out.data()), &size);
        if ((read != HPDF_OK && read != HPDF_STREAM_EOF) || size != out.size()) return failed();
        return out;
    }

    void turn_page() {
        page_ = HPDF_AddPage(doc_.get());
        HPDF_Page_SetWidth(page_, page_width);
        HPDF_Page_SetHeight(page_, page_height);
        HPDF_Page_SetLineWidth(page_, 0.5F);
        HPDF_Page_SetRGBStroke(page_, rule.r, rule.g, rule.b);
        pages_.push_back(page_);
        y_ = top;
    }
    bool fits(float height) const { return y_ - height >= bottom; }
    void need(float height) {
        if (!fits(height)) turn_page();
    }

    static float width_of(const Style& style, const std::string& western_text) {
        const auto measured = HPDF_Font_TextWidth(style.font, reinterpret_cast<const HPDF_BYTE*>(western_text.data()),
                                                  HPDF_UINT(western_text.size()));
        return float(measured.width) * style.size / 1000;
    }

    // Into lines no wider than that; a word that is wider is cut.
    static std::vector<std::string> broken(const Style& style, std::string_view utf8, float width) {
        std::vector<std::string> lines;
        std::string line;
        const auto flush = [&] {
            lines.push_back(std::move(line));
            line.clear();
        };
        const auto whole = western(utf8);
        for (const auto part : split(whole, ' ')) {
            std::string word(part);
            const auto longer = line.empty() ? word : line + " " + word;
            if (width_of(style, longer) <= width) {
                line = longer;
                continue;
            }
            if (!line.empty()) flush();
            while (width_of(style, word) > width) {
                std::size_t count = 1;
                while (count < word.size() && width_of(style, word.substr(0, count + 1)) <= width) ++count;
                line = word.substr(0, count);
                word.erase(0, count);
                flush();
            }
            line = word;
        }
        if (!line.empty() || lines.empty()) flush();
        return lines;
    }

    void draw(const Style& style, const std::string& line, float x, float baseline) {
        HPDF_Page_BeginText(page_);
        HPDF_Page_SetFontAndSize(page_, style.font, style.size);
        HPDF_Page_SetRGBFill(page_, style.colour.r, style.colour.g, style.colour.b);
        HPDF_Page_TextOut(page_, x, baseline, line.c_str());
        HPDF_Page_EndText(page_);
    }

    void text(std::string_view utf8, const Style& style, float x = left) {
        for (const auto& line : broken(style, utf8, right - x)) {
            need(style.line());
            draw(style, line, x, y_ - style.size);
            y_ -= style.line();
        }
        y_ -= style.size * 0.4F;
    }

    void put(const Heading& heading) {
        const Style style{bold_, heading.level == 2 ? 12.5F : 10.5F};
        need(style.line() * 4);  // never alone at the foot of a page
        y_ -= heading.level == 2 ? 12 : 6;
        text(heading.text, style);
    }

    void put(const Paragraph& paragraph) {
        text(paragraph.text, {paragraph.look == Look::plain ? plain_ : bold_, body_size, colour_of(paragraph.look)});
    }

    void put(const Terms& terms) {
        const Style name{plain_, body_size, grey}, value{fixed_, 8.5F};
        constexpr float indent = 110;
        for (const auto& [term, meaning] : terms.lines) {
            need(name.line());
            draw(name, western(term), left, y_ - name.size);
            text(meaning, value, left + indent);
        }
    }

    struct Laid {  // a cell, broken into lines
        std::vector<std::string> text, code;
        Style style;
        float height = 0;
    };
    Laid lay(const Cell& cell, float width) const {
        Laid out{{}, {}, {cell.look == Look::plain ? plain_ : bold_, small_size, colour_of(cell.look)}, 0};
        const Style code{fixed_, code_size, grey};
        if (!cell.text.empty()) out.text = broken(out.style, cell.text, width);
        if (!cell.code.empty()) out.code = broken(code, cell.code, width);
        out.height = float(out.text.size()) * out.style.line() + float(out.code.size()) * code.line();
        return out;
    }

    // Numbers get what numbers need; the other columns share the rest by how much stands in them.
    std::vector<float> widths(const Table& table) const {
        std::vector<float> out(table.columns.size(), number_width);
        std::vector<float> wish(table.columns.size(), 0);
        const Style style{plain_, small_size};
        float numbers = 0, wishes = 0;
        for (std::size_t c = 0; c < out.size(); ++c) {
            if (table.columns[c].number) {
                numbers += number_width;
                continue;
            }
            wish[c] = 60;
            for (const auto& row : table.rows)
                wish[c] = std::max(wish[c], std::min(260.0F, width_of(style, western(row[c].text)) + 2 * cell_pad));
            wishes += wish[c];
        }
        for (std::size_t c = 0; c < out.size(); ++c)
            if (!table.columns[c].number)
                out[c] = (wide - numbers) * wish[c] / wishes;
            else if (wishes == 0)
                out[c] = wide / float(out.size());
        return out;
    }

    void put(const Table& table) {
        const auto columns = widths(table);
        const auto heading = [&] {
            std::vector<Cell> titles;
            titles.reserve(table.columns.size());
            for (const auto& column : table.columns) titles.push_back({column.title});
            line_of(table, columns, titles, {bold_, small_size, grey});
        };
        need(small_size * leading * 4);
        heading();
        for (const auto& row : table.rows)
            if (!line_of(table, columns, row, {})) {  // no room: the next page, under the same heads
                turn_page();
                heading();
                line_of(table, columns, row, {});
            }
        y_ -= 6;
    }

    // False: it does not fit on this page, and nothing was drawn.
    bool line_of(const Table& table, const std::vector<float>& columns, const std::vector<Cell>& cells,
                 const Style& all_of_them) {
        std::vector<Laid> laid;
        float height = 0;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            laid.push_back(lay(cells[c], columns[c] - 2 * cell_pad));
            if (all_of_them.font != nullptr) laid.back().style = all_of_them;
            height = std::max(height, laid.back().height);
        }
        height += 2 * cell_pad;
        if (!fits(height) && y_ < top - height) return false;
        float x = left;
        for (std::size_t c = 0; c < cells.size(); ++c) {
            float at = y_ - cell_pad;
            const auto lines = [&](const std::vector<std::string>& all, const Style& style) {
                for (const auto& line : all) {
                    const float space = columns[c] - 2 * cell_pad;
                    const float indent = table.columns[c].number ? space - width_of(style, line) : 0;
                    draw(style, line, x + cell_pad + indent, at - style.size);
                    at -= style.line();
                }
            };
            lines(laid[c].text, laid[c].style);
            lines(laid[c].code, {fixed_, code_size, grey});
            x += columns[c];
        }
        y_ -= height;
        HPDF_Page_MoveTo(page_, left, y_);
        HPDF_Page_LineTo(page_, right, y_);
        HPDF_Page_Stroke(page_);
        return true;
    }

    void number_pages() {
        const Style style{plain_, foot_size, grey};
        for (std::size_t i = 0; i < pages_.size(); ++i) {
            page_ = pages_[i];
            draw(style, western(document_.company), left, 36);
            const auto number =
                western(tr(document_.lang, "publish.page",
                           {{"page", std::to_string(i + 1)}, {"pages", std::to_string(pages_.size())}}));
            draw(style, number, right - width_of(style, number), 36);
        }
    }

    const Document& document_;
    std::unique_ptr<std::remove_pointer_t<HPDF_Doc>, decltype(&HPDF_Free)> doc_;
    bool valid_;
    HPDF_Font plain_ = nullptr, bold_ = nullptr, fixed_ = nullptr;
    HPDF_Page page_ = nullptr;
    std::vector<HPDF_Page> pages_;
    float y_ = top;
};

}  // namespace

Result<std::string> to_pdf(const Document& document) {
    return Pdf(document).run();
}

}  // namespace tilsyn::publish
