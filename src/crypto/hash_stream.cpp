#include "crypto/hash_stream.hpp"

#include <openssl/evp.h>

#include <cstdlib>

namespace tilsyn::crypto {

struct Sha256Stream::State {
    EVP_MD_CTX* context = EVP_MD_CTX_new();
    State() = default;
    State(const State&) = delete;
    State& operator=(const State&) = delete;
    ~State() { EVP_MD_CTX_free(context); }
};

namespace {

// Only out of memory can make it fail; a wrong hash must never be written.
void must(int result) {
    if (result != 1) std::abort();
}

void begin(EVP_MD_CTX* context) {
    static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
    if (context == nullptr || algorithm == nullptr) std::abort();
    must(EVP_DigestInit_ex2(context, algorithm, nullptr));
}

}  // namespace

Sha256Stream::Sha256Stream() : state_(std::make_unique<State>()) {
    begin(state_->context);
}
Sha256Stream::~Sha256Stream() = default;
Sha256Stream::Sha256Stream(Sha256Stream&&) noexcept = default;
Sha256Stream& Sha256Stream::operator=(Sha256Stream&&) noexcept = default;

void Sha256Stream::reset() {
    begin(state_->context);
}

void Sha256Stream::update(std::string_view bytes) {
    must(EVP_DigestUpdate(state_->context, bytes.data(), bytes.size()));
}

Sha256 Sha256Stream::finish() {
    Sha256 out{};
    must(EVP_DigestFinal_ex(state_->context, out.data(), nullptr));
    begin(state_->context);
    return out;
}

Sha256 Sha256Stream::so_far() const {
    const State copy;
    Sha256 out{};
    must(EVP_MD_CTX_copy_ex(copy.context, state_->context));
    must(EVP_DigestFinal_ex(copy.context, out.data(), nullptr));
    return out;
}

}  // namespace tilsyn::crypto
