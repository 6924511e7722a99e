#include <gtest/gtest.h>

#include <chrono>
#include <nlohmann/json.hpp>

#include "log/store/verify.hpp"
#include "registers/service_fixture.hpp"
#include "registers/transfer.hpp"

namespace tilsyn::registers {
namespace {

class Transfer : public ServiceFixture {
  protected:
    // "line what id: fault; fault" for every line.
    static std::string lines(const ImportReport& report) {
        std::string out;
        for (const auto& line : report.lines) {
            constexpr const char* what[] = {"add", "change", "same", "faulty"};
            out += std::to_string(line.line) + " " + what[int(line.what)] + " " + line.id;
            for (const auto& fault : line.faults) out += ": " + words(fault);
            out += "\n";
        }
        return out;
    }
    ImportReport import(std::string_view name, std::string_view content, Format format = Format::csv,
                        bool dry_run = false) {
        auto report = service_->import(name, content, format, "anna", dry_run);
        EXPECT_TRUE(report) << words(report.error());
        return report.value_or(ImportReport{});
    }
};

TEST_P(Transfer, AddsChangesAndLeavesAsTheFileSays) {
    ASSERT_TRUE(import("suppliers", "id,country\nacme,dk\nfoo,SE\n").applied);
    ASSERT_TRUE(import("servers", "id;host;supplier;load\nweb1;a.dk;acme;0,5\nweb2;b.dk;;\n;;;\n").applied);
    EXPECT_EQ(service_->get("servers", "web1")->fields,
              (Fields{{"host", "a.dk"}, {"supplier", "acme"}, {"load", "0.5"}, {"class", "own"}}));
    const std::string file = "ID , load,class\r\nweb2,2.5,\r\nweb1,0.5,own\r\n";
    const auto preview = import("servers", file, Format::csv, true);
    EXPECT_EQ(lines(preview), "2 change web2\n3 same web1\n");
    EXPECT_FALSE(preview.applied);
    EXPECT_EQ(service_->get("servers", "web2")->version, 1);
    const auto report = import("servers", file);
    EXPECT_TRUE(report.applied);
    EXPECT_EQ(lines(report), lines(preview));
    EXPECT_EQ(report.changed, 1);
    EXPECT_EQ(service_->get("servers", "web2")->fields, (Fields{{"host", "b.dk"}, {"load", "2.5"}}))
        << "an empty cell clears; a missing column does not";
    EXPECT_EQ(service_->history("servers", "web2")->front().action, "import");
    EXPECT_TRUE(import("servers", file).applied);
    EXPECT_EQ(service_->get("servers", "web2")->version, 2) << "the same again changes nothing";
    EXPECT_EQ(log::verify_all(*connection_)->size, 3 + 3 + 2);
}

TEST_P(Transfer, IsAllOrNothingAndNamesEveryBadLine) {
    ASSERT_TRUE(service_->add("servers", "old", {{"host", "old.dk"}}, "anna"));
    const std::string file =
        "id,host,supplier,cores\n"
        "ok,ok.dk,,1\n"
        "a,a.dk,nobody,x\n"
        "a2,a2.dk,nobody,1\n"
        "b,,,\n"
        "c,old.dk,,\n"
        "ok,ok2.dk,,1\n"
        ",d.dk,,\n"
        "e,e.dk\n"
        "f,\"f\n"
        ".dk\",,0\n"
        "g,g.dk,,\"1\"2\n";
    const std::string expected =
        "2 add ok\n"
        "3 faulty a: cores: “x” is not a whole number\n"
        "4 faulty a2: supplier: there is no “nobody” in the register “suppliers”\n"
        "5 faulty b: host: must be filled in\n"
        "6 faulty c: host: “old.dk” is taken by “old”, and no two rows may have the same\n"
        "7 faulty ok: “ok” stands on line 2 already\n"
        "8 faulty : the row has no id\n"
        "9 faulty : 2 cells, but the header has 4\n"
        "10 faulty f: cores: 0 is less than 1: host: “f\n.dk” is neither a host name nor an IP address\n"
        "12 faulty : after the closing quotation mark comes “2” (expected the separator or the end of the line)\n";
    for (bool dry_run : {true, false}) {
        const auto report = import("servers", file, Format::csv, dry_run);
        EXPECT_EQ(lines(report), expected);
        EXPECT_EQ(report.faulty, 9);
        EXPECT_FALSE(report.applied);
    }
    EXPECT_EQ(service_->list("servers")->total, 1);
    EXPECT_EQ(number("SELECT count(*) FROM log_entry"), 1);
}

TEST_P(Transfer, NamesTheFaultsOfTheHeader) {
    EXPECT_EQ(lines(import("servers", "host,hozt,host\na.dk,b.dk,c.dk\n")),
              "1 faulty : hozt: the register “servers” has no such field\n  did you mean “host”?: host: the column "
              "stands twice: there is no column “id”\n");
    EXPECT_EQ(lines(import("servers", "id,hozt,host\na,x,a.dk\nb,x,-\n")),
              "1 faulty : hozt: the register “servers” has no such field\n  did you mean “host”?\n"
              "2 add a\n3 faulty b: host: “-” is neither a host name nor an IP address\n");
    EXPECT_EQ(lines(import("servers", "id,\"host\n")),
              "1 faulty : the quotation mark opened on line 1 is never closed\n");
    EXPECT_EQ(service_->import("servers", "", Format::csv, "anna", true).error().message.key, "registers.csv.empty");
    EXPECT_EQ(service_->import("servers", "id\nM\xF8ller", Format::csv, "anna", false).error().message.key,
              "registers.csv.not-utf8");
}

TEST_P(Transfer, RowsOfOneFileMayReferToEachOther) {
    EXPECT_TRUE(import("people", "id,name,managers\na,A,b\nb,B,a|b\n").applied);
    EXPECT_EQ(lines(import("people", "id,name,managers\nc,C,d\n")),
              "2 faulty c: managers: there is no “d” in the register “people”\n");
}

TEST_P(Transfer, AUniqueValueMayMoveFromOneRowToAnother) {
    ASSERT_TRUE(import("servers", "id,host\na,a.dk\nb,b.dk\n").applied);
    EXPECT_TRUE(import("servers", "id,host\na,b.dk\nb,a.dk\n").applied);
    EXPECT_EQ(service_->get("servers", "a")->fields.at("host"), "b.dk");
}

TEST_P(Transfer, WhatIsExportedIsWhatIsImported) {
    ASSERT_TRUE(import("suppliers", "id,country\nacme,DK\n").applied);
    ASSERT_TRUE(service_->add("servers", "full",
                              {{"host", "full.dk"},
                               {"supplier", "acme"},
                               {"class", ""},
                               {"cores", "3"},
                               {"load", "-1.25"},
                               {"critical", "ja"},
                               {"max_down", "90 min"},
                               {"bought_on", "01-02-2025"},
                               {"tags", "a|=b|c"},
                               {"note", "=SUM(A1)\n\"x\"; y, z"}},
                              "anna"));
    ASSERT_TRUE(service_->add("servers", "thin", {{"host", "thin.dk"}}, "anna"));
    const auto before = service_->list("servers")->rows;
    const std::vector<std::string> files{service_->export_rows("servers", Format::csv).value(),
                                         service_->export_rows("servers", Format::csv, true).value(),
                                         service_->export_rows("servers", Format::json).value()};
    EXPECT_EQ(files[1].find("\xEF\xBB\xBFid;host;supplier;class;cores;load;critical;max_down;bought_on;tags;note\r\n"),
              0u);
    EXPECT_NE(files[0].find("\"'=SUM(A1)\n"), std::string::npos);
    for (std::size_t i = 0; i < files.size(); ++i) {
        const auto format = i == 2 ? Format::json : Format::csv;
        EXPECT_EQ(import("servers", files[i], format, true).same, 2) << files[i];
        ASSERT_TRUE(service_->remove("servers", "full", "anna"));
        ASSERT_TRUE(service_->remove("servers", "thin", "anna"));
        ASSERT_TRUE(import("servers", files[i], format).applied);
        const auto after = service_->list("servers")->rows;
        ASSERT_EQ(after.size(), 2u);
        for (std::size_t r = 0; r < 2; ++r) EXPECT_EQ(after[r].fields, before[r].fields);
        EXPECT_EQ(service_->export_rows("servers", format, i == 1).value(), files[i]);
    }
}

TEST_P(Transfer, JsonHasTypesAndFaults) {
    EXPECT_TRUE(
        import(
            "servers",
            R"([{"id":"a","host":"a.dk","cores":4,"load":0.5,"critical":true,"tags":["x","y"],"class":null,"note":"n"}])",
            Format::json)
            .applied);
    EXPECT_EQ(
        service_->get("servers", "a")->fields,
        (Fields{
            {"host", "a.dk"}, {"cores", "4"}, {"load", "0.5"}, {"critical", "true"}, {"tags", "x|y"}, {"note", "n"}}));
    const auto exported = nlohmann::json::parse(service_->export_rows("servers", Format::json).value());
    EXPECT_EQ(exported,
              nlohmann::json::parse(
                  R"([{"id":"a","host":"a.dk","supplier":null,"class":null,"cores":4,"load":0.5,"critical":true,
        "max_down":null,"bought_on":null,"tags":["x","y"],"note":"n"}])"));
    EXPECT_EQ(
        lines(import("servers",
                     R"([5, {"host":"b.dk"}, {"id":"c","host":{"x":1}}, {"id":"d","host":"d.dk","tags":["a|b"]}])",
                     Format::json)),
        "1 faulty : expected an object: { \"id\": … }\n"
        "2 faulty : the row has no id\n"
        "3 faulty c: host: expected a text, a number, true, false, null or a list of texts without “|”\n"
        "4 faulty d: tags: expected a text, a number, true, false, null or a list of texts without “|”\n");
    EXPECT_EQ(service_->import("servers", "{}", Format::json, "anna", true).error().message.key,
              "registers.json.no-array");
    EXPECT_EQ(service_->import("servers", "[", Format::json, "anna", true).error().message.key, "registers.json.bad");
}

TEST_P(Transfer, TenThousandRowsInAFewSeconds) {
    std::string file = "id,host,class,cores,bought_on,tags\n";
    for (int i = 0; i < 10'000; ++i) {
        const auto n = std::to_string(i);
        file += "s" + n + ",s" + n + ".example.com,customer,4,2025-01-01,a|b\n";
    }
    const auto start = std::chrono::steady_clock::now();
    const auto report = import("servers", file);
    const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
    EXPECT_TRUE(report.applied);
    EXPECT_EQ(report.added, 10'000);
    EXPECT_EQ(service_->list("servers")->total, 10'000);
    RecordProperty("seconds", std::to_string(taken.count()));
    std::cout << "10,000 rows imported in " << taken.count() << " s\n";
    // One entry for each of the first thousand, and one that sums up.
    EXPECT_EQ(log::verify_all(*connection_)->size, 1001);
    const auto summary = text("SELECT body FROM log_entry WHERE idx = 1000");
    EXPECT_NE(summary.find(R"("action":"import","added":10000,"changed":0,"without_entry":9000,"file_sha256":")" +
                           file_digest(file)),
              summary.npos)
        << summary;
    EXPECT_EQ(service_->history("servers", "s9999")->front().log_index, 1000);
    EXPECT_EQ(import("servers", service_->export_rows("servers", Format::csv).value(), Format::csv, true).same, 10'000);
}

INSTANTIATE_ENGINES(Transfer);

}  // namespace
}  // namespace tilsyn::registers
