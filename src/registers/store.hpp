// The tables of the slice, and the only code that writes them. Everything here runs inside the caller's transaction.
#pragma once
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "registers/row.hpp"

namespace tilsyn::registers {

struct StoredRow {
    std::string body;
    std::int64_t version = 0;
    std::int64_t updated_at = 0;
    std::string updated_by;
};

// A change that has been checked and is ready to be written.
struct Planned {
    enum class What { add, change, remove } what = What::add;
    std::string id;
    StoredRow before;  // change and remove
    Fields after;      // add and change
};

Result<std::optional<StoredRow>> find_row(db::Connection& connection, std::string_view register_name,
                                          std::string_view id);
Result<std::map<std::string, StoredRow, std::less<>>> all_rows(db::Connection& connection,
                                                               std::string_view register_name);
RegisterRow to_row(const Register& target, std::string_view id, const StoredRow& stored);

// Another row than `id` that has this value in a unique field; empty: none.
Result<std::string> row_with(db::Connection& connection, const Register& target, const Field& field,
                             std::string_view value, std::string_view id);

// (register, id) -> is there such a row? `also` are ids of `target` that the same change adds.
class References {
  public:
    References(db::Connection& connection, const Register& target, std::set<std::string, std::less<>> also)
        : connection_(&connection), target_(&target), also_(std::move(also)) {}
    // Call for many rows at a time: then each register is read once instead of once for each reference.
    Result<void> load_all();
    Result<void> check(const Fields& row, std::vector<Error>& faults);

  private:
    Result<bool> exists(const std::string& register_name, const std::string& id);

    db::Connection* connection_;
    const Register* target_;
    std::set<std::string, std::less<>> also_;
    std::map<std::string, std::set<std::string, std::less<>>> loaded_;
};

// Refuses (conflict) when other rows refer to the row; names up to five of them.
Result<void> check_not_referred_to(db::Connection& connection, const Register& target, std::string_view id);

struct Attribution {
    std::string actor;
    std::string action;       // add, set, remove, import
    std::string file_sha256;  // of an import, hex
};
inline constexpr std::size_t max_entries_of_import = 1000;

// Rows, references, history and entries of the control log, for one row or many.
Result<void> write_changes(log::WriteContext& context, const Register& target, std::span<const Planned> changes,
                           const Attribution& attribution);

// Reads the references of all rows anew from their bodies: what a declaration calls a reference may have changed.
Result<void> rebuild_references(db::Connection& connection, const Register& target);

}  // namespace tilsyn::registers
