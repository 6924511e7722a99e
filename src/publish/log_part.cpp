#include "publish/log_part.hpp"

#include <algorithm>
#include <set>

#include "log/store/witnessed.hpp"

namespace tilsyn::publish {
namespace {

class Chooser {
  public:
    Chooser(const EvidenceSource& source, const std::optional<log::WitnessPolicy>& policy, bool whole)
        : source_(source), db_(*source.reader), whole_(whole), policy_(policy) {}

    Result<LogPart> run(std::int64_t first, std::int64_t after) {
        TRY_VOID(choose(after));
        TRY_VOID(add_earlier(first));
        return std::move(part_);
    }

  private:
    bool asks_for_witnesses() const { return policy_ && policy_->asks_for_witnesses(); }
    bool by_current_key(const log::StoredCheckpoint& checkpoint) const {
        return bool(log::open_checkpoint(checkpoint.note, source_.signer->ring().verifier()));
    }
    const StampAuthority* authority(std::string_view name) const {
        const auto found = std::ranges::find(source_.authorities, name, &StampAuthority::name);
        return found == source_.authorities.end() ? nullptr : &*found;
    }

    Result<void> choose(std::int64_t after) {
        TRY(const auto from, first_stamped(after));
        if (from) TRY_VOID(choose_settled(*from));
        if (part_.settled) return {};
        TRY(auto any, covering(after, false));
        if (!any) {
            TRY(any, source_.signer->sign(*source_.committer, db_, *source_.tree, *source_.clock));
        }
        return use(*std::move(any), false);
    }

    // Where no stamps are asked for, that is no bound. nullopt: not stamped yet.
    Result<std::optional<std::int64_t>> first_stamped(std::int64_t after) {
        const bool asks = std::ranges::any_of(source_.authorities, [](const auto& tsa) { return !tsa.retired; });
        if (!asks) return after;
        TRY(const auto row, db_.one("SELECT min(size) FROM log_stamp WHERE size >= ?", {after}));
        if (!row || row->null(0)) return std::nullopt;
        return row->integer(0);
    }

    Result<void> choose_settled(std::int64_t size) {
        if (!asks_for_witnesses()) {
            TRY(auto found, covering(size, true));
            return found ? use(*std::move(found), true) : Result<void>();
        }
        for (;;) {
            TRY(auto found, log::oldest_witnessed(db_, size, policy_));
            if (!found) return {};
            size = found->checkpoint.size + 1;
            if (by_current_key(found->checkpoint)) return use(std::move(found->checkpoint), true);
        }
    }

    // Before a change of keys others signed, whom the reader need not know.
    Result<std::optional<log::StoredCheckpoint>> covering(std::int64_t size, bool lasting) {
        for (;;) {
            TRY(auto found, log::checkpoint_covering(db_, size, lasting));
            if (!found || by_current_key(*found)) return found;
            size = found->size + 1;
        }
    }

    Result<void> use(log::StoredCheckpoint checkpoint, bool settled) {
        TRY(const auto witnessed, log::witnessed_at(db_, checkpoint.size, policy_));
        part_.witnessed = witnessed.has_value();
        part_.checkpoint = std::move(checkpoint);
        part_.settled = settled;
        return {};
    }

    Result<void> add_earlier(std::int64_t first) {
        TRY(const auto all_stamps, log::stamps_between(db_, 0, part_.checkpoint.size));
        std::set<std::int64_t> stamped;
        for (const auto& stamp : all_stamps)
            if (authority(stamp.tsa) != nullptr) stamped.insert(stamp.size);
        TRY(auto before, vouched_before(first, stamped));
        const auto lowest = before.empty() ? first : *before.begin();
        TRY(auto lasting, log::lasting_checkpoints(db_, lowest, part_.checkpoint.size - 1));
        using Hour = std::chrono::time_point<std::chrono::system_clock, std::chrono::hours>;
        std::set<Hour> hours, cosigned_hours;
        for (auto& checkpoint : lasting) {
            const auto hour = std::chrono::floor<std::chrono::hours>(checkpoint.signed_at);
            const bool in_period = checkpoint.size >= first;
            const bool wanted = before.contains(checkpoint.size) || (in_period && stamped.contains(checkpoint.size)) ||
                                (in_period && hours.insert(hour).second) ||
                                (in_period && checkpoint.cosignatures > 0 && cosigned_hours.insert(hour).second);
            if (wanted && (whole_ || by_current_key(checkpoint))) part_.earlier.push_back(std::move(checkpoint));
        }
        std::set<std::int64_t> here{part_.checkpoint.size};
        for (const auto& checkpoint : part_.earlier) here.insert(checkpoint.size);
        for (const auto& stamp : all_stamps)
            if (here.contains(stamp.size) && authority(stamp.tsa) != nullptr) part_.stamps.push_back(stamp);
        return {};
    }

    Result<std::set<std::int64_t>> vouched_before(std::int64_t first, const std::set<std::int64_t>& stamped) {
        std::set<std::int64_t> sizes;
        TRY(const auto cosigned, db_.one("SELECT max(size) FROM log_cosignature WHERE size <= ?", {first}));
        if (cosigned && !cosigned->null(0)) sizes.insert(cosigned->integer(0));
        const auto above = stamped.upper_bound(first);
        if (above != stamped.begin()) sizes.insert(*std::prev(above));
        return sizes;
    }

    const EvidenceSource& source_;
    db::Connection& db_;
    bool whole_;
    const std::optional<log::WitnessPolicy>& policy_;
    LogPart part_;
};

}  // namespace

Result<LogPart> choose_log_part(const EvidenceSource& source, const std::optional<log::WitnessPolicy>& policy,
                                std::int64_t first, std::int64_t after, bool whole) {
    return Chooser(source, policy, whole).run(first, after);
}

}  // namespace tilsyn::publish
