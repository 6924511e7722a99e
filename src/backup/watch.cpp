#include <algorithm>
#include <nlohmann/json.hpp>

#include "backup/details.hpp"
#include "backup/job.hpp"
#include "backup/keep_manifest.hpp"
#include "backup/retention.hpp"
#include "backup/source.hpp"
#include "base/random.hpp"

namespace tilsyn::backup {
namespace {

// Between the clock that the set bears and that of the file system.
constexpr auto slack = std::chrono::seconds(5);
constexpr auto clock_slack = std::chrono::minutes(5);

bool is_of(const Plan& plan, const EngineSet& set) {
    const auto& mark = plan.sets_named;
    return mark.empty() || set.host == mark || set.name.starts_with(mark) ||
           std::ranges::find(set.tags, mark) != set.tags.end();
}

bool is_there(const Set& set) {
    return !set.engine_set.empty() && !set.forgotten && !set.lost;
}

class Look {
  public:
    Look(const House& house, const Plan& plan) : house_(house), plan_(plan) {}

    Result<Watched> run() {
        TRY(auto access, access_to(house_.data, plan_));
        TRY(const auto engine, open_engine(std::move(access)));
        TRY(version_, engine->version());
        TRY(auto held, engine->sets({Deadline::in(std::chrono::minutes(10)), house_.stopping, {}}));
        std::erase_if(held, [&](const EngineSet& set) { return !is_of(plan_, set); });
        std::ranges::sort(held, {}, &EngineSet::made);
        {
            TRY(const auto reader, house_.readers->get());
            TRY(ledger_, sets_of(*reader, plan_.id));
        }
        Watched out;
        for (const auto& set : held) {
            if (std::ranges::find(ledger_, set.id, &Set::engine_set) != ledger_.end()) continue;
            TRY(out.newest, enter(set, set.id == held.back().id));
            ++out.found;
        }
        TRY(out.gone, see_what_has_gone(held));
        return out;
    }

  private:
    Result<Set> enter(const EngineSet& found, bool newest) {
        Details details;
        details["watched"] = true;
        details["engine"] = version_;
        Set set{.id = random_id(),
                .plan = plan_.id,
                .data_set = plan_.data_set,
                .repository = plan_.repository,
                .machine = house_.machine,
                .state = SetState::made,
                .started = found.made,
                .engine_set = found.id};
        if (found.made > house_.clock->now() + clock_slack)
            details.why(msg("backup.why-clock", {{"at", format_utc_seconds(found.made)}}));
        // Older ones are taken as they are: what was there when they were made nobody can see any more.
        if (newest && reads_source()) {
            if (const auto compared = hold_against_source(set, details); !compared) {
                if (compared.error().code == Code::cancelled) return std::unexpected(compared.error());
                details.why(compared.error());
            }
        }
        if (details.any()) set.state = SetState::partial;
        set.details = details.text();
        TRY_VOID(begin_set(*house_.committer, set));
        TRY_VOID(end_set(*house_.committer, set));
        return set;
    }

    // Files only: what another program has dumped of a database is not ours to count.
    bool reads_source() const { return plan_.source == Source::files && !plan_.paths.empty(); }

    // The manifest is made after the set: what has changed since bears a mark, and only the rest is compared.
    Result<void> hold_against_source(Set& set, Details& details) {
        auto unhooked = plan_;
        unhooked.hook.clear();
        const auto deadline = Deadline::in(house_.longest);
        TRY(const auto prepared, prepare_source(unhooked, house_.data, house_.database, {}, deadline));
        WalkRequest source{.roots = prepared.roots, .exclusions = prepared.exclusions, .stopping = house_.stopping};
        if (house_.progress)
            source.progress = [this](const Progress& p) { house_.progress({Step::reading, p.entries, p.bytes, 0, 0}); };
        const auto manifests = house_.data / "backup" / "manifests", work = house_.data / "backup" / "work";
        std::optional<ManifestReader> known;
        for (const auto& earlier : ledger_) {
            if (earlier.manifest.empty()) continue;
            if (auto opened = ManifestReader::open(manifests, earlier.manifest)) known.emplace(std::move(*opened));
            break;
        }
        source.known = known ? &*known : nullptr;
        const auto made = std::chrono::nanoseconds((set.started - slack).time_since_epoch()).count();
        auto wanted = prepared.must_hold;
        std::vector<bool> filled(prepared.roots.paths.size());
        std::int64_t later = 0;
        TRY(auto writer, ManifestWriter::create(work, plan_.id, house_.clock->now()));
        TRY_VOID(walk(source, [&](Entry&& entry) {
            if (entry.ctime >= made) {
                entry.moved = Moved::later;
                ++later;
            }
            std::erase(wanted, entry.path);
            for (std::size_t i = 0; i < filled.size(); ++i)
                if (entry.path != prepared.roots.paths[i] || entry.type != Type::folder)
                    filled[i] = filled[i] || is_within(entry.path, prepared.roots.paths[i]);
            return writer.add(entry);
        }));
        TRY(const auto finished, writer.finish());
        known.reset();
        TRY_VOID(keep_manifest(work, manifests, finished.digest));
        set.manifest = finished.digest;
        set.files = std::int64_t(finished.counts.files);
        set.bytes = std::int64_t(finished.counts.bytes);
        details["entries"] = finished.counts.entries;
        details["later"] = later;
        for (const auto& path : wanted) details.why(msg("backup.why-not-there", {{"path", "/" + escape_path(path)}}));
        for (std::size_t i = 0; i < filled.size(); ++i)
            if (!filled[i])
                details.why(msg("backup.why-empty", {{"path", "/" + escape_path(prepared.roots.paths[i])}}));
        return {};
    }

    Result<int> see_what_has_gone(const std::vector<EngineSet>& held) {
        std::vector<std::string> gone, forgotten, lost;
        for (const auto& set : ledger_)
            if (is_there(set) && std::ranges::find(held, set.engine_set, &EngineSet::id) == held.end())
                gone.push_back(set.id);
        // With no set left at all it is not retention that ran: the repository has been emptied, or replaced.
        const auto expected = to_forget(plan_.keep, ledger_, {});
        for (const auto& id : gone) {
            const bool kept = plan_.keep.any() && std::ranges::find(expected, id) == expected.end();
            (held.empty() || kept ? lost : forgotten).push_back(id);
        }
        TRY_VOID(mark_forgotten(*house_.committer, forgotten));
        TRY_VOID(mark_lost(*house_.committer, lost));
        return int(gone.size());
    }

    const House& house_;
    const Plan& plan_;
    std::string version_;
    std::vector<Set> ledger_;
};

}  // namespace

Result<Watched> watch_repository(const JobRoom&, const House& house, const Plan& plan) {
    return Look(house, plan).run();
}

}  // namespace tilsyn::backup
