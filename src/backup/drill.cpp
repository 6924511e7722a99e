#include <sys/stat.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "backup/details.hpp"
#include "backup/engines/streaming.hpp"
#include "backup/job.hpp"
#include "backup/manifest/early.hpp"
#include "backup/restored_databases.hpp"
#include "backup/sample.hpp"
#include "backup/scratch.hpp"
#include "backup/source.hpp"
#include "base/random.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {
namespace {

using nlohmann::json;
using std::chrono::milliseconds;

constexpr std::uint64_t spare = 256u << 20;  // bytes of the disk that a drill leaves alone
constexpr std::size_t told = 50;             // differences kept of a drill

// One key for each way in which something differs.
std::string_view key_of(Difference difference) {
    switch (difference) {
        case Difference::missing:
            return "backup.found-missing";
        case Difference::unreadable:
            return "backup.found-unreadable";
        case Difference::content:
            return "backup.found-content";
        case Difference::size:
            return "backup.found-size";
        case Difference::type:
            return "backup.found-type";
        case Difference::torn:
            return "backup.found-torn";
        case Difference::extra:
            return "backup.found-extra";
        case Difference::target:
            return "backup.found-target";
        case Difference::mode:
            return "backup.found-mode";
        case Difference::owner:
            return "backup.found-owner";
        case Difference::time:
            return "backup.found-time";
        case Difference::names:
            return "backup.found-names";
        case Difference::attributes:
            return "backup.found-attributes";
        case Difference::sparse:
            return "backup.found-sparse";
    }
    return "backup.found-content";
}

class Trial {
  public:
    Trial(const House& house, const Plan& plan, Set set, Extent extent)
        : house_(house), plan_(plan), set_(std::move(set)), deadline_(Deadline::in(house.longest)) {
        drill_ = {.id = random_id(),
                  .set = set_.id,
                  .plan = plan.id,
                  .data_set = set_.data_set,
                  .repository = set_.repository};
        drill_.machine = house.machine;
        drill_.extent = extent;
    }

    Result<Drill> run() {
        drill_.started = house_.clock->now();
        const auto begun = house_.clock->steady();
        TRY_VOID(begin_drill(*house_.committer, drill_));
        const auto done = attempt();
        if (!done) {
            drill_.outcome = is_fault_of_backup(done.error()) ? "fail" : "unknown";
            details_.why(done.error());
        }
        drill_.took_ms = std::chrono::duration_cast<milliseconds>(house_.clock->steady() - begun).count();
        if (done) judge_time();
        details_["age_ms"] = std::chrono::duration_cast<milliseconds>(drill_.started - set_.started).count();
        drill_.details = details_.text();
        TRY_VOID(end_drill(*house_.committer, drill_));
        return drill_;
    }

  private:
    std::filesystem::path manifests() const { return house_.data / "backup" / "manifests"; }

    Result<void> attempt() {
        if (set_.engine_set.empty() || (set_.manifest.empty() && plan_.run_by != RunBy::watched))
            return fail(Code::not_found, "backup.nothing-to-restore", {{"set", set_.id}});
        TRY(auto access, access_to(house_.data, plan_));
        TRY(const auto engine, open_engine(std::move(access)));
        TRY(const auto version, engine->version());
        details_["engine"] = version;
        if (set_.manifest.empty()) return restore_alone(*engine);
        const auto was = json::parse(set_.details, nullptr, false);
        const auto databases = was.is_object() ? was.value("databases", json::object()) : json::object();
        RestoreRequest request{.set = set_.engine_set};
        TRY_VOID(measure(request));
        TRY(auto scratch, Scratch::make(house_.data / "backup" / "scratch" / drill_.id));
        if (drill_.extent == Extent::sample) TRY_VOID(choose(scratch.path(), request));
        request.target = scratch.path() / "restored";
        TRY_VOID(make_private_folder(request.target));
        if (const auto room = room_for(scratch.path()); !room) {
            const auto streamed = compare_on_the_way(*engine, scratch.path());
            if (!streamed && streamed.error().code == Code::unsupported) return room;
            TRY_VOID(streamed);
            if (databases.empty() || drill_.faults > 0) return scratch.end();
            TRY_VOID(restore_only(*engine, databases, request));
        } else {
            TRY_VOID(restore(*engine, request));
            TRY(const auto compared, compare(*engine, request));
            say(compared);
        }
        // A dump is a program. Only one that is byte for byte our own is run.
        if (drill_.extent == Extent::full && !databases.empty() && drill_.faults == 0)
            TRY_VOID(try_databases(databases, request.target));
        return scratch.end();
    }

