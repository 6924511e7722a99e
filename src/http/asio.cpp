// The code of Beast that does not depend on our types, compiled once.
#include "http/asio.hpp"

#include <boost/beast/src.hpp>
