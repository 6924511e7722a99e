// What anybody may send to a witness: what is read is written back as it was, and no proof, however wrong, does harm.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "log/proofs.hpp"
#include "witness/add_checkpoint.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn;
    const std::string_view body(reinterpret_cast<const char*>(data), size);
    const auto request = witness::parse_add_checkpoint(body);
    if (!request) return 0;
    if (request->proof.size() > witness::most_proof_hashes) std::abort();
    if (witness::add_checkpoint_body(request->old_size, request->proof, log::to_string(request->note)) != body)
        std::abort();
    const auto& checkpoint = request->checkpoint;
    const auto continues =
        log::verify_consistency(request->old_size, log::empty_root(), checkpoint.size, checkpoint.root, request->proof);
    // From nothing everything follows without a proof; an empty root is no other tree's beginning.
    if (continues && (request->old_size != 0 || !request->proof.empty()) && request->old_size != checkpoint.size)
        std::abort();
    return 0;
}
