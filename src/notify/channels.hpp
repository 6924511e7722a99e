// Where alerts go: DATA/channels.toml, one table for each channel. What opens one stands in
// DATA/secrets/channel-ID.toml.
//
//   [channel.operations]
//   type = "mail"                      # mail, webhook, ntfy, chat (Slack, Mattermost, Teams)
//   server = "smtp.example.com:587"    # of mail; user and password in the secrets
//   from = "tilsyn@example.com"
//   to = ["operations@example.com"]
//   url = "https://ntfy.sh/topic"      # of the others; or "url" in the secrets, where it is one itself; "token", too
//   language = "da"                    # of what is written; "en" otherwise
//   at_once = "high"                   # findings of this severity and worse are told as they come
//   digest = "08:00"                   # what else is open, once a day; left out: never
#pragma once
#include <chrono>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/error.hpp"
#include "base/i18n.hpp"
#include "policy/types.hpp"

namespace tilsyn::notify {

enum class Type { mail, webhook, ntfy, chat };

struct Channel {
    std::string id;
    Type type = Type::mail;
    Lang lang = Lang::en;
    policy::Severity at_once = policy::Severity::high;
    std::optional<std::chrono::minutes> digest;  // of the local day
    std::string server, from;                    // mail
    std::vector<std::string> to;
    bool tls = true;  // mail: false for a server on this machine ("tls = false"), and only there
    std::string url;  // the others
    std::string user, password, token, ca;
};

// In the order of their ids. None, when there is no such file. Code::invalid, with its place.
Result<std::vector<Channel>> read_channels(const std::filesystem::path& data);

}  // namespace tilsyn::notify
