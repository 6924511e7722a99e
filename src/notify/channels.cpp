#include "base/toml.hpp"  // before <algorithm>: toml++ keeps the warnings of libstdc++ 12 about itself quiet

#include "notify/channels.hpp"

#include <algorithm>
#include <charconv>

#include "base/file.hpp"
#include "base/secrets.hpp"
#include "base/text.hpp"

namespace tilsyn::notify {
namespace {

std::optional<Type> type_of(std::string_view text) {
    if (text == "mail") return Type::mail;
    if (text == "webhook") return Type::webhook;
    if (text == "ntfy") return Type::ntfy;
    if (text == "chat") return Type::chat;
    return {};
}

// "08:00"
std::optional<std::chrono::minutes> time_of_day(std::string_view text) {
    if (text.size() != 5 || text[2] != ':') return {};
    int hour = 0, minute = 0;
    const auto read = [](std::string_view digits, int& out) {
        return std::from_chars(digits.data(), digits.data() + 2, out).ptr == digits.data() + 2;
    };
    if (!read(text, hour) || !read(text.substr(3), minute) || hour < 0 || hour > 23 || minute < 0 || minute > 59)
        return {};
    return std::chrono::minutes(hour * 60 + minute);
}

bool address(std::string_view text) {
    const auto at = text.find('@');
    return at != text.npos && at > 0 && at + 1 < text.size() &&
           std::ranges::none_of(text, [](unsigned char c) { return c <= 0x20 || c == '<' || c == '>' || c == ','; });
}

bool local(std::string_view server) {
    return server.starts_with("127.") || server.starts_with("localhost") || server.starts_with("[::1]");
}

class Reader {
  public:
    explicit Reader(std::string file) : file_(std::move(file)) {}

    Result<Channel> read(std::string_view id, const toml::table& table) const {
        Channel channel{.id = std::string(id)};
        if (!valid_id(id)) return bad(table, "notify.bad-value", "channel");
        bool typed = false;
        for (const auto& [key, node] : table) {
            const auto name = key.str();
            const auto text = node.value_or(std::string());
            bool good = node.is_string();
            if (name == "type") {
                const auto type = type_of(text);
                good = typed = type.has_value();
                channel.type = type.value_or(Type::mail);
            } else if (name == "language") {
                const auto lang = parse_lang(text);
                good = lang.has_value();
                channel.lang = lang.value_or(Lang::en);
            } else if (name == "at_once") {
                const auto value = policy::parse_severity(text);
                good = value.has_value();
                channel.at_once = value.value_or(policy::Severity::high);
            } else if (name == "digest") {
                channel.digest = time_of_day(text);
                good = channel.digest.has_value();
            } else if (name == "server") {
                channel.server = text;
            } else if (name == "from") {
                channel.from = text;
                good = address(text);
            } else if (name == "url") {
                channel.url = text;
            } else if (name == "ca") {
                channel.ca = text;
            } else if (name == "tls") {
                good = node.is_boolean();
                channel.tls = node.value_or(true);
            } else if (name == "to") {
                const auto* list = node.as_array();
                good = list != nullptr && !list->empty();
                if (list != nullptr)
                    for (const auto& item : *list) {
                        channel.to.push_back(item.value_or(std::string()));
                        good = good && address(channel.to.back());
                    }
            } else {
                return bad(node, "notify.unknown-key", std::string(name));
            }
            if (!good) return bad(node, "notify.bad-value", std::string(name));
        }
        if (!typed) return bad(table, "notify.lacks", "type");
        return channel;
    }
    // What the secrets may hold must be there by now.
    Result<void> complete(const Channel& channel, const toml::table& table) const {
        if (channel.type != Type::mail) {
            if (channel.url.empty()) return bad(table, "notify.lacks", "url");
            const bool open = channel.url.starts_with("http://") && !local(std::string_view(channel.url).substr(7));
            return open || !(channel.url.starts_with("https://") || channel.url.starts_with("http://"))
                       ? bad(table, "notify.bad-value", "url")
                       : Result<void>();
        }
        if (channel.server.empty()) return bad(table, "notify.lacks", "server");
        if (channel.from.empty()) return bad(table, "notify.lacks", "from");
        if (channel.to.empty()) return bad(table, "notify.lacks", "to");
        if (!channel.tls && !local(channel.server)) return bad(table, "notify.tls-needed", channel.server);
        return {};
    }
    Fail bad(const toml::node& node, std::string_view key, std::string name) const {
        return fail(Code::invalid, key, {{"key", std::move(name)}}).at(position_in(file_, node.source()));
    }

  private:
    std::string file_;
};

Result<void> add_secrets(const std::filesystem::path& data, Channel& channel) {
    const auto path = data / "secrets" / ("channel-" + channel.id + ".toml");
    if (std::error_code error; !std::filesystem::exists(path, error)) return {};
    static constexpr std::string_view known[] = {"user", "password", "token", "url"};
    TRY(auto secrets, read_secret_file(path, known));
    channel.user = secrets["user"];
    channel.password = secrets["password"];
    channel.token = secrets["token"];
    if (!secrets["url"].empty()) channel.url = secrets["url"];
    return {};
}

}  // namespace

Result<std::vector<Channel>> read_channels(const std::filesystem::path& data) {
    const auto path = data / "channels.toml";
    const auto content = read_file(path, 1 << 20);
    if (!content) {
        if (content.error().code == Code::not_found) return std::vector<Channel>();
        return std::unexpected(content.error());
    }
    const auto parsed = parse_toml(*content, path.string());
    if (!parsed) {
        return fail(Code::invalid, "notify.bad-file", {{"path", path.string()}})
            .at(position_in(path, parsed.error().source()))
            .detail(std::string(parsed.error().description()));
    }
    const Reader reader(path.string());
    std::vector<Channel> out;
    for (const auto& [key, node] : parsed.table()) {
        const auto* channels = node.as_table();
        if (key.str() != "channel" || channels == nullptr)
            return reader.bad(node, "notify.unknown-key", std::string(key.str()));
        for (const auto& [id, item] : *channels) {
            const auto* table = item.as_table();
            if (table == nullptr) return reader.bad(item, "notify.bad-value", std::string(id.str()));
            TRY(auto channel, reader.read(id.str(), *table));
            TRY_VOID(add_secrets(data, channel));
            TRY_VOID(reader.complete(channel, *table));
            out.push_back(std::move(channel));
        }
    }
    return out;
}

}  // namespace tilsyn::notify
