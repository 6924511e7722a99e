#include <algorithm>
#include <nlohmann/json.hpp>

#include "backup/details.hpp"
#include "backup/engines/canary.hpp"
#include "backup/job.hpp"
#include "backup/keep_manifest.hpp"
#include "backup/retention.hpp"
#include "backup/scratch.hpp"
#include "backup/source.hpp"
#include "base/random.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;

constexpr auto clock_slack = std::chrono::minutes(5);

Watch watch_of(const House& house, const Deadline& deadline, Step step) {
    Watch watch{deadline, house.stopping, {}};
    if (house.progress)
        watch.progress = [&house, step](const EngineProgress& p) {
            house.progress({step, p.files, p.bytes, p.files_total, p.bytes_total});
        };
    return watch;
}

// The first path for which something is so, and how many there are.
struct Tally {
    std::uint64_t count = 0;
    std::string first;
    void add(const std::string& path) {
        if (count++ == 0) first = path;
    }
};

Message about(std::string_view key, const Tally& tally) {
    return msg(key, {{"count", std::to_string(tally.count)}, {"path", "/" + escape_path(tally.first)}});
}

// What our own reading of the source says, entry by entry.
class Reading {
  public:
    Reading(const Roots& roots, std::vector<std::string> must_hold)
        : roots_(roots), filled_(roots.paths.size()), wanted_(std::move(must_hold)) {}
    void see(const Entry& entry) {
        if (!entry.trouble.empty()) unread.add(entry.path);
        if (entry.moved == Moved::torn) torn.add(entry.path);
        std::erase(wanted_, entry.path);
        for (std::size_t i = 0; i < roots_.paths.size(); ++i) {
            const auto& root = roots_.paths[i];
            if ((entry.path == root && entry.type != Type::folder) ||
                (entry.path.size() > root.size() && is_within(entry.path, root)))
                filled_[i] = true;
        }
    }
    Tally unread, torn;
    const std::vector<std::string>& not_there() const { return wanted_; }
    std::vector<std::string> empty() const {
        std::vector<std::string> out;
        for (std::size_t i = 0; i < roots_.paths.size(); ++i)
            if (!filled_[i]) out.push_back(roots_.paths[i]);
        return out;
    }

  private:
    const Roots& roots_;
    std::vector<bool> filled_;
    std::vector<std::string> wanted_;
};

class BackUp {
  public:
    BackUp(const House& house, const Plan& plan)
        : house_(house), plan_(plan), deadline_(Deadline::in(house.longest)), work_(house.data / "backup" / "work") {}

    Result<Set> run() {
        set_ = {.id = random_id(), .plan = plan_.id, .data_set = plan_.data_set, .repository = plan_.repository};
        set_.machine = house_.machine;
        set_.started = house_.clock->now();
        {
            TRY(const auto reader, house_.readers->get());
            TRY(earlier_, sets_of(*reader, plan_.id));
            TRY(held_before_, ever_held(*reader, plan_.repository));
        }
        TRY_VOID(begin_set(*house_.committer, set_));
        const auto done = attempt();
        if (!done) {
            set_.state = SetState::failed;
            details_.why(done.error());
        }
        details_["took_ms"] =
            std::chrono::duration_cast<std::chrono::milliseconds>(house_.clock->now() - set_.started).count();
        set_.details = details_.text();
        TRY_VOID(end_set(*house_.committer, set_));
        return set_;
    }

