// What the handlers share: strict parameters and bodies, problems with their faults, moments as JSON.
//
// A fault whose key begins with "api." means that the request could not be read (400); any other Code::invalid that it
// was read and breaks a rule (422).
#pragma once
#include <initializer_list>
#include <nlohmann/json_fwd.hpp>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "app/api.hpp"

namespace tilsyn::app::api {

using nlohmann::json;
using Handler = std::function<Result<http::Response>(const http::Request&)>;

inline constexpr std::size_t small_body = 256 * 1024;
inline constexpr std::size_t file_body = 20u << 20;
inline constexpr std::int64_t page_default = 100, page_limit = 1000;

// Turns errors into problem documents.
http::Route route(http::Method method, std::string pattern, http::Access access, Handler handler);

http::Response answer(const json& body, int status = 200);
http::Response no_content();
// `faults`: each of several, as the member "errors".
http::Response problem(const Error& error, const http::Request& request, std::span<const Error> faults = {});

// The query parameters of a request; one that is not known is refused, naming the nearest.
class Query {
  public:
    static Result<Query> of(const http::Request& request, std::initializer_list<std::string_view> known = {});
    std::optional<std::string> text(const std::string& name) const;
    Result<std::int64_t> integer(const std::string& name, std::int64_t otherwise, std::int64_t least,
                                 std::int64_t most) const;
    Result<bool> flag(const std::string& name, bool otherwise) const;
    // One of `choices`; the first one when it is not given.
    Result<std::string> choice(const std::string& name, std::initializer_list<std::string_view> choices) const;
    Result<std::int64_t> limit() const { return integer("limit", page_default, 1, page_limit); }

  private:
    explicit Query(const http::Request& request) : request_(&request) {}
    const http::Request* request_;
};

enum class Type { text, integer, texts, object };
struct Member {
    std::string_view name;
    Type type = Type::text;
    bool required = true;
};
// The JSON object in the body, with these members and no others. Sent as application/json.
Result<json> body_object(const http::Request& request, std::initializer_list<Member> members);
// Refuses (415) a body that is not of one of these types.
Result<void> need_content(const http::Request& request, std::initializer_list<std::string_view> types);

std::string moment(Timestamp t);
json moment_or_null(const std::optional<Timestamp>& t);
json text_json(const Text& text);
json why_json(const Message& message);

// A reading connection whose statements end by a deadline.
class Reader {
  public:
    static Result<Reader> get(App& app);
    Reader(Reader&&) noexcept = default;
    ~Reader();
    db::Connection& operator*() const { return **lease_; }
    db::Connection* operator->() const { return &**lease_; }

  private:
    explicit Reader(db::Pool::Lease lease) : lease_(std::make_unique<db::Pool::Lease>(std::move(lease))) {}
    std::unique_ptr<db::Pool::Lease> lease_;
};

// The policy in force, or not_found.
Result<std::shared_ptr<const schedule::Plan>> plan_of(App& app);
Result<const policy::Control*> control_of(const schedule::Plan& plan, const std::string& id);

// Each adds its routes.
using Routes = std::vector<http::Route>;
void add_service_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_status_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_finding_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_sign_off_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_register_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_policy_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_log_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_backup_routes(Routes& routes, App& app, const ServiceHooks& hooks);
void add_key_routes(Routes& routes, App& app, const ServiceHooks& hooks);

}  // namespace tilsyn::app::api
