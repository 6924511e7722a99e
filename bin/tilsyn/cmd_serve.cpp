// tilsyn serve: the schedule and the API, until somebody asks it to stop.
#include <fmt/format.h>

#include <iostream>

#include "app/logging.hpp"
#include "app/serve.hpp"
#include "base/text.hpp"
#include "commands.hpp"

namespace tilsyn::commands {
namespace {

std::string url(const app::ServeOptions& options, std::uint16_t port) {
    const bool six = options.address.find(':') != std::string::npos;
    return fmt::format("http://{}:{}", six ? "[" + options.address + "]" : options.address, port);
}

Result<int> serve(cli::Invocation& call) {
    // First of all, so that every thread started from here on leaves the signals to it.
    TRY(const auto stop, app::StopSignal::create());
    app::start_logging(call.has("verbose") ? app::Level::debug : app::Level::info);
    TRY(const auto app, open(call));
    app::ServeOptions options;
    options.address = call.get("address", app->settings().address);
    TRY(const auto port, whole_number(call, "port", app->settings().port));
    if (port > 65535) return fail(Code::invalid, "cli.bad-port", {{"value", std::to_string(port)}});
    options.port = std::uint16_t(port);
    options.host_names = call.all("host-name");
    options.listening = [&](std::uint16_t listening) {
        call.out() << call.tr("cli.serving", {{"url", url(options, listening)}}) << "\n"
                   << call.tr("cli.serving-key") << "\n"
                   << std::flush;
    };
    auto served = app::serve(*app, options, *stop);
    if (served) return 0;
    call.err() << "tilsyn: " << render(served.error(), call.lang) << std::endl;
    // Threads that hang may still use what would now be taken down: end without doing so, as the header asks.
    std::cout.flush();
    std::_Exit(2);
}

}  // namespace

cli::Table serve_commands() {
    return {
        {.path = "serve",
         .summary = "cli.serve",
         .help = "cli.serve-help",
         .options = {{.name = "address", .value = "ADDRESS", .help = "cli.option-address"},
                     {.name = "port", .value = "PORT", .help = "cli.option-port"},
                     {.name = "host-name", .value = "NAME", .help = "cli.option-host-name", .repeated = true},
                     {.name = "verbose", .help = "cli.option-verbose"}},
         .handler = serve},
    };
}

}  // namespace tilsyn::commands
