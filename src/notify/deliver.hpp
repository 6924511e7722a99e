// Hands a notice over, in the form that the channel's receiver wants.
#pragma once
#include <string>

#include "base/error.hpp"
#include "base/time.hpp"
#include "notify/channels.hpp"
#include "notify/outbox.hpp"

namespace tilsyn::notify {

// RFC 5322: UTF-8 in base64, and the Message-ID of the notice, so that one that comes twice is known as one.
std::string mail_message(const Notice& notice, const Channel& channel, Timestamp now);

// When it returns without an error, the receiver's server has taken it.
Result<void> deliver(const Notice& notice, const Channel& channel, Timestamp now, Deadline deadline);

}  // namespace tilsyn::notify
