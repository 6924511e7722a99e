// Checking packs as a command does: reads the files, checks, and says what was done and what was found, for people or
// as JSON. Shared by `tilsyn verify` and the program tilsyn-verify.
#pragma once
#include <filesystem>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/i18n.hpp"

namespace tilsyn::log::pack {

struct CheckRequest {
    std::vector<std::filesystem::path> packs;  // one: is it true? two: are they of one history, too?
    std::vector<std::filesystem::path> kept;   // checkpoints that the reader has kept
    std::optional<std::filesystem::path> policy;
    std::optional<std::filesystem::path> tsa;  // certificates (PEM) of time-stamp authorities that the reader believes
    std::string key;                           // vkey; empty: the one in the pack
};

// 0: all is well. 1: something is not. An Error: it could not be told.
Result<int> check_files(const CheckRequest& request, Lang lang, bool json, std::ostream& out);

}  // namespace tilsyn::log::pack