  private:
    Result<void> attempt() {
        TRY(auto access, access_to(house_.data, plan_));
        TRY(const auto engine, open_engine(std::move(access)));
        TRY(const auto version, engine->version());
        details_["engine"] = version;
        TRY_VOID(make_if_new(*engine));
        TRY(const int stale, engine->unlock(watch_of(house_, deadline_, Step::storing)));
        if (stale > 0) details_["stale_locks"] = stale;
        TRY(auto staging, Scratch::make(house_.data / "backup" / "staging" / plan_.id));
        auto prepared = prepare_source(plan_, house_.data, house_.database, staging.path(), deadline_);
        if (!prepared) {
            (void)release_source(plan_, house_.data, deadline_);
            return std::unexpected(std::move(prepared).error());
        }
        why_not_whole_ = prepared->why_not_whole;
        if (!prepared->databases.empty()) details_["databases"] = prepared->databases;
        const auto stored = store(*engine, *prepared);
        const auto released = release_source(plan_, house_.data, deadline_);
        TRY_VOID(stored);
        TRY_VOID(released);
        return judge();
    }

    // A repository that nothing was ever put in is made. One that is gone is not: it may only not be mounted, and an
    // empty one in its place would hide that.
    Result<void> make_if_new(Engine& engine) const {
        if (held_before_) return {};
        const auto watch = watch_of(house_, deadline_, Step::storing);
        const auto there = engine.sets(watch);
        if (there || there.error().code != Code::not_found) return {};
        return engine.create(watch);
    }

    Result<void> store(Engine& engine, const Prepared& prepared) {
        WalkRequest source{.roots = prepared.roots, .exclusions = prepared.exclusions, .stopping = house_.stopping};
        step(source, Step::reading);
        std::optional<ManifestReader> known;
        for (const auto& set : earlier_) {
            if (set.manifest.empty()) continue;
            if (auto opened = ManifestReader::open(house_.data / "backup" / "manifests", set.manifest))
                known.emplace(std::move(*opened));
            break;
        }
        // What a run that was cut off has read already need not be read again.
        if (auto part = ManifestReader::open_partial(partial_manifest_path(work_, plan_.id)); part)
            known.emplace(std::move(*part));
        source.known = known ? &*known : nullptr;
        source.seed = seed();
        TRY(auto first, ManifestWriter::create(work_, plan_.id, set_.started));
        TRY(const auto walked, walk(source, [&](Entry&& entry) { return first.add(entry); }));
        TRY(const auto before, first.finish());
        known.reset();
        rotted_ = walked.rotted;
        details_["excluded"] = walked.excluded;
        details_["reused"] = walked.reused;

        const StoreRequest request{.run = set_.id,
                                   .data_set = plan_.data_set,
                                   .host = house_.machine.substr(0, house_.machine.find(':')),
                                   .roots = prepared.roots,
                                   .exclusions = prepared.exclusions};
        TRY(stored_, engine.store(request, watch_of(house_, deadline_, Step::storing)));
        set_.engine_set = stored_.set;
        set_.added = std::int64_t(stored_.added);

        step(source, Step::looking_again);
        source.known = nullptr;
        TRY(auto manifest, ManifestReader::open(work_, before.digest));
        TRY(auto second, ManifestWriter::create(work_, plan_.id, set_.started));
        reading_.emplace(prepared.roots, prepared.must_hold);
        TRY_VOID(look_again(manifest, source, [&](Entry&& entry) {
            reading_->see(entry);
            return second.add(entry);
        }));
        TRY(const auto after, second.finish());
        empty_ = reading_->empty();
        TRY_VOID(keep_manifest(work_, house_.data / "backup" / "manifests", after.digest));
        if (before.digest != after.digest) {  // that of the first reading has done its work
            std::error_code error;
            std::filesystem::remove(manifest_path(work_, before.digest), error);
            std::filesystem::remove(manifest_path(work_, before.digest).parent_path(), error);  // when it is empty
        }
        set_.manifest = after.digest;
        set_.files = std::int64_t(after.counts.files);
        set_.bytes = std::int64_t(after.counts.bytes);
        details_["moved"] = after.counts.moved;
        details_["entries"] = after.counts.entries;
        return {};
    }

