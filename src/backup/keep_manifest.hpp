// A finished manifest goes from where it was made to where manifests are kept.
#pragma once
#include <filesystem>
#include <string>

#include "backup/manifest/file.hpp"
#include "backup/scratch.hpp"
#include "base/error.hpp"

namespace tilsyn::backup {

inline Result<void> keep_manifest(const std::filesystem::path& work, const std::filesystem::path& manifests,
                                  const std::string& digest) {
    const auto from = manifest_path(work, digest), to = manifest_path(manifests, digest);
    TRY_VOID(make_private_folder(to.parent_path()));
    std::error_code error;
    std::filesystem::rename(from, to, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", to.string()}}).detail(error.message());
    std::filesystem::remove(from.parent_path(), error);  // when it is empty
    return {};
}

}  // namespace tilsyn::backup
