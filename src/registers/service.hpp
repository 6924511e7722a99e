// Rows of registers: checked, attributed, kept with their history; every change is an entry of the control log, in the
// same transaction. References cannot dangle: a row that is referred to cannot be removed.
#pragma once
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <vector>

#include "base/time.hpp"
#include "db/db.hpp"
#include "log/store/committer.hpp"
#include "registers/types.hpp"

namespace tilsyn::registers {

// A row's fields by name, each in its text form (lists joined by '|'); a field that is not set is absent.
using Fields = std::map<std::string, std::string, std::less<>>;

struct RegisterRow {
    std::string id;
    Fields fields;
    std::int64_t version = 1;
    Timestamp updated_at{};
    std::string updated_by;
};

struct Change {
    std::int64_t sequence = 0;
    Timestamp at{};
    std::string actor;
    std::string action;  // add, set, remove, import
    std::string id;
    Fields before, after;
    std::int64_t log_index = 0;
};

struct ImportLine {
    std::int64_t line = 0;
    enum class What { add, change, same, faulty } what = What::same;
    std::string id;
    std::vector<Error> faults;
};
struct ImportReport {
    std::vector<ImportLine> lines;
    std::int64_t added = 0, changed = 0, same = 0, faulty = 0;
    bool applied = false;
};
enum class Format { csv, json };

class Service {
  public:
    // on_change runs inside the same transaction after rows of a register have changed (the schedule follows its
    // subjects); it may be empty.
    using OnChange = std::function<Result<void>(log::WriteContext&, const std::string& register_name)>;
    Service(const Catalogue& catalogue, db::Pool& readers, log::Committer& committer, OnChange on_change = {});

    const Catalogue& catalogue() const { return *catalogue_; }

    struct Page {
        std::vector<RegisterRow> rows;
        std::string next;  // id to continue after; empty: no more
        std::int64_t total = 0;
    };
    Result<Page> list(std::string_view register_name, std::string_view after = {}, std::int64_t limit = 1000,
                      std::string_view search = {}) const;
    Result<RegisterRow> get(std::string_view register_name, std::string_view id) const;
    Result<std::vector<Change>> history(std::string_view register_name, std::string_view id,
                                        std::int64_t limit = 1000) const;

    // Faults carry the field in the parameter "field". A given expected_version must be the row's, else conflict.
    Result<RegisterRow> add(std::string_view register_name, std::string_view id, const Fields& fields,
                            std::string_view actor);
    Result<RegisterRow> set(std::string_view register_name, std::string_view id, const Fields& changes,
                            std::string_view actor,
                            std::optional<std::int64_t> expected_version = std::nullopt);  // "" clears a field
    Result<void> remove(std::string_view register_name, std::string_view id, std::string_view actor);

    // All or nothing: with any faulty line nothing is applied and the report names every one.
    Result<ImportReport> import(std::string_view register_name, std::string_view content, Format format,
                                std::string_view actor, bool dry_run);
    // CSV: RFC 4180, UTF-8; `excel`: BOM, ';' and CRLF. Cells that a spreadsheet would run are quoted with a leading '.
    Result<std::string> export_rows(std::string_view register_name, Format format, bool excel = false) const;

  private:
    const Catalogue* catalogue_;
    db::Pool* readers_;
    log::Committer* committer_;
    OnChange on_change_;
};

std::span<const db::Migration> migrations();
// Creates the documented SQL views, one for each register, and drops those whose register is gone; run at start and
// after a policy is applied, inside the caller's transaction.
Result<void> create_views(db::Connection& connection, const Catalogue& catalogue);

}  // namespace tilsyn::registers
