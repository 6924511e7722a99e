// The code of Asio and Beast that does not depend on our types, compiled once.
#include "http/asio.hpp"

#include <boost/asio/impl/src.hpp>
#include <boost/beast/src.hpp>
