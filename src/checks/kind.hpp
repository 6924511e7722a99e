// A check kind: what it declares, how it collects facts (I/O) and how it judges them (pure).
// A new kind is one file kinds/NAME.cpp, one kinds/NAME_test.cpp, one docs/checks/NAME.md and one line in
// kinds.cpp.
#pragma once
#include <functional>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "db/db.hpp"
#include "net/loop.hpp"
#include "policy/types.hpp"
#include "registers/service.hpp"

namespace tilsyn::checks {

enum class Outcome { pass, fail, unknown, stale, missed, not_applicable };
std::string_view to_string(Outcome);
std::optional<Outcome> parse_outcome(std::string_view);

// One subject of a control. id is "company" or "<register>/<row id>".
struct Subject {
    std::string id;
    registers::Fields fields;  // the register row; empty for the company
};

// What was seen, for one subject. Facts are JSON so that they can be recorded, and judged again later.
struct Facts {
    nlohmann::json seen = nlohmann::json::object();
    std::optional<Message>
        not_measured;  // set: nothing could be seen, and why. Judged as unknown without asking the kind.
};

struct Judgement {
    Outcome outcome = Outcome::unknown;
    Message why;                                        // one sentence a person understands
    nlohmann::json details = nlohmann::json::object();  // figures and rows behind it; kept, hashed into the log
    bool too_slow = false;  // a failure that only says that time passed: it may have passed on our side
};

// What a kind may use. Everything from outside comes through here, so that tests can stand in for it.
struct Environment {
    const Clock* clock = nullptr;
    db::Pool* query_pool = nullptr;  // db::Access::query connections
    db::Pool* readers = nullptr;
    std::string root = "/";  // where this machine's files are (tests point it at a made-up tree)
    std::string data_folder;
    std::string hostname;
    // Is the log what was signed last? Code::conflict: it is not. May be empty: not known.
    std::function<Result<void>(db::Connection& reader)> log_continues = {};
};

struct CollectRequest {
    const policy::Control* control = nullptr;
    std::span<const Subject> subjects;  // one for Mode::machine, all due ones for Mode::batch
    Timestamp planned{};
    Deadline deadline;
    const Environment* environment = nullptr;
    const policy::Calendar* calendar = nullptr;  // the policy's: what "today" and "working day" mean
};

struct Kind {
    const policy::KindSpec* spec = nullptr;
    // One Facts for each subject, in order. An Error means that nothing could be collected for any of them.
    Result<std::vector<Facts>> (*collect)(const CollectRequest&) = nullptr;  // null for Mode::person, and for probes
    Judgement (*judge)(const policy::Control&, const Facts&, Timestamp now) = nullptr;
    // A kind that asks one far end says what to ask and what the answer tells, and leaves the asking to others: to
    // run(), or to the monitor, which asks thousands at a time. An Error of prepare(): this subject cannot be asked.
    Result<net::Probe> (*prepare)(const policy::Control&, const Subject&) = nullptr;
    Facts (*facts)(const policy::Control&, const net::Probe&, const net::Answer&, const Environment&) = nullptr;

    bool by_machine() const { return collect != nullptr || prepare != nullptr; }
};

std::span<const Kind> kinds();
const Kind* find_kind(std::string_view name);
std::span<const policy::KindSpec* const> kind_specs();

// Collects and judges: the one way to run a machine check. Errors become unknown, with their text as the
// reason.
std::vector<Judgement> run(const Kind& kind, const CollectRequest& request);
// The same for one answer to what kind.prepare() had asked.
Judgement judge_answer(const Kind& kind, const policy::Control& control, const net::Probe& probe,
                       const net::Answer& answer, const Environment& environment);
Judgement not_measured(Message why);

}  // namespace tilsyn::checks
