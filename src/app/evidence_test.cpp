// Packs from a whole installation, checked from the file alone.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "app/init.hpp"
#include "base/file.hpp"
#include "log/pack/verify.hpp"
#include "log/pack/zip.hpp"
#include "publish/evidence.hpp"
#include "support/command.hpp"
#include "support/databases.hpp"
#include "support/temporary.hpp"
#include "support/tsa.hpp"

namespace tilsyn::app {
namespace {

using namespace std::chrono_literals;
using publish::Audience;
using testing::HasSubstr;
using testing::Not;

class Evidence : public testing::TestWithParam<db::Engine> {
  protected:
    Evidence() : database_(GetParam()) {
        Options options{folder_.path() / "data", GetParam() == db::Engine::postgres ? database_.location().target : ""};
        EXPECT_TRUE(init(options, clock_));
        app_ = App::open({options.data, {}}, clock_).value();
        EXPECT_TRUE(app_->registers()->add("people", "anna",
                                           {{"name", "Anna Jensen"}, {"roles", "it"}, {"status", "active"}}, "init"));
        for (const auto* name : {"services", "servers"})  // nothing outside this machine is asked
            for (const auto& row : app_->registers()->list(name).value().rows)
                EXPECT_TRUE(app_->registers()->set(name, row.id, {{"status", "retired"}}, "anna"));
        auto& engine = app_->engine();
        EXPECT_TRUE(engine.join());
        EXPECT_TRUE(engine.run_due(Deadline::in(120s)));
        engine.stop(5s);
    }
    Result<publish::EvidenceMade> make(const std::string& name, Audience audience,
                                       std::vector<std::string> controls = {}) {
        const auto reader = app_->readers().get().value();
        const auto signer = app_->signer().value();
        return publish::make_evidence({&*reader, &app_->committer(), signer.get(), &app_->tree(), &clock_,
                                       folder_.path() / "witnesses", authorities_},
                                      {from_, to_, std::move(controls), audience, folder_.path() / name});
    }
    // What it says; the schemas are the same in every pack.
    std::string everything(const std::string& name) {
        auto zip = log::pack::ZipReader::open(folder_.path() / name).value();
        std::string all;
        for (const auto& member : zip.members())
            if (!member.name.starts_with("schema/")) all += member.name + "\n" + zip.read(member).value();
        return all;
    }
    log::pack::Verdict verified(const std::string& name) {
        auto verdict = log::pack::verify(folder_.path() / name, {}).value();
        EXPECT_EQ(verdict.failed, 0) << render(verdict.failures.front().why, Lang::en);
        return verdict;
    }

