#include "policy/sentences.hpp"

#include <algorithm>
#include <array>

#include "base/text.hpp"

namespace tilsyn::policy {
namespace {

// Never the end of a sentence.
constexpr std::array<std::string_view, 22> abbreviations{
    "f.eks.", "bl.a.", "ca.",  "nr.",  "jf.",  "inkl.", "ekskl.",  "vedr.", "pga.", "mht.", "hhv.",
    "evt.",   "kl.",   "tlf.", "dvs.", "e.g.", "i.e.",  "approx.", "incl.", "vs.",  "stk.", "pkt."};
// Often the last word: the end when a capital follows.
constexpr std::array<std::string_view, 8> closing_abbreviations{"osv.", "etc.", "m.v.", "mv.",
                                                                "m.m.", "mm.",  "o.l.", "o.lign."};

bool digit(char c) {
    return c >= '0' && c <= '9';
}
bool space(char c) {
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

// One paragraph or list item: line breaks are spaces, and each byte knows where it came from.
struct Block {
    std::string text;
    std::vector<std::size_t> offsets;
    void add(char c, std::size_t offset) {
        text += c;
        offsets.push_back(offset);
    }
};

std::vector<Block> blocks_of(std::string_view text) {
    std::vector<Block> blocks(1);
    for (std::size_t start = 0; start <= text.size();) {
        const auto end = std::min(text.find('\n', start), text.size());
        const auto line = text.substr(start, end - start);
        const auto indent = line.size() - trim(line).size() == 0 ? 0 : line.find_first_not_of(" \t\r");
        const bool item = indent != line.npos && line.substr(indent).starts_with("- ");
        if (trim(line).empty() || item) blocks.emplace_back();
        if (!trim(line).empty()) {
            for (auto i = start + (item ? indent + 2 : 0); i < end; ++i) blocks.back().add(text[i], i);
            blocks.back().add(' ', end);
        }
        start = end + 1;
    }
    std::erase_if(blocks, [](const Block& block) { return trim(block.text).empty(); });
    return blocks;
}

class Splitter {
  public:
    explicit Splitter(SplitText& out) : out_(&out) {}

    void block(const Block& block) {
        const auto& text = block.text;
        first_of_block_ = out_->sentences.size();
        for (std::size_t i = 0; i < text.size();) {
            if (text[i] == '{') {
                i = marker(block, i);
                continue;
            }
            if (text[i] == '}') fault(block.offsets[i], msg("policy.marker-not-opened"));
            phrase_ += text[i];
            const bool stop = text[i] == '.' || text[i] == '!' || text[i] == '?';
            ++i;
            if (!stop) continue;
            auto after = i;
            while (after < text.size() && closer(text, after) > 0) after += closer(text, after);
            if (!ends_here(text, i - 1, after)) continue;
            phrase_.append(text, i, after - i);
            i = after;
            end_sentence();
        }
        end_sentence();
    }

  private:
    void fault(std::size_t offset, Message message) { out_->faults.push_back({offset, std::move(message)}); }

    // Quotes and brackets that close after the full stop belong to the sentence.
    static std::size_t closer(std::string_view text, std::size_t i) {
        for (const std::string_view c : {")", "\"", "'", "]", "”", "’", "»"})
            if (text.substr(i).starts_with(c)) return c.size();
        return 0;
    }

    static bool lower_case_or_digit_follows(std::string_view text, std::size_t i) {
        while (i < text.size() && (space(text[i]) || text[i] == '{')) {
            if (text[i] == '{') i = std::min(text.find('}', i), text.size() - 1);
            ++i;
        }
        if (i >= text.size()) return false;
        const auto c = std::uint8_t(text[i]), next = i + 1 < text.size() ? std::uint8_t(text[i + 1]) : std::uint8_t(0);
        return digit(text[i]) || (c >= 'a' && c <= 'z') || (c == 0xC3 && next >= 0xA0);  // æ ø å and their like
    }

    bool ends_here(std::string_view text, std::size_t stop, std::size_t after) const {
        if (after < text.size() && !space(text[after]) && text[after] != '{') return false;
        if (trim(text.substr(after)).empty()) return true;
        if (text[stop] != '.') return true;
        auto word_start = stop;
        while (word_start > 0 && !space(text[word_start - 1]) && text[word_start - 1] != '}' &&
               text[word_start - 1] != '(')
            --word_start;
        const auto word = lower_ascii(text.substr(word_start, stop - word_start + 1));
        if (std::ranges::find(abbreviations, word) != abbreviations.end()) return false;
        const bool goes_on = lower_case_or_digit_follows(text, after);
        if (goes_on && std::ranges::find(closing_abbreviations, word) != closing_abbreviations.end()) return false;
        if (stop > 0 && digit(text[stop - 1]) && goes_on) return false;  // "den 1. marts"
        const auto so_far = trim(phrase_);
        const bool number_only = sentence_.phrases.empty() && so_far.size() > 1 &&
                                 std::ranges::all_of(so_far.substr(0, so_far.size() - 1), digit);
        return !number_only;  // "1. Something": the number of a list
    }

    // Reads {B1 B2} at `open`; the position after it.
    std::size_t marker(const Block& block, std::size_t open) {
        const auto& text = block.text;
        const auto close = text.find('}', open);
        const auto reopened = text.find('{', open + 1);
        if (close == text.npos || (reopened != text.npos && reopened < close)) {
            fault(block.offsets[open], msg("policy.marker-not-closed"));
            phrase_ += ' ';
            return open + 1;
        }
        std::vector<std::string> ids;
        bool nothing = false;
        for (std::size_t i = open + 1; i < close;) {
            if (space(text[i])) {
                ++i;
                continue;
            }
            auto end = i;
            while (end < close && !space(text[end])) ++end;
            auto id = text.substr(i, end - i);
            if (const auto comma = id.find_first_of(",;");
                comma != id.npos) {  // said once; the ids are meant all the same
                fault(block.offsets[i + comma], msg("policy.marker-comma"));
                if (comma > 0)
                    end = i + comma + 1;
                else
                    end = i + 1;
                id.resize(comma);
            }
            if (id == "-") {
                nothing = true;
            } else if (!id.empty()) {
                out_->marks.push_back({id, block.offsets[i]});
                ids.push_back(id);
            }
            i = end;
        }
        if (ids.empty() && !nothing) {
            if (trim(std::string_view(text).substr(open + 1, close - open - 1)).empty())
                fault(block.offsets[open], msg("policy.marker-empty"));
        } else {
            attach(std::move(ids), nothing, block.offsets[open]);
        }
        return close + 1;
    }

    void attach(std::vector<std::string> ids, bool nothing, std::size_t offset) {
        flush();
        Phrase* target = nullptr;
        if (!sentence_.phrases.empty())
            target = &sentence_.phrases.back();
        else if (out_->sentences.size() > first_of_block_)
            target = &out_->sentences.back().phrases.back();
        if (target == nullptr) {
            fault(offset, msg("policy.marker-without-text"));
            return;
        }
        for (auto& id : ids) target->promises.push_back(std::move(id));
        target->no_promise = target->no_promise || nothing;
        if (target->no_promise && !target->promises.empty()) fault(offset, msg("policy.marker-both"));
    }

    // Ends the phrase. Punctuation that opens it belongs to the phrase before.
    void flush() {
        std::string clean;
        for (const char c : phrase_)
            if (!space(c))
                clean += c;
            else if (!clean.empty() && clean.back() != ' ')
                clean += ' ';
        phrase_.clear();
        if (clean.ends_with(' ')) clean.pop_back();
        if (!sentence_.phrases.empty()) {
            const auto first = std::min(clean.find_first_not_of(".,;:!?)"), clean.size());
            sentence_.phrases.back().text += clean.substr(0, first);
            clean = std::string(trim(std::string_view(clean).substr(first)));
        }
        if (!clean.empty()) sentence_.phrases.push_back({std::move(clean), {}, false});
    }

    void end_sentence() {
        flush();
        if (!sentence_.phrases.empty()) out_->sentences.push_back(std::move(sentence_));
        sentence_ = {};
    }

    SplitText* out_;
    std::string phrase_;
    Sentence sentence_;
    std::size_t first_of_block_ = 0;
};

}  // namespace

SplitText split_text(std::string_view text) {
    SplitText out;
    Splitter splitter(out);
    for (const auto& block : blocks_of(text)) splitter.block(block);
    return out;
}

}  // namespace tilsyn::policy
