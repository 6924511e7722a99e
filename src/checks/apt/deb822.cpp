#include "checks/apt/deb822.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include "base/text.hpp"

namespace tilsyn::checks::apt {
namespace {

constexpr std::size_t longest_stanza = 4u << 20;
constexpr std::size_t read_size = 256u << 10;

bool same_name(std::string_view written, std::string_view lower) {
    return written.size() == lower.size() &&
           std::equal(written.begin(), written.end(), lower.begin(),
                      [](char a, char b) { return (a >= 'A' && a <= 'Z' ? char(a + 32) : a) == b; });
}

// The next line, without its end; text moves behind it.
std::string_view take_line(std::string_view& text) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    return line;
}

std::optional<int> number(std::string_view text) {
    int value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc{} || end != text.data() + text.size() || value < 0) return std::nullopt;
    return value;
}

}  // namespace

void Stanza::fields(std::span<const std::string_view> names, std::span<std::string_view> values) const {
    std::ranges::fill(values, std::string_view());
    std::size_t missing = names.size();
    for (auto text = text_; !text.empty() && missing > 0;) {
        const auto line = take_line(text);
        if (line.empty() || line[0] == ' ' || line[0] == '\t') continue;
        const auto colon = line.find(':');
        if (colon == line.npos) continue;
        const auto name = line.substr(0, colon);
        for (std::size_t i = 0; i < names.size(); ++i) {
            if (!values[i].empty() || !same_name(name, names[i])) continue;
            values[i] = trim(line.substr(colon + 1));
            missing -= values[i].empty() ? 0 : 1;
            break;
        }
    }
}

Result<std::optional<Stanza>> StanzaReader::next() {
    std::size_t searched = start_;
    for (;;) {
        while (start_ < buffer_.size() && buffer_[start_] == '\n') ++start_;
        searched = std::max(searched, start_);
        const auto end = buffer_.find("\n\n", searched);
        if (end != buffer_.npos) {
            const Stanza found(std::string_view(buffer_).substr(start_, end + 1 - start_));
            start_ = end + 2;
            return found;
        }
        if (ended_) {
            if (start_ >= buffer_.size()) return std::nullopt;
            const Stanza last(std::string_view(buffer_).substr(start_));
            start_ = buffer_.size();
            return last;
        }
        if (buffer_.size() - start_ > longest_stanza) return fail(Code::corrupt, "checks.updates-damaged-list");
        buffer_.erase(0, start_);
        start_ = 0;
        const auto kept = buffer_.size();
        searched = kept > 0 ? kept - 1 : 0;  // the empty line may stand across the seam
        buffer_.resize(kept + read_size);
        auto got = source_->read({buffer_.data() + kept, read_size});
        buffer_.resize(kept + (got ? *got : 0));
        if (!got) return std::unexpected(std::move(got).error());
        ended_ = *got == 0;
    }
}

std::optional<Timestamp> parse_release_date(std::string_view text) {
    static constexpr std::array<std::string_view, 12> months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                             "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    std::vector<std::string_view> words;
    for (const auto word : split(text, ' '))
        if (!word.empty()) words.push_back(word);
    if (words.size() == 6 && words[0].ends_with(',')) words.erase(words.begin());
    if (words.size() != 5) return std::nullopt;
    if (words[4] != "UTC" && words[4] != "GMT" && words[4] != "Z" && words[4] != "+0000") return std::nullopt;
    const auto month = std::ranges::find(months, words[1]);
    const auto day = number(words[0]), year = number(words[2]);
    const auto clock = split(words[3], ':');
    if (month == months.end() || !day || !year || *year < 1970 || *year > 9999 || clock.size() != 3)
        return std::nullopt;
    const auto hour = number(clock[0]), minute = number(clock[1]), second = number(clock[2]);
    if (!hour || !minute || !second || *hour > 23 || *minute > 59 || *second > 60) return std::nullopt;
    const auto date = std::chrono::year(*year) / std::chrono::month(unsigned(month - months.begin() + 1)) /
                      std::chrono::day(unsigned(*day));
    if (*day > 31 || !date.ok()) return std::nullopt;
    return Timestamp(std::chrono::sys_days(date)) + std::chrono::hours(*hour) + std::chrono::minutes(*minute) +
           std::chrono::seconds(*second);
}

ReleaseHead parse_release(std::string_view content) {
    if (content.starts_with("-----BEGIN PGP SIGNED MESSAGE-----")) {
        // The armour has a head of its own (Hash: ...), which ends at an empty line.
        while (!content.empty() && !trim(take_line(content)).empty()) {
        }
        content = content.substr(0, content.find("\n-----BEGIN PGP SIGNATURE-----"));
    }
    static constexpr std::array<std::string_view, 6> names{"origin",   "label", "suite",
                                                           "codename", "date",  "valid-until"};
    std::array<std::string_view, 6> values;
    Stanza(content.substr(0, content.find("\n\n"))).fields(names, values);
    ReleaseHead head;
    head.origin = values[0];
    head.label = values[1];
    head.suite = values[2];
    head.codename = values[3];
    head.date = parse_release_date(values[4]);
    head.valid_until = parse_release_date(values[5]);
    head.nameless = std::ranges::all_of(values, [](std::string_view value) { return value.empty(); });
    head.bad_date = (!values[4].empty() && !head.date) || (!values[5].empty() && !head.valid_until);
    return head;
}

}  // namespace tilsyn::checks::apt
