#include "backup/engines/canary.hpp"

#include <algorithm>

#include "base/file.hpp"
#include "base/random.hpp"

namespace tilsyn::backup {
namespace {

constexpr std::string_view name = "tilsyn-canary";

std::vector<EngineSet> canaries(std::vector<EngineSet> sets) {
    std::erase_if(sets, [](const EngineSet& set) {
        return std::ranges::find(set.tags, "data-set:" + std::string(name)) == set.tags.end();
    });
    return sets;
}

}  // namespace

Result<Removal> try_removal(Engine& engine, const std::filesystem::path& work, const Watch& watch, Duration patience) {
    if (!engine.tells_refused_removal()) return Removal::cannot_tell;
    TRY(auto all, engine.sets(watch));
    auto there = canaries(std::move(all));
    if (there.empty()) {
        const auto file = work / name;
        TRY_VOID(write_file(file, "Tilsyn tries whether this can be removed.\n", 0600));
        TRY(const auto roots, make_roots({std::filesystem::weakly_canonical(file).string()}));
        TRY(const auto stored,
            engine.store({.run = random_id(), .data_set = std::string(name), .host = "tilsyn", .roots = roots}, watch));
        there.push_back({.id = stored.set});
    }
    const auto& canary = there.front().id;
    auto limited = watch;
    limited.deadline = Deadline::in(patience);
    const auto removed = engine.forget({canary}, limited);
    TRY_VOID(engine.unlock(watch));  // what was cut off here has left its lock
    TRY(auto after, engine.sets(watch));
    const bool gone = std::ranges::find(after, canary, &EngineSet::id) == after.end();
    // Neither done nor refused: the network went, say.
    if (!gone && removed) return Removal::cannot_tell;
    return gone ? Removal::allowed : Removal::refused;
}

}  // namespace tilsyn::backup
