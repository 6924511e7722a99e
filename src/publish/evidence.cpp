#include "publish/evidence.hpp"

#include <algorithm>
#include <map>
#include <set>

#include "base/embedded.hpp"
#include "base/file.hpp"
#include "checks/kind.hpp"
#include "crypto/hash.hpp"
#include "log/pack/manifest.hpp"
#include "log/pack/vouched.hpp"
#include "log/pack/zip.hpp"
#include "log/store/export.hpp"
#include "log/tlog_proof.hpp"
#include "policy/store.hpp"
#include "publish/log_part.hpp"
#include "publish/oscal.hpp"
#include "publish/report.hpp"

namespace tilsyn::embedded {
std::span<const EmbeddedFile> api_files();  // api/*, linked with this module
}

namespace tilsyn::publish {
namespace {

using log::pack::Flat;
using log::pack::FlatWriter;

constexpr std::uint64_t most_policy_bytes = 1u << 20;

// Which file of data/ tells of entries of a kind; "" none.
std::string_view file_of(std::string_view kind) {
    if (kind == "control.outcome" || kind == "control.attempt" || kind == "control.signoff" ||
        kind == "control.interrupted")
        return "data/runs.jsonl";
    if (kind.starts_with("control.")) return "data/schedule.jsonl";
    if (kind.starts_with("finding.")) return "data/findings.jsonl";
    if (kind.starts_with("exception.")) return "data/exceptions.jsonl";
    if (kind == "policy.apply") return "data/policies.jsonl";
    return "data/events.jsonl";
}

// RFC 4180. A cell that a spreadsheet would run is made a text by a leading apostrophe.
void append_cell(std::string& out, std::string_view value, bool last = false) {
    const bool runs = !value.empty() && std::string_view("=+-@\t\r").find(value.front()) != std::string_view::npos;
    const std::string text = (runs ? "'" : "") + std::string(value);
    if (text.find_first_of("\",\r\n") == text.npos) {
        out += text;
    } else {
        out += '"';
        for (const char c : text) out += c == '"' ? std::string("\"\"") : std::string(1, c);
        out += '"';
    }
    out += last ? "\r\n" : ",";
}

std::string member_name(std::string_view name) {
    std::string out;
    for (const char c : name) {
        const bool fit = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' ||
                         c == '_' || c == '-' || c == '/';
        out += fit ? c : '_';
    }
    return out;
}

std::string row_of(std::int64_t index, const Flat& entry) {
    FlatWriter row;
    row.integer("entry", index);
    for (const auto& [name, value] : entry.fields()) {
        if (name == "v" || name == "n") continue;
        if (const auto* text = std::get_if<std::string>(&value)) row.text(name, *text);
        if (const auto* number = std::get_if<std::int64_t>(&value)) row.integer(name, *number);
    }
    return row.line();
}

// A pack being written: every member goes into the manifest too.
class Pack {
  public:
    static Result<Pack> create(const std::filesystem::path& file) {
        TRY(auto zip, log::pack::ZipWriter::create(file));
        return Pack(std::move(zip));
    }
    Result<void> add(std::string_view name, std::string_view content) {
        TRY(const auto packed, zip_.add(name, content));
        manifest_.emplace(name, log::pack::Listed{crypto::sha256(content), content.size(), packed});
        return {};
    }
    Result<void> finish(const log::KeyRing& ring) {
        const auto text = log::pack::manifest_text(manifest_);
        log::Note note{text, {}};
        for (const auto& key : ring.keys) note.signatures.push_back(log::sign_note(text, ring.origin, key));
        TRY_VOID(zip_.add(log::pack::manifest_name, log::to_string(note), true));
        return zip_.finish();
    }

  private:
    explicit Pack(log::pack::ZipWriter zip) : zip_(std::move(zip)) {}
    log::pack::ZipWriter zip_;
    log::pack::Manifest manifest_;
};

class Maker {
  public:
    Maker(const EvidenceSource& source, const EvidenceRequest& request, Pack pack)
        : source_(source), request_(request), db_(*source.reader), pack_(std::move(pack)) {}

    Result<EvidenceMade> run() {
        TRY_VOID(choose_period());
        TRY_VOID(choose_checkpoint());
        TRY_VOID(load_policies());
        TRY_VOID(read_entries());
        TRY_VOID(write_log());
        TRY_VOID(write_data());
        if (internal()) TRY_VOID(write_registers());
        TRY_VOID(write_reports());
        TRY_VOID(pack_.finish(source_.signer->ring()));
        return made_;
    }

