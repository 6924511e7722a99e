// For the tests of this slice: a few registers, a fresh database of each engine, and a service on it.
#pragma once
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "registers/service.hpp"
#include "support/databases.hpp"

namespace tilsyn::registers {

inline constexpr std::string_view test_declarations = R"(
[register.suppliers]
title = { da = "Leverandører", en = "Suppliers" }
[[register.suppliers.field]]
name = "country"
type = "country"
required = true
label = { da = "Land", en = "Country" }

[register.people]
title = { da = "Personer", en = "People" }
[[register.people.field]]
name = "name"
type = "text"
required = true
personal = "ordinary"
label = { da = "Navn", en = "Name" }
[[register.people.field]]
name = "managers"
type = "references"
references = "people"
label = { da = "Ledere", en = "Managers" }

[register.servers]
title = { da = "Servere", en = "Servers" }
[[register.servers.field]]
name = "host"
type = "host"
required = true
unique = true
label = { da = "Vært", en = "Host" }
[[register.servers.field]]
name = "supplier"
type = "reference"
references = "suppliers"
label = { da = "Leverandør", en = "Supplier" }
[[register.servers.field]]
name = "class"
type = "choice"
choices = ["own", "customer"]
default = "own"
label = { da = "Klasse", en = "Class" }
[[register.servers.field]]
name = "cores"
type = "integer"
min = 1
label = { da = "Kerner", en = "Cores" }
[[register.servers.field]]
name = "load"
type = "number"
label = { da = "Belastning", en = "Load" }
[[register.servers.field]]
name = "critical"
type = "boolean"
label = { da = "Kritisk", en = "Critical" }
[[register.servers.field]]
name = "max_down"
type = "duration"
label = { da = "Længste nedetid", en = "Longest down time" }
[[register.servers.field]]
name = "bought_on"
type = "date"
label = { da = "Købt", en = "Bought" }
[[register.servers.field]]
name = "tags"
type = "list"
label = { da = "Mærker", en = "Tags" }
[[register.servers.field]]
name = "note"
type = "long_text"
label = { da = "Note", en = "Note" }
)";

inline std::string words(const Error& error) {
    return render(error, Lang::en);
}

class ServiceFixture : public testing::TestWithParam<db::Engine> {
  protected:
    ServiceFixture()
        : database_(GetParam()),
          connection_(db::open(database_.location(), db::Access::read_write).value()),
          readers_(database_.location(), db::Access::read_only, 4) {
        EXPECT_TRUE(parse_declarations(test_declarations, "test.toml", catalogue_).empty());
        std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
        all.insert(all.end(), migrations().begin(), migrations().end());
        const auto migrated = db::migrate(*connection_, all, clock_.now());
        EXPECT_TRUE(migrated) << words(migrated.error());
        committer_ = log::Committer::start({database_.location()}, clock_).value();
        service_.emplace(catalogue_, readers_, *committer_);
    }
    std::int64_t number(const std::string& sql) { return connection_->one(sql).value()->integer(0); }
    std::string text(const std::string& sql) { return connection_->one(sql).value()->text(0); }

    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    test::FreshDatabase database_;
    std::unique_ptr<db::Connection> connection_;
    Catalogue catalogue_;
    db::Pool readers_;
    std::unique_ptr<log::Committer> committer_;
    std::optional<Service> service_;
};

}  // namespace tilsyn::registers
