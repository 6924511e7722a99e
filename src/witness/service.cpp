#include "witness/service.hpp"

namespace tilsyn::witness {
namespace {

// A proof and a checkpoint are 3 KB; the rest is room for a log that is signed by many.
constexpr std::size_t most_body_bytes = 128 * 1024;
constexpr std::string_view plain = "text/plain; charset=utf-8";

http::Response text(int status, std::string body) {
    http::Response response;
    response.status = status;
    response.content_type = plain;
    response.body = std::move(body);
    return response;
}

http::Response add_checkpoint(Witness& witness, const Report& report, const http::Request& request) {
    const auto answer = witness.add_checkpoint(request.body);
    if (!answer) return http::problem(answer.error(), request.lang, request.request_id);
    if (report && answer->verdict != Verdict::malformed && answer->verdict != Verdict::unknown_log) report(*answer);
    const int status = int(answer->verdict);
    if (answer->verdict == Verdict::cosigned) return text(status, answer->lines);
    if (answer->verdict == Verdict::out_of_step) {
        auto response = text(status, std::to_string(answer->size) + "\n");
        response.content_type = "text/x.tlog.size";
        return response;
    }
    // Which line of what the caller sent is wrong: nothing of ours is in it.
    auto why = render(*answer->why, request.lang, false);
    if (answer->verdict == Verdict::malformed && !answer->why->detail.empty()) why += " (" + answer->why->detail + ")";
    return text(status, why + "\n");
}

http::Response newest(Witness& witness, const http::Request& request) {
    const auto note = witness.newest(request.params.at("log"));
    if (!note) return http::problem(note.error(), request.lang, request.request_id);
    if (!*note)
        return http::problem(fail(Code::not_found, "witness.nothing-cosigned").error, request.lang, request.request_id);
    return text(200, **note);
}

}  // namespace

std::vector<http::Route> routes(Witness& witness, Report report) {
    using http::Access, http::Auth, http::Method, http::Rate;
    std::vector<http::Route> out;
    out.emplace_back(Method::post, "/add-checkpoint",
                     Access{Auth::public_, most_body_bytes, Rate::light, http::Bodies::any},
                     [&witness, report = std::move(report)](const http::Request& request) {
                         return add_checkpoint(witness, report, request);
                     });
    out.emplace_back(Method::get, "/{log}/checkpoint", Access{Auth::public_, 0, Rate::light},
                     [&witness](const http::Request& request) { return newest(witness, request); });
    return out;
}

}  // namespace tilsyn::witness
