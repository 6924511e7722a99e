// Who includes whom: tools/layers.toml against every #include.
#include <gtest/gtest.h>
#include <toml++/toml.h>

#include <algorithm>
#include <map>
#include <set>

#include "house/source_tree.hpp"

namespace tilsyn::house {
namespace {

struct Module {
    std::set<std::string> uses;
    std::set<std::string> shown;  // empty: every header
};

std::vector<std::string> texts(const toml::node_view<const toml::node> node) {
    std::vector<std::string> out;
    if (const auto* array = node.as_array())
        for (const auto& item : *array) out.push_back(item.value_or(std::string()));
    return out;
}

class Layers : public testing::Test {
  protected:
    Layers() {
        for (const auto& file : tree())
            if (file.path == "tools/layers.toml") rules_ = toml::parse(file.text);
        for (const auto& [name, node] : *rules_["module"].as_table()) {
            const toml::node_view<const toml::node> module(node);
            const auto uses = texts(module["uses"]), shown = texts(module["public"]);
            modules_[std::string(name.str())] = {{uses.begin(), uses.end()}, {shown.begin(), shown.end()}};
        }
    }

    // The deepest module that holds the path; empty: none.
    std::string module_of(std::string folder) const {
        while (!folder.empty() && !modules_.contains(folder)) {
            const auto slash = folder.rfind('/');
            folder = slash == folder.npos ? std::string() : folder.substr(0, slash);
        }
        return folder;
    }

    toml::table rules_;
    std::map<std::string, Module> modules_;
};

std::string folder_of(const std::string& path) {
    const auto slash = path.rfind('/');
    return slash == path.npos ? std::string() : path.substr(0, slash);
}

TEST_F(Layers, EveryFolderOfSourceIsInTheList) {
    std::vector<std::string> faults;
    for (const auto& file : tree())
        if (file.cpp() && (file.below("src/") || file.below("bin/tilsyn/")) && module_of(file.folder()).empty())
            faults.push_back(file.path + ": its folder is not in tools/layers.toml");
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST_F(Layers, EveryEdgeLeadsToAModule) {
    for (const auto& [name, module] : modules_)
        for (const auto& used : module.uses)
            EXPECT_TRUE(modules_.contains(used)) << name << " uses " << used << ", which is not a module";
}

TEST_F(Layers, NoEdgeLeadsBack) {
    // Whatever a module uses, directly or not, must not use it.
    for (const auto& [name, module] : modules_) {
        std::set<std::string> seen;
        std::vector<std::string> open(module.uses.begin(), module.uses.end());
        while (!open.empty()) {
            const auto next = open.back();
            open.pop_back();
            if (!seen.insert(next).second) continue;
            const auto found = modules_.find(next);
            if (found != modules_.end()) open.insert(open.end(), found->second.uses.begin(), found->second.uses.end());
        }
        EXPECT_FALSE(seen.contains(name)) << name << " uses itself in a circle";
    }
}

TEST_F(Layers, EveryIncludeFollowsAnAllowedEdge) {
    std::vector<std::string> faults;
    std::size_t looked_at = 0;
    for (const auto& file : tree()) {
        const auto from = module_of(file.folder());
        if (!file.cpp() || from.empty()) continue;
        for (const auto& include : includes(file)) {
            if (!include.own || include.name.starts_with("support/")) continue;  // support/: what tests share
            ++looked_at;
            const bool of_program = !include.name.contains('/');  // bin/tilsyn includes its own files by bare name
            const auto path = of_program ? file.folder() + "/" + include.name : "src/" + include.name;
            const auto to = module_of(folder_of(path));
            const auto where = file.path + ":" + std::to_string(include.line) + ": ";
            if (to.empty() || !exists(path)) {
                faults.push_back(where + include.name + " is not a header of the repository, written from src/");
            } else if (to != from) {
                const auto& shown = modules_.at(to).shown;
                const auto header = path.substr(to.size() + 1);
                if (!modules_.at(from).uses.contains(to))
                    faults.push_back(where + from + " must not include " + to);
                else if (!shown.empty() && !shown.contains(header))
                    faults.push_back(where + header + " is " + to + "'s own; others see what `public` lists");
            }
        }
    }
    EXPECT_GT(looked_at, 200u) << "the includes were not found";
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST_F(Layers, LibrariesStayBehindTheirWalls) {
    std::vector<std::string> faults;
    for (const auto& [name, node] : *rules_["library"].as_table()) {
        const std::string prefix(name.str());
        const auto allowed = texts(toml::node_view<const toml::node>(node));
        for (const auto& file : tree()) {
            if (!file.cpp() || std::ranges::any_of(allowed, [&](const auto& folder) { return file.below(folder); }))
                continue;
            for (const auto& include : includes(file))
                if (!include.own && include.name.starts_with(prefix))
                    faults.push_back(file.path + ":" + std::to_string(include.line) + ": <" + include.name +
                                     "> belongs in " + allowed.front() + " alone");
        }
    }
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

TEST_F(Layers, HeadersStayLight) {
    std::vector<std::string> faults;
    for (const auto& [name, node] : *rules_["heavy"].as_table()) {
        const auto folders = texts(toml::node_view<const toml::node>(node));
        for (const auto& file : tree()) {
            if (!file.ends_with(".hpp") ||
                std::ranges::none_of(folders, [&](const auto& folder) { return file.below(folder); }))
                continue;
            for (const auto& include : includes(file))
                if (include.name == name.str())
                    faults.push_back(file.path + ":" + std::to_string(include.line) + ": " + include.name +
                                     " is too heavy for a header here");
        }
    }
    EXPECT_TRUE(faults.empty()) << listed(faults);
}

}  // namespace
}  // namespace tilsyn::house