    ManualClock clock_{parse_utc("2026-11-23T08:00:00Z").value()};
    Timestamp from_ = parse_utc("2026-11-22T00:00:00Z").value(), to_ = parse_utc("2026-11-24T00:00:00Z").value();
    test::TemporaryFolder folder_;
    test::FreshDatabase database_;
    std::unique_ptr<App> app_;
    std::vector<publish::StampAuthority> authorities_;
};

TEST_P(Evidence, AnAuditorGetsTheWholeLogAndTheSameBytesAgain) {
    const auto early = make("early.zip", Audience::auditor);
    ASSERT_TRUE(early) << render(early.error(), Lang::en);
    EXPECT_FALSE(early->repeatable) << "the period is not over";
    clock_.advance(24h);
    ASSERT_TRUE(
        app_->registers()->add("people", "bo", {{"name", "Bo Holm"}, {"roles", "it"}, {"status", "active"}}, "init"));
    const auto made = make("a.zip", Audience::auditor);
    ASSERT_TRUE(made) << render(made.error(), Lang::en);
    EXPECT_TRUE(made->whole);
    EXPECT_GT(made->runs, 40);
    const auto verdict = verified("a.zip");
    EXPECT_TRUE(verdict.whole);
    EXPECT_EQ(verdict.entries, made->size);
    EXPECT_EQ(verdict.rows, made->entries);
    EXPECT_GT(verdict.disclosed, 40);

    clock_.advance(240h);
    ASSERT_TRUE(app_->registers()->set("people", "bo", {{"name", "Bo Lund"}}, "init"));
    ASSERT_TRUE(make("b.zip", Audience::auditor)->repeatable);
    EXPECT_EQ(read_file(folder_.path() / "a.zip").value(), read_file(folder_.path() / "b.zip").value());
    EXPECT_TRUE(log::pack::compare(folder_.path() / "a.zip", folder_.path() / "early.zip", {}));
    const auto all = everything("a.zip");
    EXPECT_THAT(all, HasSubstr("Anna Jensen"));
    EXPECT_THAT(all, HasSubstr("/procedures/"));
    EXPECT_THAT(all, Not(HasSubstr("Bo Holm"))) << "registers are as they were at the end of the period";
}

TEST_P(Evidence, ACustomerSeesNoProcedureNoRegisterAndNobody) {
    const auto made = make("c.zip", Audience::customer);
    ASSERT_TRUE(made) << render(made.error(), Lang::en);
    EXPECT_FALSE(made->whole);
    const auto verdict = verified("c.zip");
    EXPECT_EQ(verdict.entries, made->entries);
    EXPECT_EQ(verdict.disclosed, 0);
    const auto all = everything("c.zip");
    for (const char* secret : {"Anna Jensen", "\"anna\"", "/procedures/", "registers/", "disclosed", "register.change"})
        EXPECT_EQ(all.find(secret), all.npos) << secret;
    const auto control = app_->plan()->policy.controls.front().id;
    const auto one = make("d.zip", Audience::customer, {control});
    ASSERT_TRUE(one) << render(one.error(), Lang::en);
    EXPECT_LT(one->entries, made->entries);
    const auto other = app_->plan()->policy.controls.back().id;
    EXPECT_EQ(everything("d.zip").find(other), std::string::npos) << "nothing of controls that it does not ask about";
    verified("d.zip");
}

// A day as the service runs it: signed, cosigned and stamped as it goes.
TEST_P(Evidence, TellsBetweenWhichMomentsEachEntryWasLogged) {
    const test::Tsa tsa;
    const auto witness = crypto::SigningKey::generate();
    const auto verifier = log::verifier_key("w.example", log::KeyType::cosignature, witness.public_key());
    ASSERT_TRUE(write_file(folder_.path() / "witnesses", "witness w " + log::to_string(verifier) + "\nquorum w\n"));
    authorities_ = {{"acme", tsa.ca()}};
    const auto step = [&](bool stamped) {
        ASSERT_TRUE(app_->committer().write([](log::WriteContext& context) -> Result<void> {
            context.append(log::Entry("heartbeat").text("src", "test"));
            return {};
        }));
        const auto signed_now = app_->sign(*app_->readers().get().value()).value();
        const auto text = log::parse_note(signed_now.note)->text;
        const auto line = log::to_line(log::cosign_note(text, "w.example", witness, clock_.now()));
        ASSERT_TRUE(log::keep_cosignature(app_->committer(), signed_now.size, verifier, line, clock_.now()));
        if (!stamped) return;
        auto time = format_utc_seconds(clock_.now());
        std::erase_if(time, [](char c) { return c == '-' || c == ':' || c == 'T'; });
        ASSERT_TRUE(log::keep_stamp(app_->committer(),
                                    {signed_now.size, "acme", tsa.forge({.data = text, .time = time}), clock_.now()}));
    };
    step(false);
    for (int i = 0; i < 12; ++i) {
        clock_.advance(10min);
        step(i == 5);
    }
    clock_.advance(48h);
    EXPECT_FALSE(make("a.zip", Audience::auditor)->repeatable) << "the last hour is not stamped yet";
    step(true);
    const auto made = make("a.zip", Audience::auditor);
    ASSERT_TRUE(made) << render(made.error(), Lang::en);
    EXPECT_TRUE(made->repeatable);
    EXPECT_TRUE(made->witnessed);
    clock_.advance(72h);
    step(true);
    make("b.zip", Audience::auditor).value();
    EXPECT_EQ(read_file(folder_.path() / "a.zip").value(), read_file(folder_.path() / "b.zip").value());
    const auto verdict = verified("a.zip");
    EXPECT_EQ(verdict.outside, 0);
    EXPECT_GE(verdict.inside, 10);
    EXPECT_EQ(verdict.inside + verdict.unbounded, verdict.entries);
    EXPECT_EQ(verdict.stamped_by, std::vector<std::string>{"acme"});
    EXPECT_TRUE(verdict.witnessed);
    EXPECT_LT(verdict.checkpoints, 9) << "no more than two an hour, and the stamped ones";
    ASSERT_TRUE(make("c.zip", Audience::customer));
    EXPECT_EQ(verified("c.zip").stamped_by, std::vector<std::string>{"acme"});
}

TEST_P(Evidence, ProgramsCanReadItBySchema) {
    for (const auto audience : {Audience::auditor, Audience::customer}) {
        ASSERT_TRUE(make("m.zip", audience));
        const auto ran = test::run_command("/usr/bin/python3 tests/data/check_pack.py " +
                                           (folder_.path() / "m.zip").string() + " 2>&1");
        EXPECT_EQ(ran.status, 0);
        EXPECT_THAT(ran.output, HasSubstr("good: 126 promises, ")) << ran.output;
    }
}

TEST_P(Evidence, PeopleCanReadItOnPaper) {
    ASSERT_TRUE(make("p.zip", Audience::auditor));
    auto zip = log::pack::ZipReader::open(folder_.path() / "p.zip").value();
    const auto file = (folder_.path() / "report.pdf").string();
    ASSERT_TRUE(write_file(file, zip.read(*zip.find("report.da.pdf")).value()));
    const auto ran = test::run_command("pdftotext -layout " + file + " - 2>&1");
    ASSERT_EQ(ran.status, 0) << ran.output;
    // The same words as on the page, on every page's foot its number.
    const auto page = zip.read(*zip.find("report.da.html")).value();
    for (const char* text : {"Kontrolbevis", "Formål og ansvar", "control-log-intact", "Ikke bevidnet"}) {
        EXPECT_THAT(ran.output, HasSubstr(text));
        EXPECT_THAT(page, HasSubstr(text));
    }
    EXPECT_THAT(ran.output, HasSubstr("side 1 af "));
    EXPECT_THAT(ran.output, Not(HasSubstr("?"))) << "a letter that is not in the font";
}

TEST_P(Evidence, WhatCannotBeMadeLeavesNothing) {
    EXPECT_EQ(make("e.zip", Audience::auditor, {"no-such-control"}).error().message.key, "publish.no-control");
    std::swap(from_, to_);
    EXPECT_EQ(make("e.zip", Audience::auditor).error().message.key, "publish.no-period");
    for (const auto& entry : std::filesystem::directory_iterator(folder_.path()))
        EXPECT_EQ(entry.path().filename(), "data") << entry.path();
}

INSTANTIATE_ENGINES(Evidence);

}  // namespace
}  // namespace tilsyn::app