  private:
    bool internal() const { return request_.audience == Audience::auditor; }
    bool wanted(std::string_view control) const {
        return request_.controls.empty() || std::ranges::find(request_.controls, control) != request_.controls.end();
    }

    // The entries of the period, by the time they claim: the first in it, and the first after it.
    Result<void> choose_period() {
        if (request_.from >= request_.to) return fail(Code::invalid, "publish.no-period");
        TRY(const auto head, log::stored_head(db_));
        first_ = after_ = head.size;
        bool found = false;
        TRY_VOID(log::each_entry(db_, 0, head.size, [&](std::int64_t index, std::string_view body) -> Result<void> {
            TRY(const auto entry, Flat::parse(body));
            TRY(const auto at, parse_utc(entry.text("t")));
            if (!found && at >= request_.from) {
                first_ = index;
                found = true;
            }
            if (at < request_.to) after_ = index + 1;
            return {};
        }));
        after_ = std::max(after_, first_);
        return {};
    }

    Result<void> choose_checkpoint() {
        std::optional<log::WitnessPolicy> policy;
        if (std::filesystem::exists(source_.witnesses)) {
            TRY(policy_text_, read_file(source_.witnesses, most_policy_bytes));
            TRY(policy, log::WitnessPolicy::parse(policy_text_, source_.witnesses.string()));
        }
        made_.whole = internal() && request_.controls.empty();
        TRY(log_, choose_log_part(source_, policy, first_, after_, made_.whole));
        made_.asks_for_witnesses = policy && policy->asks_for_witnesses();
        made_.size = log_.checkpoint.size;
        made_.witnessed = log_.witnessed;
        made_.repeatable = log_.settled && request_.to <= source_.clock->now();
        return {};
    }

    Result<void> load_policies() {
        TRY(auto versions, policy::versions(db_));
        std::ranges::reverse(versions);
        for (const auto& version : versions) {
            if (version.applied_at >= request_.to) break;
            TRY(auto files, policy::version_files(db_, version.version));
            // In force in the period: the one it began with, and those that came in it.
            if (version.applied_at <= request_.from) versions_.clear();
            versions_.emplace_back(version.version, std::move(files));
        }
        if (versions_.empty()) return {};
        const auto& newest = versions_.back().second;
        loaded_ = policy::load(newest, newest.front().first, checks::kind_specs());
        for (const auto& [version, files] : versions_) {
            if (internal()) {
                for (const auto& [name, content] : files)
                    TRY_VOID(pack_.add("policy/" + std::to_string(version) + "/" + member_name(name), content));
                continue;
            }
            const auto loaded = policy::load(files, files.front().first, checks::kind_specs());
            for (const auto lang : {Lang::da, Lang::en})
                TRY_VOID(
                    pack_.add("policy/" + std::to_string(version) + "." + (lang == Lang::da ? "da" : "en") + ".txt",
                              published(loaded.policy, lang)));
        }
        return {};
    }

    static std::string published(const policy::Policy& policy, Lang lang) {
        std::string out = policy.title.in(lang) + "\n" + policy.company + "\n";
        for (const auto& section : policy.sections) {
            out += "\n" + section.title.in(lang) + "\n";
            for (const auto& sentence : lang == Lang::da ? section.da : section.en) out += sentence.text() + "\n";
        }
        return out;
    }

    // What the rows, the figures and the proofs are made of.
    Result<void> read_entries() {
        std::set<std::string> seen;
        TRY_VOID(log::each_entry(db_, first_, after_, [&](std::int64_t index, std::string_view body) -> Result<void> {
            TRY(auto entry, Flat::parse(body));
            const auto control = std::string(entry.text("c"));
            const auto file = file_of(entry.text("k"));
            const bool company_wide = control.empty();
            if (!company_wide) {
                if (!wanted(control)) return {};
                seen.insert(control);
            } else if (file != "data/policies.jsonl" && !internal()) {
                return {};
            }
            ++made_.entries;
            chosen_.push_back(index);
            rows_[std::string(file)] += row_of(index, entry);
            count(index, control, entry);
            return {};
        }));
        for (const auto& control : request_.controls)
            if (!seen.contains(control) && (loaded_.policy.control(control) == nullptr))
                return fail(Code::invalid, "publish.no-control", {{"control", control}});
        return {};
    }

