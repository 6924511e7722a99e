#include "checks/apt/first_seen.hpp"

#include <algorithm>
#include <map>
#include <mutex>
#include <nlohmann/json.hpp>

#include "base/file.hpp"
#include "checks/apt/version.hpp"

namespace tilsyn::checks::apt {
namespace {

using nlohmann::json;
using Times = std::map<std::string, Timestamp>;  // version -> first seen
using View = std::map<std::string, Times>;       // "package:architecture" -> versions
using Views = std::map<std::string, View>;       // by the further origins looked at

constexpr std::uint64_t largest_file = 16u << 20;
constexpr std::size_t most_views = 32;  // far more than there are controls; what is beyond was left by old policies

struct Kept {
    Timestamp began{};
    Views views;
    bool operator==(const Kept&) const = default;
};

// Nothing: not understood.
std::optional<Kept> parse(const std::string& content) {
    const auto document = json::parse(content, nullptr, false);
    if (!document.is_object() || document.value("format", json()) != json(1) || !document.contains("views") ||
        !document["views"].is_object())
        return std::nullopt;
    const auto began = document.contains("began") && document["began"].is_string()
                           ? parse_utc(document["began"].get_ref<const std::string&>())
                           : Result<Timestamp>(fail(Code::corrupt, "base.bad-time", {{"text", ""}}));
    if (!began) return std::nullopt;
    Kept kept{*began, {}};
    auto& views = kept.views;
    for (const auto& [view, packages] : document["views"].items()) {
        if (!packages.is_object()) return std::nullopt;
        auto& into = views[view];
        for (const auto& [package, versions] : packages.items()) {
            if (!versions.is_object()) return std::nullopt;
            for (const auto& [version, time] : versions.items()) {
                const auto at = time.is_string()
                                    ? parse_utc(time.get_ref<const std::string&>())
                                    : Result<Timestamp>(fail(Code::corrupt, "base.bad-time", {{"text", ""}}));
                if (!at) return std::nullopt;
                into[package][version] = *at;
            }
        }
    }
    return kept;
}

std::string print(const Kept& kept) {
    json document{{"format", 1}, {"began", format_utc(kept.began)}, {"views", json::object()}};
    for (const auto& [view, packages] : kept.views) {
        auto& into = document["views"][view] = json::object();
        for (const auto& [package, versions] : packages)
            for (const auto& [version, time] : versions) into[package][version] = format_utc(time);
    }
    return document.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

// When this very version was first seen, in whatever view: adding an origin to the policy must not start all anew.
Timestamp first_seen(const Views& views, const std::string& key, const std::string& version, Timestamp now) {
    auto first = now;  // also when the file says a later time: the clock was wrong then
    for (const auto& [view, packages] : views)
        if (const auto package = packages.find(key); package != packages.end())
            if (const auto at = package->second.find(version); at != package->second.end())
                first = std::min(first, at->second);
    return first;
}

}  // namespace

std::string_view to_string(Memory memory) {
    switch (memory) {
        case Memory::kept:
            return "kept";
        case Memory::started:
            return "started";
        case Memory::started_anew:
            return "started_anew";
        case Memory::not_writable:
            return "not_writable";
    }
    return "kept";
}

FirstSeen remember(const std::filesystem::path& file, const std::string& view, std::span<const Pending> pending,
                   bool complete, Timestamp now) {
    static std::mutex one_at_a_time;  // two controls may look at this machine at once
    const std::lock_guard lock(one_at_a_time);
    FirstSeen result;
    Kept kept{now, {}};
    const auto content = read_file(file, largest_file);
    if (!content && content.error().code == Code::not_found) {
        result.memory = Memory::started;
    } else if (auto parsed = content ? parse(*content) : std::nullopt) {
        kept = std::move(*parsed);
    } else {
        result.memory = Memory::started_anew;
    }
    const auto before = kept;
    auto& views = kept.views;
    result.began = kept.began;
    while (views.size() >= most_views && !views.contains(view)) views.erase(views.begin());

    View now_pending;
    for (const auto& fix : pending) {
        const auto key = fix.package + ":" + fix.architecture;
        auto& times = now_pending[key];
        if (const auto known = views[view].find(key); known != views[view].end())
            for (const auto& [version, at] : known->second)
                if (compare_versions(version, fix.installed) > 0) times[version] = std::min(at, now);
        times[fix.available] = first_seen(views, key, fix.available, now);
        auto since = now;
        for (const auto& [version, at] : times) since = std::min(since, at);
        result.since.push_back(since);
    }
    if (complete)
        views[view] = std::move(now_pending);
    else
        for (auto& [key, times] : now_pending) views[view][key] = std::move(times);
    if (result.memory == Memory::kept && kept == before) return result;
    if (!write_file(file, print(kept), 0600)) result.memory = Memory::not_writable;
    return result;
}

}  // namespace tilsyn::checks::apt
