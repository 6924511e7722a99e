#include "crypto/hash.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>

#include <cstdlib>
#include <memory>

namespace tilsyn::crypto {
namespace {

// One context a thread: fetching the algorithm and making a context cost more than hashing an entry.
class Hasher {
  public:
    Hasher() : context_(EVP_MD_CTX_new()) {
        static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
        algorithm_ = algorithm;
        if (context_ == nullptr || algorithm_ == nullptr) std::abort();
    }
    ~Hasher() { EVP_MD_CTX_free(context_); }
    Hasher(const Hasher&) = delete;
    Hasher& operator=(const Hasher&) = delete;

    template <class Parts>
    Sha256 hash(const Parts& parts) {
        Sha256 out{};
        bool ok = EVP_DigestInit_ex2(context_, algorithm_, nullptr) == 1;
        for (const std::string_view part : parts) ok = ok && EVP_DigestUpdate(context_, part.data(), part.size()) == 1;
        ok = ok && EVP_DigestFinal_ex(context_, out.data(), nullptr) == 1;
        if (!ok) std::abort();  // only out of memory can do this; a wrong hash must never be written
        return out;
    }

  private:
    EVP_MD_CTX* context_;
    EVP_MD* algorithm_;
};

Hasher& hasher() {
    thread_local Hasher instance;
    return instance;
}

int hex_digit(char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
}

}  // namespace

Sha256 sha256(std::string_view data) {
    return hasher().hash(std::array{data});
}
Sha256 sha256(std::initializer_list<std::string_view> parts) {
    return hasher().hash(parts);
}

std::string hex(std::span<const std::uint8_t> bytes) {
    constexpr char digits[] = "0123456789abcdef";
    std::string out;
    out.reserve(bytes.size() * 2);
    for (const auto byte : bytes) {
        out += digits[byte >> 4];
        out += digits[byte & 15];
    }
    return out;
}

std::optional<std::vector<std::uint8_t>> parse_hex(std::string_view text) {
    if (text.size() % 2 != 0) return std::nullopt;
    std::vector<std::uint8_t> out;
    out.reserve(text.size() / 2);
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const int high = hex_digit(text[i]), low = hex_digit(text[i + 1]);
        if (high < 0 || low < 0) return std::nullopt;
        out.push_back(std::uint8_t(high << 4 | low));
    }
    return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
    constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::string out;
    out.reserve((bytes.size() + 2) / 3 * 4);
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = bytes.size() - i;
        const unsigned block =
            unsigned(bytes[i]) << 16 | (left > 1 ? unsigned(bytes[i + 1]) << 8 : 0) | (left > 2 ? bytes[i + 2] : 0);
        out += alphabet[block >> 18];
        out += alphabet[block >> 12 & 63];
        out += left > 1 ? alphabet[block >> 6 & 63] : '=';
        out += left > 2 ? alphabet[block & 63] : '=';
    }
    return out;
}

std::optional<std::vector<std::uint8_t>> parse_base64(std::string_view text) {
    if (text.size() % 4 != 0) return std::nullopt;
    std::vector<std::uint8_t> out;
    out.reserve(text.size() / 4 * 3);
    const auto digit = [](char c) -> int {
        if (c >= 'A' && c <= 'Z') return c - 'A';
        if (c >= 'a' && c <= 'z') return c - 'a' + 26;
        if (c >= '0' && c <= '9') return c - '0' + 52;
        return c == '+' ? 62 : c == '/' ? 63 : -1;
    };
    for (std::size_t i = 0; i < text.size(); i += 4) {
        const bool last = i + 4 == text.size();
        const int padding = !last ? 0 : text[i + 3] != '=' ? 0 : text[i + 2] != '=' ? 1 : 2;
        unsigned block = 0;
        for (int k = 0; k < 4; ++k) {
            const int value = k >= 4 - padding ? 0 : digit(text[i + std::size_t(k)]);
            if (value < 0) return std::nullopt;
            block = block << 6 | unsigned(value);
        }
        // The bits that padding leaves over must be zero, or two texts would mean the same bytes.
        if ((padding == 1 && (block & 0xFF) != 0) || (padding == 2 && (block & 0xFFFF) != 0)) return std::nullopt;
        out.push_back(std::uint8_t(block >> 16));
        if (padding < 2) out.push_back(std::uint8_t(block >> 8));
        if (padding < 1) out.push_back(std::uint8_t(block));
    }
    return out;
}

std::string base64url(std::span<const std::uint8_t> bytes) {
    std::string out = base64(bytes);
    while (!out.empty() && out.back() == '=') out.pop_back();
    for (char& c : out) c = c == '+' ? '-' : c == '/' ? '_' : c;
    return out;
}

bool equal_in_constant_time(std::string_view a, std::string_view b) {
    return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace tilsyn::crypto
