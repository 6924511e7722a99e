// Countries by their ISO 3166-1 alpha-2 code, in capitals, and where the GDPR applies without a transfer.
#pragma once
#include <span>
#include <string_view>

namespace tilsyn::registers {

std::span<const std::string_view> countries();      // all 249
std::span<const std::string_view> eu_countries();   // the 27 member states
std::span<const std::string_view> eea_countries();  // the EU, Iceland, Liechtenstein and Norway

bool is_country(std::string_view code);
bool is_eu(std::string_view code);
bool is_eea(std::string_view code);

}  // namespace tilsyn::registers
