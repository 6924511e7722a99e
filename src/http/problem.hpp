// Refusals that the server itself makes: like problem(), with a status of their own.
#pragma once
#include "http/types.hpp"

namespace tilsyn::http {

// type is "urn:tilsyn:problem:" and the key after "http.".
Response refusal(int status, std::string_view key, Lang lang, std::string_view instance, Params params = {});
std::string_view reason_phrase(int status);

}  // namespace tilsyn::http
