// The code of Asio that does not depend on our types, compiled once.
#include "base/asio.hpp"

#include <boost/asio/impl/src.hpp>
