// The details of a set or a drill: what happened, as JSON that is kept, and as sentences for people.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::backup {

class Details {
  public:
    void why(const Message& message) { add(message, {}); }
    void why(const Error& error) { add(error.message, error.detail); }
    bool any() const { return !json_["why"].empty(); }
    nlohmann::json& operator[](const char* name) { return json_[name]; }
    std::string text() const { return json_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

  private:
    void add(const Message& message, const std::string& detail) {
        nlohmann::json reason{{"key", message.key}, {"params", nlohmann::json::object()}};
        for (const auto& [name, value] : message.params) reason["params"][name] = value;
        if (!detail.empty()) reason["detail"] = detail;
        json_["why"].push_back(std::move(reason));
    }
    nlohmann::json json_ = {{"why", nlohmann::json::array()}};
};

}  // namespace tilsyn::backup