    // A set that another program made of data that lies elsewhere: there is nothing to compare it with. That it comes
    // back, that all of it can be read, and that it is not suddenly much less, can be said.
    Result<void> restore_alone(Engine& engine) {
        if (drill_.extent != Extent::full)
            return fail(Code::unsupported, "backup.nothing-to-compare", {{"set", set_.id}});
        TRY(auto scratch, Scratch::make(house_.data / "backup" / "scratch" / drill_.id));
        expected_ = free_bytes(scratch.path());
        const auto target = scratch.path() / "restored";
        TRY_VOID(make_private_folder(target));
        TRY_VOID(restore(engine, {.set = set_.engine_set, .target = target}));
        WalkRequest all{.roots = {.base = target, .paths = {}}, .stopping = house_.stopping};
        for (const auto& item : std::filesystem::directory_iterator(target))
            all.roots.paths.push_back(item.path().filename());
        std::ranges::sort(all.roots.paths);
        if (early_) all.content = [this](const Entry& entry) { return early_->content(entry); };
        TRY(auto wanted, must_hold_of(plan_));
        std::uint64_t unreadable = 0;
        std::string first;
        TRY(const auto walked, walk(all, [&](Entry&& entry) -> Result<void> {
                if (!entry.trouble.empty() && unreadable++ == 0) first = entry.path;
                std::erase(wanted, entry.path);
                return {};
            }));
        drill_.files = std::int64_t(walked.counts.files);
        drill_.bytes = std::int64_t(walked.counts.bytes);
        if (unreadable > 0)
            details_.why(msg(key_of(Difference::unreadable), {{"count", std::to_string(unreadable)},
                                                              {"total", std::to_string(walked.counts.entries)},
                                                              {"path", "/" + escape_path(first)}}));
        if (drill_.files == 0) details_.why(msg("backup.restored-nothing"));
        for (const auto& path : wanted) details_.why(msg("backup.why-not-there", {{"path", "/" + escape_path(path)}}));
        TRY_VOID(compare_with_the_last());
        drill_.faults = drill_.lost = std::int64_t(details_.count());
        details_["alone"] = true;
        drill_.outcome = drill_.faults == 0 ? "pass" : "fail";
        return scratch.end();
    }

    Result<void> compare_with_the_last() {
        TRY(const auto reader, house_.readers->get());
        TRY(const auto drills, drills_of(*reader, plan_.id));
        const auto last = std::ranges::find_if(
            drills, [](const Drill& drill) { return drill.extent == Extent::full && drill.outcome == "pass"; });
        if (last == drills.end() || !is_much_less({last->files, last->bytes}, {drill_.files, drill_.bytes})) return {};
        details_.why(msg("backup.restored-less", {{"before", std::to_string(last->files)},
                                                  {"left", std::to_string(drill_.files)},
                                                  {"bytes_before", std::to_string(last->bytes)},
                                                  {"bytes_left", std::to_string(drill_.bytes)}}));
        return {};
    }

    std::string log_root() const {
        const auto root = house_.committer->head().root;
        return {reinterpret_cast<const char*>(root.data()), root.size()};
    }

