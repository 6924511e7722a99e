// SQLite databases that are somebody else's: a consistent copy while they are written to, and what is in one. They are
// opened to be read only; nothing about them is changed.
#pragma once
#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"

namespace tilsyn::db {

// Code::busy: it stayed locked until the deadline. Code::corrupt: it is no database, or a damaged one.
Result<void> copy_sqlite(const std::filesystem::path& from, const std::filesystem::path& to, Deadline deadline);

struct SqliteTable {
    std::int64_t rows = 0;
    std::string sum;  // of all rows in any order: 16 hex digits
    bool operator==(const SqliteTable&) const = default;
};
struct SqliteFacts {
    std::string integrity;  // "ok", or what PRAGMA integrity_check found first
    std::map<std::string, SqliteTable> tables;
};
Result<SqliteFacts> inspect_sqlite(const std::filesystem::path& path, Deadline deadline);

}  // namespace tilsyn::db
