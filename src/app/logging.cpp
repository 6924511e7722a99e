#include "app/logging.hpp"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <nlohmann/json.hpp>

#include "base/i18n.hpp"
#include "base/time.hpp"

namespace tilsyn::app {
namespace {

spdlog::level::level_enum spd(Level level) {
    switch (level) {
        case Level::debug:
            return spdlog::level::debug;
        case Level::info:
            return spdlog::level::info;
        case Level::warning:
            return spdlog::level::warn;
        case Level::error:
            return spdlog::level::err;
    }
    return spdlog::level::info;
}
constexpr std::string_view words[] = {"debug", "info", "warning", "error"};

spdlog::logger& logger() {
    static const auto instance = [] {
        auto made = std::make_shared<spdlog::logger>("tilsyn", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        made->set_pattern("%v");
        made->set_level(spdlog::level::off);  // commands are silent; the service calls start_logging
        return made;
    }();
    return *instance;
}

}  // namespace

void start_logging(Level least) {
    logger().set_level(spd(least));
}

void log_event(Level level, std::string_view event,
               std::initializer_list<std::pair<std::string_view, std::string>> fields) {
    if (!logger().should_log(spd(level))) return;
    nlohmann::ordered_json line{
        {"time", format_utc(SystemClock().now())}, {"level", words[std::size_t(level)]}, {"event", event}};
    for (const auto& [name, value] : fields) line[std::string(name)] = value;
    logger().log(spd(level), "{}", line.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace));
}

void log_error(std::string_view event, const Error& error) {
    log_event(Level::error, event,
              {{"code", std::string(to_string(error.code))},
               {"message", render(error, Lang::en)},
               {"raised", std::string(error.raised.file_name()) + ":" + std::to_string(error.raised.line())}});
}

Troubles::News Troubles::tell(std::string_view event, const Error* error, std::string_view who) {
    auto& told = told_[std::string(event) + " " + std::string(who)];
    const auto before = std::exchange(told, error != nullptr ? error->message.key : std::string());
    if (told == before) return News::none;
    if (error == nullptr) return News::ended;
    log_error(event, *error);
    return News::began;
}

}  // namespace tilsyn::app