    // The part of the whole goes on where the last sample that came to an end has ended. Nobody can choose the others
    // beforehand: the lot follows from the control log as it is now.
    Result<void> choose(const std::filesystem::path& scratch, RestoreRequest& request) {
        TRY(const auto after, last_part());
        const auto parts = std::uint64_t(sample_period / std::max(plan_.sample_every, Duration(std::chrono::hours(1))));
        const auto free = free_bytes(scratch);
        TRY(auto manifest, ManifestReader::open(manifests(), set_.manifest));
        TRY(sample_, choose_sample(manifest, {.seed = crypto::hex(crypto::as_bytes(log_root())),
                                              .after = after,
                                              .parts = parts,
                                              .room = free > 2 * spare ? (free - 2 * spare) / 2 : 0,
                                              .total = cost_}));
        if (sample_.only.empty())
            return sample_.too_large > 0
                       ? fail(Code::io, "backup.no-room-to-restore",
                              {{"needed", std::to_string(expected_ >> 20)}, {"there", std::to_string(free >> 20)}})
                       : fail(Code::not_found, "backup.nothing-to-restore", {{"set", set_.id}});
        request.only = sample_.only;
        expected_ = sample_.bytes + sample_.only.size() * 4096;
        auto& part = details_["part"] = {{"from", escape_path(sample_.from)},
                                         {"until", escape_path(sample_.until)},
                                         {"too_large", sample_.too_large}};
        // The last part is what is left over, and says nothing of how long it takes.
        if (!sample_.until.empty() && sample_.cost > 0)
            part["all_in_s"] = std::chrono::duration_cast<std::chrono::seconds>(plan_.sample_every).count() *
                               std::int64_t((cost_ + sample_.cost - 1) / sample_.cost);
        return {};
    }

    Result<std::string> last_part() {
        TRY(const auto reader, house_.readers->get());
        TRY(const auto drills, drills_of(*reader, plan_.id));
        for (const auto& drill : drills) {
            if (drill.extent != Extent::sample || (drill.outcome != "pass" && drill.outcome != "fail")) continue;
            const auto details = json::parse(drill.details, nullptr, false);
            const auto part = details.is_object() ? details.value("part", json::object()) : json::object();
            return unescape_path(part.value("until", ""));
        }
        return std::string();
    }

    // How large what comes out may be: the manifest knows.
    Result<void> measure(RestoreRequest& request) {
        TRY(auto manifest, ManifestReader::open(manifests(), set_.manifest));
        std::uint64_t most = 0;
        for (;;) {
            TRY(auto entry, manifest.next());
            if (!entry) break;
            most = std::max(most, entry->size);
            expected_ += entry->type == Type::file ? entry->size : 4096;
            cost_ += cost_of(*entry);
            roots_of_set_.push_back(std::move(entry->path));
            if (roots_of_set_.size() > 1 && is_within(roots_of_set_.back(), roots_of_set_[roots_of_set_.size() - 2]))
                roots_of_set_.pop_back();
        }
        request.largest_file = most * 2 + (64u << 20);  // a file that grew while it was backed up
        return {};
    }

    static std::uint64_t allocated_below(const std::filesystem::path& folder) {
        std::uint64_t sum = 0;
        std::error_code error;
        constexpr auto options = std::filesystem::directory_options::skip_permission_denied;
        for (std::filesystem::recursive_directory_iterator at(folder, options, error), end; !error && at != end;
             at.increment(error)) {
            struct stat info{};
            if (::lstat(at->path().c_str(), &info) == 0) sum += std::uint64_t(info.st_blocks) * 512;
        }
        return sum;
    }

    Result<void> room_for(const std::filesystem::path& scratch) const {
        if (drill_.extent == Extent::sample) return {};
        const auto there = free_bytes(scratch), needed = expected_ + expected_ / 10 + spare;
        if (there < needed)
            return fail(Code::io, "backup.no-room-to-restore",
                        {{"needed", std::to_string(needed >> 20)}, {"there", std::to_string(there >> 20)}});
        return {};
    }

    Result<void> restore(Engine& engine, const RestoreRequest& request) {
        // What a hostile repository unpacks to is bounded by what we know there was, and by what the disk has.
        const auto before = free_bytes(request.target);
        bool grew = false;
        Watch watch{deadline_, {}, {}};
        watch.stopping = [&] {
            const auto now = free_bytes(request.target);
            const auto used = before > now ? before - now : 0;
            grew = grew || used > expected_ + expected_ / 2 + spare || now < spare / 4;
            return grew || (house_.stopping && house_.stopping());
        };
        if (house_.progress)
            watch.progress = [&](const EngineProgress& p) {
                house_.progress({Step::restoring, p.files, p.bytes, 0, expected_});
            };
        const auto begun = house_.clock->steady();
        // Without it all is read afterwards.
        if (auto early = EarlyReader::start(request.target); early && drill_.extent == Extent::full)
            early_.emplace(std::move(*early));
        const auto restored = engine.restore(request, watch);
        if (early_) early_->finish();
        details_["restore_ms"] = std::chrono::duration_cast<milliseconds>(house_.clock->steady() - begun).count();
        if (grew) {
            // The disk is not ours alone: who has filled it?
            const auto came_out = allocated_below(request.target);
            if (came_out > expected_ + expected_ / 2 + spare)
                return fail(Code::corrupt, "backup.grew", {{"repository", plan_.repository}});
            return fail(Code::io, "backup.no-room-to-restore",
                        {{"needed", std::to_string(expected_ >> 20)},
                         {"there", std::to_string((free_bytes(request.target) + came_out) >> 20)}});
        }
        TRY_VOID(restored);
        details_["confined"] = restored->confined;
        return {};
    }

