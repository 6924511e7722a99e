#include "support/temporary.hpp"
