// tilsyn completion, man: what follows from the table of commands.
#include <filesystem>

#include "app/cli/document.hpp"
#include "base/file.hpp"
#include "commands.hpp"

namespace tilsyn::commands {
namespace {

Result<int> completion(cli::Invocation& call) {
    call.out() << cli::completion(*call.table, call.get("SHELL"), call.lang);
    return 0;
}

Result<void> make_folder(const std::filesystem::path& folder) {
    std::error_code error;
    std::filesystem::create_directories(folder, error);
    if (error) return fail(Code::io, "base.cannot-write", {{"path", folder.string()}}).detail(error.message());
    return {};
}

Result<int> man(cli::Invocation& call) {
    const std::filesystem::path folder = call.get("DIR");
    TRY_VOID(make_folder(folder));
    const auto today = format_utc(SystemClock().now()).substr(0, 10);
    for (const auto& [name, page] : cli::man_pages(*call.table, call.lang, app::version, today)) {
        TRY_VOID(write_file(folder / name, page));
        call.out() << (folder / name).string() << "\n";
    }
    return 0;
}

}  // namespace

cli::Table meta_commands() {
    return {
        {.path = "completion",
         .summary = "cli.completion",
         .help = "cli.completion-help",
         .arguments = {{.name = "SHELL", .help = "cli.shell", .choices = cli::shells}},
         .handler = completion},
        {.path = "man",
         .summary = "cli.man",
         .arguments = {{.name = "DIR", .help = "cli.man-folder", .values = cli::Values::folder}},
         .handler = man},
    };
}

}  // namespace tilsyn::commands