    // There is no room for it: it is compared while it comes out, and not put down.
    Result<void> compare_on_the_way(Engine& engine, const std::filesystem::path& scratch) {
        const auto sorting = scratch / "sorting";
        TRY_VOID(make_private_folder(sorting));
        StreamedSet what{.set = set_.engine_set,
                         .manifests = manifests(),
                         .scratch = sorting,
                         .manifest = set_.manifest,
                         .roots = roots_of_set_,
                         .most = expected_ + expected_ / 2 + spare,
                         .tolerance = engine.stream_tolerance()};
        note(what.tolerance);
        if (house_.progress)
            what.progress = [&](const Progress& p) {
                house_.progress(
                    {Step::comparing, p.entries, p.bytes, std::uint64_t(set_.files), std::uint64_t(set_.bytes)});
            };
        TRY(const auto compared, compare_streamed(engine, what, {deadline_, house_.stopping, {}}));
        details_["streamed"] = true;
        say(compared);
        return wipe(sorting);
    }

    // Databases are tried all the same. What they came as was the same a moment ago, and is compared again.
    Result<void> restore_only(Engine& engine, const json& databases, RestoreRequest& request) {
        TRY(auto manifest, ManifestReader::open(manifests(), set_.manifest));
        std::uint64_t bytes = 0;
        for (;;) {
            TRY(const auto entry, manifest.next());
            if (!entry) break;
            const bool needed = std::ranges::any_of(databases.items(), [&](const auto& item) {
                // Beside a dump lie the roles that belong to it.
                return is_within(entry->path, item.key()) || entry->path.starts_with(item.key() + ".");
            });
            if (!needed) continue;
            bytes += entry->size;
            if (sample_.covers(entry->path)) continue;  // in a folder that is restored as one
            sample_.chosen.insert(entry->path);
            request.only.push_back(entry->path);
        }
        expected_ = bytes;
        TRY_VOID(room_for(request.target));
        TRY_VOID(restore(engine, request));
        TRY(const auto compared, compare(engine, request));
        if (compared.faults() > 0) say(compared);
        return {};
    }

    // What is not compared.
    void note(const Tolerance& tolerance) {
        auto& aside = details_["not_compared"] = json::array();
        for (const auto& [name, compared] : {std::pair{"owners", tolerance.owners},
                                             {"modes", tolerance.modes},
                                             {"attributes", tolerance.attributes},
                                             {"names", tolerance.names},
                                             {"folder_times", tolerance.folder_times},
                                             {"special", tolerance.special},
                                             {"empty_folders", tolerance.empty_folders}})
            if (!compared) aside.push_back(name);
    }

    Result<Comparison> compare(Engine& engine, const RestoreRequest& request) {
        TRY(auto manifest, ManifestReader::open(manifests(), set_.manifest));
        CompareRequest what{
            .manifest = &manifest,
            .restored = {.roots = {.base = request.target, .paths = roots_of_set_}, .stopping = house_.stopping},
            .tolerance = engine.tolerance()};
        if (early_) what.restored.content = [this](const Entry& entry) { return early_->content(entry); };
        what.tolerance.owners = what.tolerance.owners && ::geteuid() == 0;
        if (!details_.has("streamed")) note(what.tolerance);
        if (!request.only.empty()) what.chosen = [this](const Entry& entry) { return sample_.covers(entry.path); };
        if (house_.progress)
            what.restored.progress = [&](const Progress& p) {
                house_.progress(
                    {Step::comparing, p.entries, p.bytes, std::uint64_t(set_.files), std::uint64_t(set_.bytes)});
            };
        return compare_restored(what);
    }

