// JSON bodies from anybody: never a crash, and what is accepted has the members that were asked for and no others.
#include <cstdint>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <string>

#include "app/api_support.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::app::api;
    tilsyn::http::Request request;
    request.headers["content-type"] = "application/json";
    request.body.assign(reinterpret_cast<const char*>(data), size);
    const auto body = body_object(request, {{"control"},
                                            {"note", Type::text, false},
                                            {"count", Type::integer, false},
                                            {"answers", Type::texts, false},
                                            {"fields", Type::object, false}});
    if (!body) return 0;
    if (!body->is_object() || !body->contains("control") || !(*body)["control"].is_string()) std::abort();
    for (const auto& [name, value] : body->items())
        if (name != "control" && name != "note" && name != "count" && name != "answers" && name != "fields")
            std::abort();
    if (answer(*body).body.empty()) std::abort();
    return 0;
}
