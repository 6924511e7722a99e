#include "cli11.hpp"

#include <CLI/CLI.hpp>
#include <algorithm>
#include <deque>
#include <map>

namespace tilsyn::commands {
namespace {

// CLI11 takes a value in brackets apart as a list. A character that nobody types, put before it, hinders that.
constexpr char shield = '\x01';

std::string unshield(std::string text) {
    if (!text.empty() && text.front() == shield) text.erase(0, 1);
    return text;
}

struct Bound {
    const cli::Command* command = nullptr;
    CLI::App* app = nullptr;
    std::map<std::string, CLI::Option*> given;
};

class Builder {
  public:
    explicit Builder(const cli::Table& table) : root_("", "tilsyn") {
        prepare(root_);
        add_options(root_, cli::common_options(), common_);
        add_options(root_, {{.name = "version", .help = {}}}, common_);
        for (const auto& command : table) add(command);
    }

    CLI::App& root() { return root_; }

    cli::Parsed collect() {
        cli::Parsed parsed;
        take(common_, parsed);
        for (auto& bound : bound_) {
            if (!bound.app->parsed()) continue;
            if (bound.command->path.size() > parsed.path.size()) parsed.path = bound.command->path;
            take(bound.given, parsed);
        }
        for (auto& extra : root_.remaining(true)) parsed.extras.push_back(unshield(std::move(extra)));
        return parsed;
    }

  private:
    static void prepare(CLI::App& app) {
        app.set_help_flag();  // help is an option of ours: it must not end the parsing
        app.allow_extras();
        app.fallthrough();
    }

    void add_options(CLI::App& app, const std::vector<cli::Option>& options, std::map<std::string, CLI::Option*>& given) {
        for (const auto& option : options) {
            const auto flag = "--" + option.name + (option.name == "help" ? ",-h" : "");
            if (option.value.empty()) given[option.name] = app.add_flag(flag);
            else given[option.name] = app.add_option(flag, values_.emplace_back())->expected(1)->take_all();
        }
    }

    void add(const cli::Command& command) {
        const auto space = command.path.rfind(' ');
        CLI::App* parent = &root_;
        for (const auto& bound : bound_)
            if (space != command.path.npos && bound.command->path == command.path.substr(0, space)) parent = bound.app;
        auto* app = parent->add_subcommand(std::string(command.name()));
        prepare(*app);
        auto& bound = bound_.emplace_back(Bound{&command, app, {}});
        add_options(*app, command.options, bound.given);
        for (const auto& argument : command.arguments) {
            auto* option = app->add_option(argument.name, values_.emplace_back());
            const bool many = argument.arity == cli::Arity::several || argument.arity == cli::Arity::any;
            many ? option->expected(0, CLI::detail::expected_max_vector_size) : option->expected(0, 1);
            bound.given[argument.name] = option;
        }
    }

    static void take(const std::map<std::string, CLI::Option*>& given, cli::Parsed& parsed) {
        for (const auto& [name, option] : given) {
            if (option->count() == 0) continue;
            auto& values = parsed.values[name];
            if (option->get_expected_max() == 0) continue;  // a flag: being there is all it says
            for (auto& value : option->results()) values.push_back(unshield(value));
        }
    }

    CLI::App root_;
    std::map<std::string, CLI::Option*> common_;
    std::deque<Bound> bound_;                        // neither moves its elements: CLI11 keeps pointers to them
    std::deque<std::vector<std::string>> values_;
};

}  // namespace

Result<cli::Parsed> parse(const cli::Table& table, std::vector<std::string> arguments) {
    for (auto& argument : arguments)
        if (argument.starts_with('[')) argument.insert(0, 1, shield);
    std::ranges::reverse(arguments);  // as CLI11 wants them
    Builder builder(table);
    try {
        builder.root().parse(arguments);
    } catch (const CLI::ArgumentMismatch& e) {
        return fail(Code::invalid, "cli.value-missing").detail(e.what());
    } catch (const CLI::Error& e) {
        return fail(Code::invalid, "cli.bad-usage").detail(e.what());
    }
    return builder.collect();
}

}  // namespace tilsyn::commands
