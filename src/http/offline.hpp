// The way of a request through parser and router, without a socket: for the fuzz target and for tests of the
// parsing.
#pragma once
#include <string>
#include <string_view>

#include "http/server.hpp"

namespace tilsyn::http {

// Answers every request in `bytes`, one after the other as on a connection, until one ends it or the bytes
// do. An incomplete request at the end is not answered.
std::string answer_bytes(std::string_view bytes, const Router& router, const Authenticate& authenticate,
                         const Limits& limits = {});

}  // namespace tilsyn::http