    Result<void> judge() {
        const auto why = [&](const Message& message) { details_.why(message); };
        for (const auto& message : why_not_whole_) why(message);
        if (stored_.unread_count > 0)
            why(msg("backup.why-engine-unread",
                    {{"count", std::to_string(stored_.unread_count)}, {"path", escape_path(stored_.unread.front())}}));
        if (reading_->unread.count > 0) why(about("backup.why-unread", reading_->unread));
        if (reading_->torn.count > 0) why(about("backup.why-torn", reading_->torn));
        for (const auto& path : empty_) why(msg("backup.why-empty", {{"path", "/" + escape_path(path)}}));
        for (const auto& path : reading_->not_there())
            why(msg("backup.why-not-there", {{"path", "/" + escape_path(path)}}));
        Tally rot;
        for (const auto& path : rotted_) rot.add(path);
        if (rot.count > 0) why(about("backup.why-rot", rot));
        for (const auto& set : earlier_) {
            if (set.started > set_.started + clock_slack) {
                why(msg("backup.why-clock", {{"at", format_utc_seconds(set.started)}}));
                break;
            }
        }
        const auto made = std::ranges::find(earlier_, SetState::made, &Set::state);
        if (made != earlier_.end() && is_much_less({made->files, made->bytes}, {set_.files, set_.bytes}))
            why(msg("backup.why-fell", {{"before", std::to_string(made->files)},
                                        {"left", std::to_string(set_.files)},
                                        {"bytes_before", std::to_string(made->bytes)},
                                        {"bytes_left", std::to_string(set_.bytes)}}));
        set_.state = details_.any() ? SetState::partial : SetState::made;
        return {};
    }

    void step(WalkRequest& source, Step step) const {
        if (!house_.progress) return;
        source.progress = [this, step](const Progress& p) { house_.progress({step, p.entries, p.bytes, 0, 0}); };
    }
    std::uint64_t seed() const {
        const auto root = house_.committer->head().root;
        std::uint64_t value = 0;
        for (int i = 0; i < 8; ++i) value = value << 8 | std::uint8_t(root[std::size_t(i)]);
        return value;
    }

    const House& house_;
    const Plan& plan_;
    Deadline deadline_;
    std::filesystem::path work_;
    Set set_;
    Stored stored_;
    Details details_;
    std::vector<Set> earlier_;
    bool held_before_ = true;
    std::optional<Reading> reading_;
    std::vector<Message> why_not_whole_;
    std::vector<std::string> rotted_, empty_;
};

}  // namespace

Result<Set> back_up(const JobRoom&, const House& house, const Plan& plan) {
    return BackUp(house, plan).run();
}

Result<RepositoryLook> look_at_repository(const House& house, const Plan& plan) {
    TRY(auto access, access_to(house.data, plan));
    TRY(const auto engine, open_engine(std::move(access)));
    TRY(const auto held, engine->sets({Deadline::in(std::chrono::minutes(10)), house.stopping, {}}));
    TRY(const auto reader, house.readers->get());
    TRY(const auto ledger, sets_of(*reader, plan.id));
    RepositoryLook look;
    std::vector<std::string> lost, forgotten;
    // Where somebody else removes them, what the plan does not keep may go.
    const auto may_go = plan.append_only ? to_forget(plan.keep, ledger, {}) : std::vector<std::string>();
    for (const auto& set : ledger) {
        if (set.engine_set.empty() || set.forgotten || set.lost) continue;
        if (std::ranges::find(held, set.engine_set, &EngineSet::id) != held.end())
            ++look.there;
        else if (std::ranges::find(may_go, set.id) != may_go.end())
            forgotten.push_back(set.id);
        else
            lost.push_back(set.id);
    }
    for (const auto& set : held)
        if (std::ranges::find(set.tags, "data-set:" + plan.data_set) != set.tags.end() &&
            std::ranges::find(ledger, set.id, &Set::engine_set) == ledger.end())
            ++look.unknown;
    look.lost = int(lost.size());
    TRY_VOID(mark_forgotten(*house.committer, forgotten));
    TRY_VOID(mark_lost(*house.committer, lost));
    return look;
}

