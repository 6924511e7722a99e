// Keys for the API: "tilsyn_<id>_<secret>", the secret 256 random bits, of which only the SHA-256 is kept.
#pragma once
#include <string>
#include <string_view>
#include <vector>

#include "db/db.hpp"
#include "log/store/committer.hpp"

namespace tilsyn::app {

enum class KeyRole { read, write, admin };  // each may do what those before it may
std::string_view to_string(KeyRole);
std::optional<KeyRole> parse_key_role(std::string_view);

struct Key {
    std::string id;
    std::string name;
    KeyRole role = KeyRole::read;
    Timestamp created_at{};
    std::optional<Timestamp> revoked_at;
};

// Returns the key itself, which cannot be had again.
Result<std::string> create_key(log::Committer& committer, std::string_view name, KeyRole role, std::string_view by);
Result<void> revoke_key(log::Committer& committer, std::string_view id, std::string_view by);
Result<std::vector<Key>> list_keys(db::Connection& connection);
// Code::unauthorized for anything but a good key; takes the same time for a wrong secret as for a right one.
Result<Key> check_key(db::Connection& connection, std::string_view key);

}  // namespace tilsyn::app
