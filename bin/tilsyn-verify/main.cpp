// tilsyn-verify: checks evidence packs on any machine. No network, no database, no configuration; see
// docs/control-log.md.
//
//   tilsyn-verify [--kept FILE]... [--policy FILE] [--key VKEY] [--lang da|en] [--json] PACK [PACK]
#include <iostream>
#include <string_view>

#include "log/pack/tell.hpp"

int main(int argc, char** argv) {
    using namespace tilsyn;
    constexpr int cannot_tell = 2;
    constexpr std::string_view usage =
        "usage: tilsyn-verify [--kept FILE]... [--policy FILE] [--key VKEY] [--lang da|en] [--json] PACK [PACK]\n"
        "exit status: 0 all is well, 1 something is not, 2 it could not be told\n";
    log::pack::CheckRequest request;
    auto lang = lang_from_environment();
    bool json = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        const auto value = [&]() -> const char* { return i + 1 < argc ? argv[++i] : nullptr; };
        const char* given = nullptr;
        if (argument == "--help" || argument == "-h") {
            std::cout << usage;
            return 0;
        }
        if (argument == "--json") {
            json = true;
        } else if (argument == "--kept" && (given = value()) != nullptr) {
            request.kept.emplace_back(given);
        } else if (argument == "--policy" && (given = value()) != nullptr) {
            request.policy = given;
        } else if (argument == "--key" && (given = value()) != nullptr) {
            request.key = given;
        } else if (argument == "--lang" && (given = value()) != nullptr && parse_lang(given)) {
            lang = *parse_lang(given);
        } else if (!argument.starts_with('-')) {
            request.packs.emplace_back(argv[i]);
        } else {
            std::cerr << usage;
            return cannot_tell;
        }
    }
    if (request.packs.empty() || request.packs.size() > 2) {
        std::cerr << usage;
        return cannot_tell;
    }
    const auto code = log::pack::check_files(request, lang, json, std::cout);
    if (code) return *code;
    std::cerr << "tilsyn-verify: " << render(code.error(), lang) << "\n";
    return cannot_tell;
}
