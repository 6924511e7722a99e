// The part of a pack that people read.
#pragma once
#include <map>
#include <string>
#include <vector>

#include "base/zone.hpp"
#include "log/pack/flat.hpp"
#include "policy/types.hpp"
#include "publish/document.hpp"

namespace tilsyn::publish {

struct ControlFigures {
    std::map<std::string, std::int64_t> outcomes;  // "pass" -> number of runs; final ones
    std::int64_t opened = 0, closed = 0;           // findings
    std::string newest;                            // time of the newest outcome, as logged
    std::string worst_time, worst;                 // the newest that was neither pass nor not_applicable
};

struct ReportFacts {
    const policy::Policy* policy = nullptr;  // in force at the end of the period; may be null
    std::vector<std::string> controls;       // shown; others are not
    std::map<std::string, ControlFigures> figures;
    std::vector<std::pair<std::int64_t, log::pack::Flat>> findings, exceptions;  // entries, with their index
    std::map<std::int64_t, std::string> subjects;  // of entries that hold a commitment instead; for auditors only
    Timestamp from{}, to{};
    std::string origin, vkey, root;
    std::int64_t size = 0, entries = 0;
    bool whole = false, internal = false;
    std::size_t witnesses = 0;
};

Document report(const ReportFacts& facts, const Zone& zone, Lang lang);
std::string check_text(const ReportFacts& facts);  // CHECK.txt, both languages

}  // namespace tilsyn::publish
