// tilsyn-verify: checks evidence packs on any machine. No network, no database, no configuration; see
// docs/control-log.md.
//
//   tilsyn-verify [--kept FILE]... [--policy FILE] [--tsa FILE] [--key VKEY] [--lang da|en] [--json] PACK [PACK]
#include <iostream>
#include <string_view>

#include "log/pack/tell.hpp"

int main(int argc, char** argv) {
    using namespace tilsyn;
    constexpr int cannot_tell = 2;
    constexpr std::string_view usage =
        "usage: tilsyn-verify [--kept FILE]... [--policy FILE] [--tsa FILE] [--key VKEY] [--lang da|en] [--json]\n"
        "                     PACK [PACK]\n"
        "exit status: 0 all is well, 1 something is not, 2 it could not be told\n";
    log::pack::CheckRequest request;
    auto lang = lang_from_environment();
    bool json = false;
    // An option with a value. False: there is no such option, or not with this value.
    const auto takes = [&](std::string_view option, const char* given) {
        if (option == "--kept") request.kept.emplace_back(given);
        if (option == "--policy") request.policy = given;
        if (option == "--tsa") request.tsa = given;
        if (option == "--key") request.key = given;
        const auto chosen = option == "--lang" ? parse_lang(given) : std::nullopt;
        if (chosen) lang = *chosen;
        return option == "--kept" || option == "--policy" || option == "--tsa" || option == "--key" || chosen;
    };
    for (int i = 1; i < argc; ++i) {
        const std::string_view argument = argv[i];
        if (argument == "--help" || argument == "-h") {
            std::cout << usage;
            return 0;
        }
        if (argument == "--json") {
            json = true;
        } else if (argument.starts_with("--") && i + 1 < argc && takes(argument, argv[i + 1])) {
            ++i;
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
