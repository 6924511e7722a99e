// CSV from anybody: never a crash, and what was read without a fault is read the same after it was written again.
#include <cstdint>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "registers/csv.hpp"

namespace {

using Table = std::vector<std::vector<std::string>>;

bool read(std::string_view content, Table& out) {
    auto reader = tilsyn::registers::CsvReader::open(content);
    if (!reader) return false;
    while (auto record = reader->next()) {
        if (record->fault) return false;
        // A line with more cells than the header is refused by the import, and the writer never has one.
        if (!out.empty() && record->cells.size() != out.front().size()) return false;
        out.push_back(std::move(record->cells));
    }
    return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::registers;
    Table table;
    if (!read({reinterpret_cast<const char*>(data), size}, table)) return 0;
    for (auto style : {CsvStyle::plain, CsvStyle::excel}) {
        CsvWriter writer(style);
        for (const auto& row : table) writer.row(row);
        Table again;
        if (!read(writer.take(), again) || again != table) std::abort();
    }
    return 0;
}
