// Every file that sees Asio includes this first: its code is compiled once, in asio.cpp, and all must agree.
#pragma once
#define BOOST_ASIO_SEPARATE_COMPILATION
#define BOOST_ASIO_NO_DEPRECATED
