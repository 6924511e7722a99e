// control_log: recomputes every hash of Tilsyn's own log. Batch over the company; no parameters.
#include "checks/kind.hpp"
#include "checks/recorded.hpp"
#include "crypto/hash.hpp"
#include "log/store/verify.hpp"

namespace tilsyn::checks {
namespace {

const policy::KindSpec& spec() {
    static const policy::KindSpec made = [] {
        policy::KindSpec s;
        s.name = "control_log";
        s.title = {"The control log is whole", "Kontrolloggen er hel"};
        s.summary = {
            "Reads every entry of the control log, recomputes its hash and the head of the tree, and "
            "compares. A pass means that nothing has been changed, "
            "removed or inserted since it was written, as far as this database can tell.",
            "Læser hver post i kontrolloggen, beregner dens hash og træets hoved på ny og sammenligner. "
            "Består den, er intet ændret, fjernet eller indsat, siden det "
            "blev skrevet, så vidt denne database kan vise det."};
        s.mode = policy::Mode::batch;
        s.default_timeout = std::chrono::minutes(10);
        s.max_concurrent = 1;
        return s;
    }();
    return made;
}

Result<std::vector<Facts>> collect(const CollectRequest& request) {
    TRY(const auto reader, request.environment->readers->get(request.deadline));
    reader->set_deadline(request.deadline);
    const auto verified = log::verify_all(*reader);
    const auto continues =
        verified && request.environment->log_continues ? request.environment->log_continues(*reader) : Result<void>();
    Facts facts;
    if (!continues && continues.error().code != Code::conflict) return std::unexpected(continues.error());
    if (!continues)
        facts.seen = {{"fault", to_json(continues.error().message)}};
    else if (verified)
        facts.seen = {{"size", verified->size}, {"root", crypto::hex(verified->root)}};
    else if (verified.error().code == Code::corrupt)
        facts.seen = {{"fault", to_json(verified.error().message)}};
    else
        return std::unexpected(verified.error());  // could not be read: unknown, not broken
    return std::vector<Facts>(request.subjects.size(), facts);
}

Judgement judge(const policy::Control&, const Facts& facts, Timestamp) {
    const auto& seen = facts.seen;
    if (seen.contains("fault")) return {Outcome::fail, message_from(seen["fault"]), seen};
    return {Outcome::pass, msg("checks.log-whole", {{"count", std::to_string(seen.at("size").get<std::int64_t>())}}),
            seen};
}

}  // namespace

const Kind& control_log_kind() {
    static const Kind kind{&spec(), collect, judge};
    return kind;
}

}  // namespace tilsyn::checks
