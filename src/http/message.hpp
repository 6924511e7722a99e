// From Beast's parser to a Request: the one place where untrusted bytes become values. Only server.cpp and
// message.cpp include this.
#pragma once
#include <cstdint>
#include <expected>
#include <optional>

#include "http/asio.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include "http/server.hpp"
#include "http/text.hpp"

namespace tilsyn::http {

using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;

struct Head {
    Request request;
    Router::Arrival arrival;
    bool http10 = false;
    bool keep_alive = false;
    bool expects_continue = false;
};

// `head` gets as far as could be read, so that a refusal too has an id and a language. The refusal, when
// there is one, ends the connection: where the next request begins is then not certain.
std::optional<Response> read_head(const Parser& parser, const HostRule& hosts, Head& head);

// What is wrong with the bytes.
Response refusal_of(boost::beast::error_code error, const Head& head, std::size_t body_limit);

}  // namespace tilsyn::http
