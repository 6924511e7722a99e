#include "checks/recorded.hpp"

namespace tilsyn::checks {

nlohmann::json to_json(const Message& message) {
    nlohmann::json json{{"key", message.key}};
    for (const auto& [name, value] : message.params) json["params"][name] = value;
    return json;
}

Message message_from(const nlohmann::json& recorded) {
    Message message = msg(recorded.at("key").get<std::string>());
    if (recorded.contains("params"))
        for (const auto& [name, value] : recorded["params"].items())
            message.params.emplace_back(name, value.get<std::string>());
    return message;
}

}  // namespace tilsyn::checks