Result<Check> check_repository(const JobRoom&, const House& house, const Plan& plan) {
    Check check{.id = random_id(),
                .repository = plan.repository,
                .at = house.clock->now(),
                .outcome = {},
                .parts = check_parts,
                .details = {}};
    {
        TRY(const auto reader, house.readers->get());
        TRY(const auto earlier, checks_of(*reader, plan.repository, 1));
        if (!earlier.empty()) check.part = earlier.front().part % check_parts + 1;
    }
    Details details;
    const auto done = [&]() -> Result<void> {
        TRY(auto access, access_to(house.data, plan));
        TRY(const auto engine, open_engine(std::move(access)));
        const Watch watch{Deadline::in(house.longest), house.stopping, {}};
        TRY(check.stale_locks, engine->unlock(watch));
        TRY_VOID(engine->check(unsigned(check.part), unsigned(check.parts), watch));
        if (!plan.append_only || plan.run_by != RunBy::tilsyn) return {};
        TRY(const auto removal, try_removal(*engine, house.data / "backup" / "work", watch));
        details["removal"] = removal == Removal::refused   ? "refused"
                             : removal == Removal::allowed ? "allowed"
                                                           : "unknown";
        if (removal == Removal::allowed)
            return fail(Code::corrupt, "backup.not-append-only", {{"repository", plan.repository}});
        return {};
    }();
    check.outcome = "pass";
    if (!done) {
        check.outcome = is_fault_of_backup(done.error()) ? "fail" : "unknown";
        details.why(done.error());
    }
    check.details = details.text();
    TRY_VOID(record_check(*house.committer, check));
    return check;
}

Result<int> forget_old(const JobRoom&, const House& house, const Plan& plan) {
    TRY(const auto reader, house.readers->get());
    if (plan.append_only) return 0;
    TRY(const auto sets, sets_of(*reader, plan.id));
    const auto newest = std::ranges::find_if(sets, [](const Set& set) { return set.state != SetState::running; });
    if (newest == sets.end() || newest->state != SetState::made) return 0;
    TRY(const auto drills, drills_of(*reader, plan.id));
    const auto proved = std::ranges::find_if(
        drills, [](const Drill& drill) { return drill.extent == Extent::full && drill.outcome == "pass"; });
    const auto old = to_forget(plan.keep, sets, proved == drills.end() ? std::string() : proved->set);
    if (old.empty()) return 0;
    std::vector<std::string> there;
    for (const auto& set : sets)
        if (std::ranges::find(old, set.id) != old.end()) there.push_back(set.engine_set);
    TRY(auto access, access_to(house.data, plan));
    TRY(const auto engine, open_engine(std::move(access)));
    // Recorded before it is done: a set that is gone without our having said so would be counted as lost.
    TRY_VOID(mark_forgotten(*house.committer, old));
    TRY_VOID(engine->forget(there, {Deadline::in(house.longest), house.stopping, {}}));
    return int(old.size());
}

Result<void> accept_set(const House& house, const std::string& id) {
    TRY(const auto reader, house.readers->get());
    TRY(auto set, find_set(*reader, id));
    if (!set) return fail(Code::not_found, "backup.no-set", {{"set", id}});
    const auto details = json::parse(set->details, nullptr, false);
    const auto why = details.is_object() ? details.value("why", json::array()) : json::array();
    // Only that it is smaller can be as it should be; what could not be read is not in it.
    if (set->state != SetState::partial || std::ranges::any_of(why, [](const json& reason) {
            return reason.value("key", "") != "backup.why-fell" && reason.value("key", "") != "backup.why-clock";
        }))
        return fail(Code::conflict, "backup.not-to-accept", {{"set", id}});
    set->state = SetState::made;
    return end_set(*house.committer, *set);
}

}  // namespace tilsyn::backup
