// For tests: a data folder with a ledger, a source of 41 files, an empty repository of borg, and a plan between them.
#pragma once
#include <gmock/gmock.h>

#include <fstream>

#include "backup/job.hpp"
#include "backup/manifest/made_tree.hpp"
#include "support/command.hpp"
#include "support/databases.hpp"

namespace tilsyn::backup {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::IsEmpty;

inline std::string words(const std::string& details) {
    std::string out;
    for (const auto& reason : reasons(details, Lang::en)) out += reason + "\n";
    return out;
}

class Job : public testing::Test {
  protected:
    test::TemporaryFolder folder_;
    std::filesystem::path data_ = folder_.path() / "data", source_ = folder_.path() / "source",
                          place_ = folder_.path() / "repository";
    ManualClock clock_{parse_utc("2026-11-23T04:05:06Z").value()};
    test::FreshDatabase database_{db::Engine::sqlite};
    db::Pool readers_{database_.location(), db::Access::read_only, 4};
    std::unique_ptr<log::Committer> committer_;
    House house_;
    Plan plan_;

    void SetUp() override {
        auto connection = db::open(database_.location(), db::Access::read_write).value();
        std::vector<db::Migration> all(log::migrations().begin(), log::migrations().end());
        all.insert(all.end(), migrations().begin(), migrations().end());
        ASSERT_TRUE(db::migrate(*connection, all, clock_.now()));
        committer_ = log::Committer::start({database_.location()}, clock_).value();
        house_ = {.data = data_,
                  .machine = "here:/data",
                  .database = database_.location(),
                  .committer = committer_.get(),
                  .readers = &readers_,
                  .clock = &clock_};
        for (int i = 0; i < 40; ++i)
            put(source_ / "years" / std::to_string(i % 4) / ("voucher-" + std::to_string(i)),
                "voucher " + std::to_string(i));
        put(source_ / "ledger.txt", "debit and credit\n");
        plan_ = {.id = "nightly",
                 .data_set = "books",
                 .source = Source::files,
                 .paths = {source_.string()},
                 .repository = "shelf",
                 .engine = "borg",
                 .location = place_.string(),
                 .in_use = true,
                 .run_by = RunBy::tilsyn};
        password("correct");
        create();
    }
    void password(const std::string& text) {
        put(data_ / "secrets/shelf.toml", "password = \"" + text + "\"\n");
        std::filesystem::permissions(data_ / "secrets/shelf.toml", std::filesystem::perms(0600));
    }
    void create() {
        const auto engine = open_engine(*access_to(data_, "shelf", "borg", plan_.location));
        const auto made = (*engine)->create({Deadline::in(60s)});
        ASSERT_TRUE(made) << render(made.error(), Lang::en);
    }
    Set back_up() {
        clock_.advance(1h);
        auto room = JobRoom::enter(house_);
        EXPECT_TRUE(room) << render(room.error(), Lang::en);
        auto set = backup::back_up(*room, house_, plan_);
        EXPECT_TRUE(set) << render(set.error(), Lang::en);
        return set.value_or(Set{});
    }
    Drill drill(Extent extent = Extent::full, const std::string& set = "") {
        auto room = JobRoom::enter(house_);
        auto drill = backup::drill(*room, house_, plan_, {set, extent});
        EXPECT_TRUE(drill) << render(drill.error(), Lang::en);
        EXPECT_TRUE(std::filesystem::is_empty(data_ / "backup/scratch"));
        return drill.value_or(Drill{});
    }
    // Does something between the first reading of the source and the engine's.
    void meanwhile(std::function<void()> change) {
        // Once, however often the function is copied.
        house_.stopping = [this, change = std::move(change), happened = std::make_shared<bool>(false)] {
            auto& done = *happened;
            if (!done)
                for (const auto& item : std::filesystem::directory_iterator(data_ / "backup/work"))
                    if (!done && item.is_directory() && !std::filesystem::is_empty(item)) {
                        done = true;
                        change();
                    }
            return false;
        };
    }
    void expect_made(const Set& set) { EXPECT_EQ(set.state, SetState::made) << set.details; }
    void expect_partial(const Set& set, const std::string& said) {
        EXPECT_EQ(set.state, SetState::partial) << set.details;
        EXPECT_THAT(words(set.details), HasSubstr(said));
    }
    void expect_failed(const Set& set, const std::string& said) {
        EXPECT_EQ(set.state, SetState::failed) << set.details;
        EXPECT_THAT(words(set.details), HasSubstr(said));
        EXPECT_THAT(set.engine_set, IsEmpty());
    }
    void expect_drill(const Drill& drill, const std::string& outcome, const std::string& said) {
        EXPECT_EQ(drill.outcome, outcome) << drill.details;
        EXPECT_THAT(words(drill.details), HasSubstr(said));
    }
};

}  // namespace tilsyn::backup
