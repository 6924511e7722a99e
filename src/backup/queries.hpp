// Queries of the company's own, put to a restored database: what only those know who know the data. "Every voucher has
// a booking." "The newest entry is at most a day older than the backup."
//
// They stand in DATA/queries/DATASET.toml, which must belong to the account that Tilsyn runs as and be writable by
// nobody else, since what they say is run:
//
//   [[query]]
//   name = "Vouchers without a booking"
//   database = "books"            # needed only where the data set has several
//   sql = "SELECT count(*) FROM voucher WHERE booking IS NULL"
//   equals = 0                    # or at_least = 1, at_most = 9, newest_within = "26h"
//
// Judged is the first value of the first row. newest_within: it is a moment (text of ISO 8601, UTC when it does not
// say, or seconds since 1970), at most so long before the set was made.
#pragma once
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/time.hpp"
#include "db/db.hpp"

namespace tilsyn::backup {

struct Query {
    std::string name, database, sql;
    std::optional<std::string> equals;
    std::optional<double> at_least, at_most;
    std::optional<Duration> newest_within;
};

// None, when there is no such file. Code::invalid, with its place: it is not as above. Code::forbidden: others may
// write to it.
Result<std::vector<Query>> read_queries(const std::filesystem::path& data, const std::string& data_set);

// What was restored, for as long as it is open.
struct Opened {
    std::vector<std::string> databases;  // their names
    // The first value of the first row as text; nullopt: there is no row, or it is NULL.
    std::function<Result<std::optional<std::string>>(const std::string& database, const std::string& sql)> ask;
};
using WhenOpen = std::function<void(const Opened& opened)>;

Result<std::optional<std::string>> first_value(db::Connection& connection, const std::string& sql);

// What is wrong with the answers. `made`: when the set was made.
std::vector<Error> put_queries(const std::vector<Query>& queries, const Opened& opened, Timestamp made);

}  // namespace tilsyn::backup
