// What the jobs share: their room, their folders, and reading back what they recorded.
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <nlohmann/json.hpp>

#include "backup/details.hpp"
#include "backup/job.hpp"
#include "backup/scratch.hpp"
#include "base/text.hpp"

namespace tilsyn::backup {

using nlohmann::json;

Result<JobRoom> JobRoom::enter(const House& house) {
    const auto folder = house.data / "backup";
    for (const auto& path : {folder, folder / "staging", folder / "scratch", folder / "work", folder / "manifests"})
        TRY_VOID(make_private_folder(path));
    auto lock = FileLock::take(folder / "lock", Deadline::in(std::chrono::milliseconds(100)));
    if (!lock) {
        if (lock.error().code == Code::timeout) return fail(Code::busy, "backup.job-running");
        return std::unexpected(std::move(lock).error());
    }
    for (const auto* left : {"staging", "scratch"})
        for (const auto& item : std::filesystem::directory_iterator(folder / left)) TRY_VOID(wipe(item.path()));
    TRY(const auto reader, house.readers->get());
    TRY_VOID(end_cut_off(*house.committer, *reader, house.machine));
    return JobRoom(std::move(*lock));
}

std::vector<std::string> reasons(const std::string& details, Lang lang) {
    std::vector<std::string> out;
    const auto parsed = json::parse(details, nullptr, false);
    if (!parsed.is_object()) return out;
    for (const auto& reason : parsed.value("why", json::array())) {
        auto text = render(message_of(reason), lang);
        if (const auto detail = reason.value("detail", ""); !detail.empty()) text += ": " + detail;
        if (reason.contains("hint")) text += "; " + render(message_of(reason["hint"]), lang);
        out.push_back(std::move(text));
    }
    return out;
}

std::uint64_t free_bytes(const std::filesystem::path& path) {
    struct statvfs info{};
    return ::statvfs(path.c_str(), &info) == 0 ? std::uint64_t(info.f_bavail) * info.f_frsize : 0;
}

Result<void> make_private_folder(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::create_directories(path, error);
    if (!error) std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", path.string()}}).detail(error.message());
    return {};
}

Result<void> wipe(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::remove_all(path, error);
    if (!error) return {};
    // Folders that were restored as unwritable hold what is in them, unless one is root.
    auto folders = std::filesystem::recursive_directory_iterator(path, error);
    std::filesystem::permissions(path, std::filesystem::perms::owner_all, error);
    for (folders = std::filesystem::recursive_directory_iterator(path, error);
         !error && folders != std::filesystem::end(folders); folders.increment(error))
        if (folders->symlink_status().type() == std::filesystem::file_type::directory) {
            std::error_code ignored;
            std::filesystem::permissions(folders->path(), std::filesystem::perms::owner_all, ignored);
        }
    std::filesystem::remove_all(path, error);
    if (error) return fail(Code::io, "backup.cannot-wipe", {{"path", path.string()}}).detail(error.message());
    return {};
}

}  // namespace tilsyn::backup
