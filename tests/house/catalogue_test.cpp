// The catalogue of texts (i18n/*.json) against the source: nothing missing, nothing unused, both languages alike, and
// every {placeholder} given where the text is used.
#include <gtest/gtest.h>

#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>

#include "house/source_tree.hpp"

namespace tilsyn::house {
namespace {

using nlohmann::json;

struct Text {
    std::string file, slice;
    json value;
};

std::set<std::string> placeholders(const json& text) {
    std::set<std::string> names;
    const auto add = [&](const std::string& part) {
        static const std::regex pattern("\\{([a-z_]+)\\}");
        for (std::sregex_iterator i(part.begin(), part.end(), pattern), end; i != end; ++i) names.insert((*i)[1]);
    };
    if (text.is_string())
        add(text.get<std::string>());
    else
        for (const auto& part : text) add(part.get<std::string>());
    return names;
}

bool plural(const json& text) {
    return text.is_object() && text.size() == 2 && text.contains("one") && text.contains("other");
}
bool complete(const json& text) {
    return plural(text) ? !text["one"].get<std::string>().empty() && !text["other"].get<std::string>().empty()
                        : text.is_string() && !text.get<std::string>().empty();
}

struct Use {
    std::string key;
    std::string where;
    // The names of the parameters that stand right behind the key; nothing: they are not written there.
    std::optional<std::set<std::string>> given;
};

// `, {{"path", path}, {"limit", n}}` after a key: the names. `)` or `}` after it: none. Else: not to be read here.
std::optional<std::set<std::string>> parameters_after(std::string_view source, std::size_t at) {
    const auto skip = [&] {
        while (at < source.size() && std::isspace(static_cast<unsigned char>(source[at])) != 0) ++at;
    };
    skip();
    if (at < source.size() && source[at] == ')') return std::set<std::string>();
    if (at >= source.size() || source[at] != ',') return std::nullopt;
    ++at;
    skip();
    if (at + 1 >= source.size() || source[at] != '{' || source[at + 1] != '{') return std::nullopt;
    const auto tokens = literals(source.substr(at));  // up to the end of the file: cut off below
    std::size_t end = at, next = 0;
    std::set<std::string> names;
    int depth = 0;
    do {
        while (next < tokens.size() && at + tokens[next].begin < end) ++next;
        if (next < tokens.size() && at + tokens[next].begin == end) {
            const auto before = source.find_last_not_of(" \n\t", end - 1);
            if (depth == 2 && source[before] == '{') names.insert(tokens[next].text);
            end = at + tokens[next].end;
            continue;
        }
        if (source[end] == '{') ++depth;
        if (source[end] == '}') --depth;
        ++end;
    } while (depth > 0 && end < source.size());
    return names;
}

bool call_before(std::string_view source, std::size_t quote) {
    static const std::regex call("(msg|tr|hint|fail)\\s*\\([^\"();]*$");
    const auto from = quote < 120 ? 0 : quote - 120;
    return std::regex_search(std::string(source.substr(from, quote - from)), call);
}

class Catalogue : public testing::Test {
  protected:
    Catalogue() {
        std::string slices;
        for (const auto& file : tree()) {
            if (!file.below("i18n/") || !file.ends_with(".json")) continue;
            const auto name = file.path.substr(5, file.path.size() - 10);
            const auto slice = name.substr(0, name.find('_'));  // a large slice may have several: checks_updates.json
            slices += (slices.empty() ? "" : "|") + slice;
            for (const auto& [key, value] : json::parse(file.text).items())
                texts_.emplace(key, Text{name, slice, value});
        }
        // Keys are lower case with dashes; so are names of files, which the last part gives away.
        const std::regex key("(" + slices + ")(\\.[a-z0-9]+(-[a-z0-9]+)*)+");
        const std::regex file_name(".*\\.(toml|json|db|md|hpp|cpp|sql|csv)");
        for (const auto& file : tree()) {
            if (!file.cpp() || file.ends_with("_test.cpp") || !(file.below("src/") || file.below("bin/"))) continue;
            for (const auto& literal : literals(file.text)) {
                if (!std::regex_match(literal.text, key) || std::regex_match(literal.text, file_name)) continue;
                const bool call = call_before(file.text, literal.begin);
                // Elsewhere it may be the name of an event; but the table of commands is made of keys.
                if (!call && !texts_.contains(literal.text) && !literal.text.starts_with("cli.")) continue;
                uses_.push_back({literal.text, file.path + ":" + std::to_string(literal.line),
                                 call ? parameters_after(file.text, literal.end) : std::nullopt});
            }
        }
    }