    void count(std::int64_t index, const std::string& control, const Flat& entry) {
        const auto kind = entry.text("k");
        auto& figures = facts_.figures[control];
        if (kind == "control.outcome") {
            const auto outcome = std::string(entry.text("outcome"));
            const auto runs = outcome == "missed" ? entry.integer("count").value_or(1) : 1;
            figures.outcomes[outcome] += runs;
            made_.runs += runs;
            figures.newest = entry.text("t");
            if (outcome != "pass" && outcome != "not_applicable") {
                figures.worst = outcome;
                figures.worst_time = entry.text("t");
            }
            append_cell(csv_, std::to_string(index));
            for (const auto* field : {"t", "c", "s", "due", "seen"}) append_cell(csv_, entry.text(field));
            append_cell(csv_, outcome);
            append_cell(csv_, std::to_string(entry.integer("attempt").value_or(0)));
            append_cell(csv_, std::to_string(runs), true);
        }
        if (kind == "finding.open") ++figures.opened;
        if (kind == "finding.close") ++figures.closed;
        if (kind.starts_with("finding.")) facts_.findings.emplace_back(index, entry);
        if (kind.starts_with("exception.")) facts_.exceptions.emplace_back(index, entry);
    }

    Result<void> write_log() {
        TRY_VOID(pack_.add("log/checkpoint", checkpoint_.note));
        if (!policy_text_.empty()) TRY_VOID(pack_.add("log/witnesses", policy_text_));
        for (const auto& earlier : log_.earlier) {
            TRY_VOID(pack_.add("log/checkpoints/" + std::to_string(earlier.size), earlier.note));
            if (made_.whole) continue;  // computed anew from the entries
            TRY(const auto proof, source_.tree->consistency(db_, earlier.size, checkpoint_.size));
            TRY_VOID(pack_.add("log/consistency/" + std::to_string(earlier.size), log::pack::proof_lines(proof)));
        }
        std::set<std::string> authorities;
        for (const auto& stamp : log_.stamps) {
            authorities.insert(stamp.tsa);
            TRY_VOID(pack_.add(log::pack::stamp_name(stamp.size, stamp.tsa), stamp.token));
        }
        for (const auto& tsa : source_.authorities)
            if (authorities.contains(tsa.name)) TRY_VOID(pack_.add(log::pack::authority_name(tsa.name), tsa.pem));
        if (made_.whole) {
            for (const auto& tile : log::bundles_of(checkpoint_.size)) {
                TRY(const auto bytes, log::tile_bytes(db_, *source_.tree, checkpoint_.size, tile));
                TRY_VOID(pack_.add("log/" + log::tile_path(tile), bytes));
            }
            return {};
        }
        for (const auto index : chosen_) {
            log::TlogProof proof{index, {}, {}, checkpoint_.note};
            TRY(proof.hashes, source_.tree->inclusion(db_, index, checkpoint_.size));
            TRY_VOID(log::each_entry(db_, index, index + 1, [&](std::int64_t, std::string_view body) -> Result<void> {
                proof.extra = body;
                return {};
            }));
            TRY_VOID(pack_.add("log/proofs/" + std::to_string(index) + ".tlog-proof", log::to_string(proof)));
        }
        return {};
    }

    Result<void> write_data() {
        for (const auto& [name, rows] : rows_) TRY_VOID(pack_.add(name, rows));
        TRY_VOID(pack_.add("data/runs.csv", "entry,logged,control,subject,due,seen,outcome,attempt,runs\r\n" + csv_));
        if (!internal()) return {};
        std::string disclosed;
        std::size_t next = 0;
        TRY_VOID(
            db_.each("SELECT idx, field, salt, value FROM log_private WHERE idx >= ? AND idx < ? ORDER BY idx, field",
                     std::array<db::Value, 2>{first_, after_}, [&](const db::Row& row) -> Result<bool> {
                         const auto index = row.integer(0);
                         while (next < chosen_.size() && chosen_[next] < index) ++next;
                         if (next == chosen_.size()) return false;
                         if (chosen_[next] != index) return true;
                         if (row.text(1) == "s") facts_.subjects[index] = row.text(3);
                         disclosed += FlatWriter()
                                          .integer("entry", index)
                                          .text("field", row.text(1))
                                          .text("salt", crypto::base64(row.blob(2)))
                                          .text("value", row.text(3))
                                          .line();
                         return true;
                     }));
        return pack_.add("data/disclosed.jsonl", disclosed);
    }

