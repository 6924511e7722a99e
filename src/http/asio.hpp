// Every file that sees Beast includes this first: its code is compiled once, in asio.cpp, and all must agree.
#pragma once
#include "base/asio.hpp"
#define BOOST_BEAST_SEPARATE_COMPILATION
