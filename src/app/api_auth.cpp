#include "app/api_auth.hpp"

#include "app/keys.hpp"
#include "crypto/hash.hpp"

namespace tilsyn::app {
namespace {

constexpr std::size_t most_known = 1000;

http::Auth may(KeyRole role) {
    return role == KeyRole::admin ? http::Auth::admin : role == KeyRole::write ? http::Auth::write : http::Auth::read;
}

}  // namespace

Result<http::Caller> KeyCheck::operator()(std::string_view key) {
    const auto digest = crypto::hex(crypto::sha256(key));
    const auto now = app_->clock().steady();
    std::uint64_t forgotten = 0;
    {
        const std::scoped_lock lock(mutex_);
        const auto found = known_.find(digest);
        if (found != known_.end() && now - found->second.checked < key_memory) return found->second.caller;
        forgotten = forgotten_;
    }
    TRY(const auto reader, app_->readers().get());
    TRY(const auto good, check_key(*reader, key));
    http::Caller caller;
    caller.actor = "key:" + good.name;
    caller.may = may(good.role);
    const std::scoped_lock lock(mutex_);
    // A key that was revoked while we looked must not be remembered.
    if (forgotten == forgotten_) {
        if (known_.size() >= most_known) known_.clear();
        known_[digest] = {caller, now};
    }
    return caller;
}

void KeyCheck::forget() {
    const std::scoped_lock lock(mutex_);
    ++forgotten_;
    known_.clear();
}

}  // namespace tilsyn::app
