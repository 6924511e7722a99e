// Time stamps as a stranger sends them: nothing crashes, and what verifies also reads, and says the same. The root is
// the one of the seeds, so that the way through chain and signature is open.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "crypto/timestamp.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace tilsyn::crypto;
    static const auto trust = StampTrust::parse(R"(
-----BEGIN CERTIFICATE-----
MIIBbTCCARKgAwIBAgIUHGWfriswy3/oJVP0WxFGDS59jF8wCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJVGVzdCByb290MB4XDTAwMDEwMTAwMDAwMFoXDTQ5MDEwMTAw
MDAwMFowFDESMBAGA1UEAwwJVGVzdCByb290MFkwEwYHKoZIzj0CAQYIKoZIzj0D
AQcDQgAE+juyOMPO2hAEGIIExM1OOji91uYd3H4FZWeUcaZ/QxwujKzem/NXCOp/
6AmnK4BnFlpg0U3pK9YgosiGC+G3qaNCMEAwDwYDVR0TAQH/BAUwAwEB/zAOBgNV
HQ8BAf8EBAMCAgQwHQYDVR0OBBYEFJ0Rj2T2yf5tIMYKcfztGbaRjqcGMAoGCCqG
SM49BAMCA0kAMEYCIQDTrsfvys000UXMGuD5k5wC/uaXgv6uxYu1/SwEvCIErQIh
AKLmGF2zIql2wdDQU75YLBbvwxBYIjApHp/lgXPNT9B8
-----END CERTIFICATE-----
)")
                                  .value();
    static const std::string note = "example.com/log\n1234\nQUJD\n";
    const std::string_view input(reinterpret_cast<const char*>(data), size);
    const auto read = read_stamp(input);
    const auto verified = verify_stamp(input, note, trust);
    if (verified && (!read || *read != *verified)) std::abort();
    if (verified && read->tsa != "CN=Test stamps") std::abort();
    (void)StampTrust::parse(input);
    return 0;
}
