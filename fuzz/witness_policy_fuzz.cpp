// Witness policies: no text may take the reader down, and asking what one demands must end.
#include <cstdint>
#include <string_view>

#include "log/witness_policy.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto policy = tilsyn::log::WitnessPolicy::parse({reinterpret_cast<const char*>(data), size});
    if (policy) (void)policy->satisfied({});
    return 0;
}