    std::map<std::string, Text> texts_;
    std::vector<Use> uses_;
};

TEST_F(Catalogue, EveryKeyStandsInItsOwnFileInBothLanguages) {
    std::vector<std::string> faults;
    for (const auto& [key, text] : texts_) {
        const auto where = "i18n/" + text.file + ".json: " + key + ": ";
        if (!key.starts_with(text.slice + ".")) faults.push_back(where + "belongs in another file");
        if (!text.value.contains("en") || !text.value.contains("da") || text.value.size() != 2) {
            faults.push_back(where + "needs \"en\" and \"da\", and nothing else");
            continue;
        }
        const auto &en = text.value["en"], &da = text.value["da"];
        if (!complete(en) || !complete(da))
            faults.push_back(where + "a text is empty, or not a text or a pair of \"one\" and \"other\"");
        else if (plural(en) != plural(da))
            faults.push_back(where + "a plural in one language only");
        else if (placeholders(en) != placeholders(da))
            faults.push_back(where + "the placeholders differ between the languages");
    }
    EXPECT_GT(texts_.size(), 100u);
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST_F(Catalogue, EveryKeyInTheSourceExists) {
    std::vector<std::string> faults;
    for (const auto& use : uses_)
        if (!texts_.contains(use.key)) faults.push_back(use.where + ": " + use.key + " is not in i18n/");
    EXPECT_GT(uses_.size(), 100u);
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST_F(Catalogue, NoKeyIsUnused) {
    std::set<std::string> used;
    for (const auto& use : uses_) used.insert(use.key);
    std::vector<std::string> faults;
    for (const auto& [key, text] : texts_)
        if (!used.contains(key)) faults.push_back("i18n/" + text.file + ".json: " + key + " is used nowhere");
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST_F(Catalogue, EveryPlaceholderIsGiven) {
    std::vector<std::string> faults;
    std::size_t looked_at = 0;
    for (const auto& use : uses_) {
        if (!use.given || !texts_.contains(use.key)) continue;
        ++looked_at;
        const auto& english = texts_.at(use.key).value["en"];
        auto wanted = placeholders(english);
        if (plural(english)) wanted.insert("count");
        for (const auto& name : {"now", "today"}) wanted.erase(name);  // written out: what a query may hold
        for (const auto& name : wanted)
            if (!use.given->contains(name))
                faults.push_back(use.where + ": " + use.key + " is not given {" + name + "}");
        for (const auto& name : *use.given)
            if (!wanted.contains(name) && name != "field" && name != "index")
                faults.push_back(use.where + ": " + use.key + " has no place for {" + name + "}");
    }
    EXPECT_GT(looked_at, 50u);
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST(HouseReader, ReadsParametersBehindAKey) {
    EXPECT_EQ(parameters_after(R"(, {{"path", f({"x"})}, {"limit", "5"}}))", 0),
              (std::set<std::string>{"path", "limit"}));
    EXPECT_EQ(parameters_after(")", 0), std::set<std::string>());
    EXPECT_EQ(parameters_after(", params)", 0), std::nullopt);
}

TEST(HouseReader, PassesOverCommentsAndRawStrings) {
    const auto found = literals("// \"no\"\n/* \"no\" */ R\"x(\"no\")x\" 'a' '\"' 1'000 \"yes \\\" this\"");
    ASSERT_EQ(found.size(), 1u);
    EXPECT_EQ(found[0].text, "yes \\\" this");
    EXPECT_EQ(found[0].line, 2);
}

}  // namespace
}  // namespace tilsyn::house
