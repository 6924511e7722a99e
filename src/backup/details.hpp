// The details of a set or a drill: what happened, as JSON that is kept, and as sentences for people.
#pragma once
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "base/error.hpp"

namespace tilsyn::backup {

class Details {
  public:
    void why(const Message& message) { json_["why"].push_back(as_json(message)); }
    void why(const Error& error) {
        auto reason = as_json(error.message);
        if (!error.detail.empty()) reason["detail"] = error.detail;
        if (error.hint) reason["hint"] = as_json(*error.hint);
        json_["why"].push_back(std::move(reason));
    }
    bool any() const { return count() > 0; }
    std::size_t count() const { return json_["why"].size(); }
    bool has(const char* name) const { return json_.contains(name); }
    nlohmann::json& operator[](const char* name) { return json_[name]; }
    std::string text() const { return json_.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace); }

  private:
    static nlohmann::json as_json(const Message& message) {
        nlohmann::json out{{"key", message.key}, {"params", nlohmann::json::object()}};
        for (const auto& [name, value] : message.params) out["params"][name] = value;
        return out;
    }
    nlohmann::json json_ = {{"why", nlohmann::json::array()}};
};

// A reason or a hint, read back.
inline Message message_of(const nlohmann::json& reason) {
    Message message{reason.value("key", ""), {}};
    const auto params = reason.value("params", nlohmann::json::object());
    for (const auto& [name, value] : params.items())
        if (value.is_string()) message.params.emplace_back(name, value.get<std::string>());
    return message;
}

// What is damaged, gone or closed to us is a fault of the backup; what kept us from trying is not known to be one.
inline bool is_fault_of_backup(const Error& error) {
    return error.code == Code::corrupt || error.code == Code::not_found || error.code == Code::unauthorized;
}

}  // namespace tilsyn::backup
