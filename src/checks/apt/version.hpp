// The order of Debian package versions, deb-version(7): [epoch:]upstream[-revision].
#pragma once
#include <compare>
#include <string_view>

namespace tilsyn::checks::apt {

// Never fails: what is no version at all still has its place in the order, so that a bad entry cannot stop a check.
std::strong_ordering compare_versions(std::string_view a, std::string_view b);

}  // namespace tilsyn::checks::apt
