#include "base/toml.hpp"  // before <algorithm>: toml++ keeps the warnings of libstdc++ 12 about itself quiet

#include "base/secrets.hpp"

#include <sys/stat.h>

#include <algorithm>

#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn {

Result<std::map<std::string, std::string>> read_secret_file(const std::filesystem::path& path,
                                                            std::span<const std::string_view> known) {
    struct stat info{};
    if (::stat(path.c_str(), &info) != 0)
        return fail(Code::not_found, "base.no-secrets", {{"id", path.stem().string()}, {"path", path.string()}})
            .hint("base.no-secrets-hint");
    if ((info.st_mode & 077) != 0)
        return fail(Code::forbidden, "base.secrets-open", {{"path", path.string()}})
            .hint("base.secrets-open-hint", {{"path", path.string()}});
    TRY(const auto content, read_file(path, 1 << 16));
    const auto parsed = parse_toml(content, path.string());
    if (!parsed) {
        return fail(Code::invalid, "base.bad-secrets", {{"path", path.string()}})
            .at(position_in(path, parsed.error().source()));  // not the library's words: they may quote it
    }
    std::map<std::string, std::string> out;
    for (const auto& [key, node] : parsed.table()) {
        const auto where = position_in(path, node.source());
        if (!node.is_string()) return fail(Code::invalid, "base.bad-secrets", {{"path", path.string()}}).at(where);
        if (std::ranges::find(known, key.str()) == known.end()) {
            std::string names;
            for (const auto name : known) (names += names.empty() ? "" : ", ") += name;
            return fail(Code::invalid, "base.unknown-secret", {{"key", std::string(key.str())}, {"known", names}})
                .at(where);
        }
        out.emplace(key.str(), node.value_or(std::string()));
    }
    return out;
}

}  // namespace tilsyn
