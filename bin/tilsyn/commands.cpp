#include "commands.hpp"

#include <pwd.h>
#include <unistd.h>

#include <charconv>
#include <iostream>
#include <iterator>
#include <nlohmann/json.hpp>

#include "app/cli/document.hpp"
#include "base/file.hpp"

namespace tilsyn::commands {
namespace {

constexpr std::size_t input_limit = 64u << 20;
constexpr int failed = 2;  // Tilsyn could not do what was asked; 1 is for what a command has found

const Clock& system_clock() {
    static const SystemClock clock;
    return clock;
}

int complain(const cli::Terminal& terminal, const Error& error, Lang lang) {
    *terminal.err << "tilsyn: " << render(error, lang) << std::endl;
    return failed;
}

int carry_out(const std::vector<std::string>& arguments, const cli::Terminal& terminal) {
    const auto parsed = cli::parse(table(), arguments);
    if (!parsed) return complain(terminal, parsed.error(), lang_from_environment());
    if (parsed->values.contains("version") && parsed->path.empty()) {
        *terminal.out << "tilsyn " << app::version << std::endl;
        return 0;
    }
    auto call = cli::interpret(table(), *parsed, terminal);
    auto lang = lang_from_environment();
    if (const auto chosen = parsed->values.find("lang"); chosen != parsed->values.end())
        lang = parse_lang(chosen->second.front()).value_or(lang);
    if (!call) return complain(terminal, call.error(), lang);
    if (const auto* help = std::get_if<std::string>(&*call)) {
        *terminal.out << *help << std::flush;
        // A group on its own has done nothing; a script must notice.
        return parsed->path.empty() || parsed->values.contains("help") ? 0 : failed;
    }
    auto& invocation = std::get<cli::Invocation>(*call);
    const auto code = invocation.command->handler(invocation);
    terminal.out->flush();
    if (!code) return complain(terminal, code.error(), invocation.lang);
    if (!*terminal.out)
        return complain(terminal, fail(Code::io, "cli.cannot-print").error,
                        invocation.lang);  // the disk behind a redirection is full
    return *code;
}

}  // namespace

const cli::Table& table() {
    static const auto all = [] {
        cli::Table commands;
        for (auto part :
             {data_commands(), serve_commands(), policy_commands(), register_commands(), sign_off_commands(),
              follow_commands(), log_commands(), evidence_commands(), witness_commands(), backup_commands(),
              alert_commands(), uptime_commands(), keeping_commands(), meta_commands()})
            commands.insert(commands.end(), std::make_move_iterator(part.begin()), std::make_move_iterator(part.end()));
        return commands;
    }();
    return all;
}

int run(const std::vector<std::string>& arguments, const cli::Terminal& terminal) {
    try {
        return carry_out(arguments, terminal);
    } catch (const std::exception& e) {  // a bug, or no memory: said plainly, and not as an abort
        return complain(terminal, fail(Code::internal, "cli.internal").detail(e.what()).error, lang_from_environment());
    }
}

Result<std::unique_ptr<app::App>> open(const cli::Invocation& call) {
    return app::App::open({call.data, call.database}, system_clock());
}

std::string actor(const cli::Invocation& call) {
    if (call.has("as")) return call.get("as");
    if (const char* user = std::getenv("SUDO_USER"); ::geteuid() == 0 && user != nullptr && *user != '\0') return user;
    const passwd* account = ::getpwuid(::geteuid());
    return account != nullptr ? account->pw_name : "uid " + std::to_string(::geteuid());
}

void print_json(const cli::Invocation& call, const nlohmann::json& value) {
    call.out() << value.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) << "\n";
}

Result<std::string> read_input(const std::string& path) {
    if (path != "-") return read_file(path, input_limit);
    std::string content;
    std::string block(64 * 1024, '\0');
    while (std::cin.read(block.data(), std::streamsize(block.size())) || std::cin.gcount() > 0) {
        content.append(block, 0, std::size_t(std::cin.gcount()));
        if (content.size() > input_limit)
            return fail(Code::too_large, "base.file-too-large",
                        {{"path", "-"}, {"limit", std::to_string(input_limit)}});
    }
    return content;
}

Result<std::int64_t> whole_number(const cli::Invocation& call, std::string_view option, std::int64_t otherwise) {
    if (!call.has(option)) return otherwise;
    const auto text = call.get(option);
    std::int64_t value = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || value < 0)
        return fail(Code::invalid, "cli.bad-number", {{"name", "--" + std::string(option)}, {"value", text}});
    return value;
}

void print_faults(const cli::Invocation& call, const std::vector<Error>& faults, const std::vector<Error>& warnings) {
    for (const auto& warning : warnings)
        call.err() << call.terminal.yellow(call.tr("cli.warning")) << " " << render(warning, call.lang) << "\n";
    for (const auto& fault : faults) call.err() << render(fault, call.lang) << "\n";
}

}  // namespace tilsyn::commands
