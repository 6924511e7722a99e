#include "registers/csv.hpp"

#include <gtest/gtest.h>

#include "base/i18n.hpp"

namespace tilsyn::registers {
namespace {

using Table = std::vector<std::vector<std::string>>;

// Good records as their cells; a faulty one as { "!", line, key }.
Table read(std::string_view content) {
    auto reader = CsvReader::open(content);
    if (!reader) return {{"!", reader.error().message.key}};
    Table out;
    while (auto record = reader->next()) {
        if (record->fault)
            out.push_back({"!", std::to_string(record->line), record->fault->message.key});
        else
            out.push_back(record->cells);
    }
    return out;
}

TEST(Csv, ReadsWhatSpreadsheetsWrite) {
    const Table plain{{"id", "name"}, {"a", "Å, \"b\"\r\nc"}, {"b", ""}};
    EXPECT_EQ(read("id,name\r\na,\"Å, \"\"b\"\"\r\nc\"\r\nb,\r\n"), plain);
    EXPECT_EQ(read("\xEF\xBB\xBFid;name\na;\"Å, \"\"b\"\"\r\nc\"\nb;"), plain);
    EXPECT_EQ(read("sep=;\r\nid;name\r\na;\"Å, \"\"b\"\"\r\nc\"\r\n\r\nb;\r\n\r\n"), plain);
    EXPECT_EQ(read("SEP=,\nid,name\na,\"Å, \"\"b\"\"\r\nc\"\nb,"), plain);
    EXPECT_EQ(read("id\tname\na\t\"Å, \"\"b\"\"\r\nc\"\nb\t\n"), plain);
    EXPECT_EQ(read(""), Table{});
    EXPECT_EQ(read("\n\r\n"), Table{});
    EXPECT_EQ(read("id\n\"\"\n"), (Table{{"id"}, {""}}));
    EXPECT_EQ(read("\"a,b,c\";d\n"), (Table{{"a,b,c", "d"}}));
}

TEST(Csv, NamesTheLineOfEveryFault) {
    EXPECT_EQ(read("a,b\n1,2\"x\n3,\"4\"5\n\"5\n6\",7\n8,\r9\n10,11\n"),
              (Table{{"a", "b"},
                     {"!", "2", "registers.csv.quote-inside"},
                     {"!", "3", "registers.csv.after-quote"},
                     {"5\n6", "7"},
                     {"!", "6", "registers.csv.lone-return"},
                     {"10", "11"}}));
    EXPECT_EQ(read("a,b\n1,\"2\n3,4\n"), (Table{{"a", "b"}, {"!", "2", "registers.csv.unclosed"}}));
}

TEST(Csv, RefusesOtherFilesAndSaysWhatToDo) {
    EXPECT_EQ(read(std::string_view("\xFF\xFEi\0d\0", 6)), (Table{{"!", "registers.csv.utf16"}}));
    EXPECT_EQ(read(std::string_view("i\0d\0", 4)), (Table{{"!", "registers.csv.utf16"}}));
    EXPECT_EQ(read(std::string_view("id,name\na,\0\n", 12)), (Table{{"!", "registers.csv.utf16"}}));
    const auto latin = CsvReader::open("id,name\na,M\xF8ller\n");
    ASSERT_FALSE(latin);
    EXPECT_EQ(render(latin.error(), Lang::en).find("line 2"), 0u) << render(latin.error(), Lang::en);
    ASSERT_TRUE(latin.error().hint);
    EXPECT_EQ(latin.error().hint->key, "registers.csv.save-as-utf8");
}

TEST(Csv, HasBounds) {
    EXPECT_EQ(read(std::string(max_csv_bytes + 1, 'a')), (Table{{"!", "registers.csv.file-too-large"}}));
    EXPECT_EQ(read("a\n" + std::string(max_csv_cell_bytes + 1, 'b') + "\nc\n"),
              (Table{{"a"}, {"!", "2", "registers.csv.cell-too-large"}, {"c"}}));
    EXPECT_EQ(read("a\n\"" + std::string(max_csv_cell_bytes + 1, 'b') + "\"\nc\n"),
              (Table{{"a"}, {"!", "2", "registers.csv.cell-too-large"}, {"c"}}));
    EXPECT_EQ(read(std::string(max_csv_columns, ',') + "\n"), (Table{{"!", "1", "registers.csv.too-many-columns"}}));
}

TEST(Csv, WhatIsWrittenIsWhatIsRead) {
    const Table table{{"sep=;", "b"},    {"=1+1", "-5"},      {"'=x", "''@y"}, {"+45 12 34 56 78", "\tx"},
                      {"\ry", "a\r\nb"}, {" blank ", "q\"q"}, {"", ""},        {"a;b,c\td", "'plain"}};
    for (auto style : {CsvStyle::plain, CsvStyle::excel}) {
        CsvWriter writer(style);
        for (const auto& row : table) writer.row(row);
        EXPECT_EQ(read(writer.take()), table);
    }
    CsvWriter single(CsvStyle::plain);
    single.row(std::vector<std::string>{"\xEF\xBB\xBFx"});
    single.row(std::vector<std::string>{""});
    EXPECT_EQ(read(single.take()), (Table{{"\xEF\xBB\xBFx"}, {""}}));
}

TEST(Csv, ExcelGetsItsOwnForm) {
    CsvWriter writer(CsvStyle::excel);
    writer.row(std::vector<std::string>{"id", "n"});
    writer.row(std::vector<std::string>{"a", "=cmd|'/c calc'!A0"});
    EXPECT_EQ(writer.take(), "\xEF\xBB\xBFid;n\r\na;'=cmd|'/c calc'!A0\r\n");
}

}  // namespace
}  // namespace tilsyn::registers