    // The registers as they stood at the end of the period: what the verdicts rest on.
    Result<void> write_registers() {
        std::map<std::string, std::map<std::string, std::string>> registers;
        TRY_VOID(db_.each("SELECT register, id, action, after FROM register_change WHERE at < ? ORDER BY sequence",
                          std::array<db::Value, 1>{to_micros(request_.to)}, [&](const db::Row& row) -> Result<bool> {
                              auto& rows = registers[row.text(0)];
                              if (row.text(2) == "remove" || row.null(3))
                                  rows.erase(row.text(1));
                              else
                                  rows[row.text(1)] = row.text(3);
                              return true;
                          }));
        for (const auto& [name, rows] : registers) {
            std::string out;
            for (const auto& [id, body] : rows) {
                auto line = FlatWriter().text("id", id).line();
                line.resize(line.size() - 2);
                out += line + ",\"row\":" + body + "}\n";
            }
            TRY_VOID(pack_.add("registers/" + member_name(name) + ".jsonl", out));
        }
        return {};
    }

    Result<void> write_reports() {
        const auto& ring = source_.signer->ring();
        TRY_VOID(pack_.add("pack.json", FlatWriter()
                                            .integer("format", 1)
                                            .text("audience", internal() ? "auditor" : "customer")
                                            .text("company", loaded_.policy.company)
                                            .text("origin", ring.origin)
                                            .text("vkey", log::to_string(ring.verifier()))
                                            .text("from", format_utc_seconds(request_.from))
                                            .text("to", format_utc_seconds(request_.to))
                                            .integer("size", checkpoint_.size)
                                            .text("root", crypto::base64(checkpoint_.root))
                                            .flag("whole", made_.whole)
                                            .line()));
        facts_.policy = versions_.empty() ? nullptr : &loaded_.policy;
        for (const auto& control : loaded_.policy.controls)
            if (wanted(control.id)) facts_.controls.push_back(control.id);
        facts_.from = request_.from;
        facts_.to = request_.to;
        facts_.origin = ring.origin;
        facts_.vkey = log::to_string(ring.verifier());
        facts_.root = crypto::base64(checkpoint_.root);
        facts_.size = checkpoint_.size;
        facts_.entries = made_.entries;
        facts_.whole = made_.whole;
        facts_.internal = internal();
        facts_.witnesses = checkpoint_.cosignatures;
        const auto zone = Zone::find(loaded_.policy.timezone).value_or(Zone::utc());
        for (const auto lang : {Lang::da, Lang::en}) {
            const auto document = report(facts_, zone, lang);
            const auto name = "report." + std::string(to_string(lang));
            TRY_VOID(pack_.add(name + ".html", to_html(document)));
            TRY(const auto pdf, to_pdf(document));
            TRY_VOID(pack_.add(name + ".pdf", pdf));
        }
        for (const auto& file : embedded::api_files())
            if (file.name.ends_with(".schema.json"))
                TRY_VOID(pack_.add("schema/" + std::string(file.name), file.content));
        if (facts_.policy != nullptr) {
            TRY_VOID(pack_.add("oscal/catalog.json", oscal_catalog(facts_)));
            TRY_VOID(pack_.add("oscal/assessment-results.json", oscal_assessment_results(facts_)));
        }
        return pack_.add("CHECK.txt", check_text(facts_));
    }

    const EvidenceSource& source_;
    const EvidenceRequest& request_;
    db::Connection& db_;
    Pack pack_;
    EvidenceMade made_;
    ReportFacts facts_;
    policy::Loaded loaded_;
    std::int64_t first_ = 0, after_ = 0;
    LogPart log_;
    const log::StoredCheckpoint& checkpoint_ = log_.checkpoint;
    std::string policy_text_, csv_;
    std::vector<std::pair<std::int64_t, std::vector<std::pair<std::string, std::string>>>> versions_;
    std::vector<std::int64_t> chosen_;
    std::map<std::string, std::string> rows_;
};

}  // namespace

Result<EvidenceMade> make_evidence(const EvidenceSource& source, const EvidenceRequest& request) {
    // Signed before the one view of the data begins, so that this view has a checkpoint of all it holds.
    TRY_VOID(source.signer->sign(*source.committer, *source.reader, *source.tree, *source.clock));
    TRY(auto transaction, db::Transaction::begin_read(*source.reader));
    TRY(auto pack, Pack::create(request.file));
    return Maker(source, request, std::move(pack)).run();
}

}  // namespace tilsyn::publish
