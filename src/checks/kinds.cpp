// The one table of check kinds. A line here, kinds/NAME.cpp, kinds/NAME_test.cpp and docs/checks/NAME.md: no
// more, and a test (table_test.cpp) says which is missing.
#include <algorithm>
#include <array>

#include "checks/kind.hpp"

namespace tilsyn::checks {

const Kind& backup_kind();
const Kind& backup_covers_kind();
const Kind& backup_repository_kind();
const Kind& control_log_kind();
const Kind& http_kind();
const Kind& log_witnessed_kind();
const Kind& query_kind();
const Kind& restore_drill_kind();
const Kind& sign_off_kind();
const Kind& tcp_kind();
const Kind& updates_kind();

std::span<const Kind> kinds() {
    static const std::array table{
        backup_kind(),             //
        backup_covers_kind(),      //
        backup_repository_kind(),  //
        control_log_kind(),        //
        http_kind(),               //
        log_witnessed_kind(),      //
        query_kind(),              //
        restore_drill_kind(),      //
        sign_off_kind(),           //
        tcp_kind(),                //
        updates_kind(),            //
    };
    return table;
}

const Kind* find_kind(std::string_view name) {
    const auto found = std::ranges::find_if(kinds(), [&](const Kind& kind) { return kind.spec->name == name; });
    return found == kinds().end() ? nullptr : &*found;
}

std::span<const policy::KindSpec* const> kind_specs() {
    static const auto specs = [] {
        std::vector<const policy::KindSpec*> list;
        for (const auto& kind : kinds()) list.push_back(kind.spec);
        return list;
    }();
    return specs;
}

}  // namespace tilsyn::checks