    void say(const Comparison& compared) {
        drill_.files = std::int64_t(compared.files);
        drill_.bytes = std::int64_t(compared.bytes);
        drill_.faults = std::int64_t(compared.faults());
        drill_.lost = std::int64_t(compared.lost());
        details_["entries"] = compared.entries;
        details_["moved"] = compared.moved;
        auto& differences = details_["differences"] = json::object();
        auto& found = details_["found"] = json::array();
        for (std::size_t i = 0; i < difference_kinds; ++i) {
            const auto difference = Difference(i);
            if (compared.count(difference) == 0) continue;
            differences[std::string(to_string(difference))] = compared.count(difference);
            const auto first = std::ranges::find(compared.found, difference, &Comparison::Found::difference);
            if (difference != Difference::sparse)
                details_.why(msg(key_of(difference), {{"count", std::to_string(compared.count(difference))},
                                                      {"total", std::to_string(compared.entries)},
                                                      {"path", "/" + escape_path(first->path)}}));
        }
        for (const auto& item : compared.found) {
            if (found.size() >= told) break;
            found.push_back(
                {{"what", to_string(item.difference)}, {"path", "/" + escape_path(item.path)}, {"said", item.said}});
        }
        drill_.outcome = drill_.faults == 0 ? "pass" : "fail";
    }

    Result<void> try_databases(const json& databases, const std::filesystem::path& restored) {
        // A server that is started for it runs as somebody else, who may not look into the data folder.
        TRY(auto scratch, Scratch::make(std::filesystem::temp_directory_path() / ("tilsyn-drill-" + drill_.id)));
        std::error_code error;  // they may pass through it, each to a folder of its own
        std::filesystem::permissions(scratch.path(), std::filesystem::perms(0711), error);
        TRY(auto queries, read_queries(house_.data, plan_.data_set));
        details_["queries"] = queries.size();
        for (const auto& fault : tilsyn::backup::try_databases(
                 {databases, restored, scratch.path(), std::move(queries), set_.started}, deadline_)) {
            details_.why(fault.why);
            if (fault.not_tried) {
                if (drill_.outcome == "pass") drill_.outcome = "unknown";
                continue;
            }
            ++drill_.faults;
            ++drill_.lost;
            drill_.outcome = "fail";
        }
        details_["databases"] = databases.size();
        return scratch.end();
    }

    // A restore that takes longer than the business can wait is no restore.
    void judge_time() {
        if (drill_.extent != Extent::full || plan_.max_downtime == Duration{0}) return;
        details_["max_downtime_ms"] = std::chrono::duration_cast<milliseconds>(plan_.max_downtime).count();
        if (milliseconds(drill_.took_ms) <= plan_.max_downtime) return;
        details_.why(
            msg("backup.found-slow",
                {{"took", format_duration(std::chrono::ceil<std::chrono::seconds>(milliseconds(drill_.took_ms)))},
                 {"limit", format_duration(plan_.max_downtime)}}));
        drill_.outcome = "fail";
    }

    const House& house_;
    const Plan& plan_;
    Set set_;
    Deadline deadline_;
    Drill drill_;
    Details details_;
    std::uint64_t expected_ = 0;
    std::vector<std::string> roots_of_set_;
    Sample sample_;
    std::uint64_t cost_ = 0;
    std::optional<EarlyReader> early_;
};

// The connection goes back before the drill begins: it may take hours.
Result<Set> chosen_set(const House& house, const Plan& plan, const std::string& id) {
    TRY(const auto reader, house.readers->get());
    if (!id.empty()) {
        TRY(auto set, find_set(*reader, id));
        if (!set || set->plan != plan.id) return fail(Code::not_found, "backup.no-set", {{"set", id}});
        return std::move(*set);
    }
    TRY(auto sets, sets_of(*reader, plan.id));
    for (auto& set : sets)
        // One that is not whole may come back as it was stored, and would still not be all of the data.
        if (set.state == SetState::made && !set.forgotten) return std::move(set);
    return fail(Code::not_found, "backup.no-set-yet", {{"plan", plan.id}});
}

}  // namespace

Result<Drill> drill(const JobRoom&, const House& house, const Plan& plan, const DrillRequest& request) {
    TRY(auto set, chosen_set(house, plan, request.set));
    return Trial(house, plan, std::move(set), request.extent).run();
}

}  // namespace tilsyn::backup
