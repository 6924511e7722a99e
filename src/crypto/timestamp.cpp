#include "crypto/timestamp.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/pkcs7.h>
#include <openssl/ts.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <new>
#include <vector>

#include "base/random.hpp"
#include "base/text.hpp"

namespace tilsyn::crypto {
namespace {

template <auto release>
struct Releaser {
    template <class T>
    void operator()(T* thing) const {
        release(thing);
    }
};
void free_stack(STACK_OF(X509) * stack) {
    sk_X509_free(stack);  // the certificates are not its own
}
template <class T, auto release>
using Owned = std::unique_ptr<T, Releaser<release>>;
using Response = Owned<TS_RESP, TS_RESP_free>;
using Certificate = Owned<X509, X509_free>;
using Store = Owned<X509_STORE, X509_STORE_free>;

// OpenSSL fails to make a thing only when memory is out.
template <class T>
T* made(T* thing) {
    if (thing == nullptr) throw std::bad_alloc();
    return thing;
}
void done(bool ok) {
    if (!ok) throw std::bad_alloc();
}

// OpenSSL's errors of this thread since the last call, in one line.
std::string take_errors() {
    std::string out;
    const char* data = nullptr;
    int flags = 0;
    while (const auto error = ERR_get_error_all(nullptr, nullptr, nullptr, &data, &flags)) {
        const char* reason = ERR_reason_error_string(error);
        if (!out.empty()) out += "; ";
        out += reason == nullptr ? "error " + std::to_string(error) : reason;
        if ((flags & ERR_TXT_STRING) != 0 && data != nullptr && *data != '\0') out += std::string(" (") + data + ")";
    }
    return out;
}

Fail malformed(std::string why) {
    return fail(Code::invalid, "stamp.malformed").detail(std::move(why));
}

// A stranger's words, fit for a line on a terminal.
std::string plain(std::string_view text) {
    if (!valid_utf8(text)) return "?";
    std::string out;
    for (std::size_t i = 0; i < text.size(); ++i) {
        const auto byte = std::uint8_t(text[i]);
        const bool c1 = byte == 0xc2 && i + 1 < text.size() && std::uint8_t(text[i + 1]) < 0xa0;
        if (c1) ++i;
        out += byte < 0x20 || byte == 0x7f || c1 ? ' ' : text[i];
    }
    return shorten(out, 200);
}

std::string_view bytes_of(const ASN1_STRING* text) {
    return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)), std::size_t(ASN1_STRING_length(text))};
}

// Absent, negative or beyond `most`: nullopt.
std::optional<std::int64_t> small_number(const ASN1_INTEGER* number, std::int64_t most) {
    std::int64_t value = 0;
    if (number == nullptr || ASN1_INTEGER_get_int64(&value, number) != 1 || value < 0 || value > most) return {};
    return value;
}

// The bytes of a number that is not negative, most significant first; as text, since that is what compares.
std::optional<std::string> number_bytes(const ASN1_INTEGER* number) {
    if (number == nullptr || ASN1_STRING_type(number) != V_ASN1_INTEGER) return {};
    auto bytes = bytes_of(number);
    while (bytes.size() > 1 && bytes.front() == '\0') bytes.remove_prefix(1);
    return std::string(bytes);
}

std::string name_of(const X509* certificate) {
    const Owned<BIO, BIO_free> out(made(BIO_new(BIO_s_mem())));
    X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253 & ~ASN1_STRFLGS_ESC_MSB);
    char* data = nullptr;
    const auto size = BIO_get_mem_data(out.get(), &data);
    return plain({data, std::size_t(std::max(size, 0L))});
}

std::string oid_text(const ASN1_OBJECT* oid) {
    std::array<char, 256> text{};
    const int size = OBJ_obj2txt(text.data(), int(text.size()), oid, 1);
    return size <= 0 || std::size_t(size) >= text.size() ? std::string() : std::string(text.data());
}

// YYYYMMDDhhmmss[.s...]Z: the one form that RFC 3161 allows.
std::optional<Timestamp> parse_time(std::string_view text) {
    const auto digits = [](std::string_view part) {
        return !part.empty() && std::ranges::all_of(part, [](char c) { return c >= '0' && c <= '9'; });
    };
    if (text.size() < 15 || text.size() > 32 || !text.ends_with('Z') || !digits(text.substr(0, 14))) return {};
    auto fraction = text.substr(14, text.size() - 15);
    if (!fraction.empty()) {
        if (fraction.front() != '.' || !digits(fraction.substr(1))) return {};
        fraction = fraction.substr(1, 6);
    }
    const auto part = [&](std::size_t at, std::size_t size) { return std::string(text.substr(at, size)); };
    auto iso = part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2) + "T" + part(8, 2) + ":" + part(10, 2) + ":" +
               part(12, 2) + (fraction.empty() ? "" : "." + std::string(fraction)) + "Z";
    const auto parsed = parse_utc(iso);
    return parsed ? std::optional(*parsed) : std::nullopt;
}

// Each part may be absent; nullopt: one of them is out of bounds.
std::optional<Duration> accuracy_of(const TS_ACCURACY* accuracy) {
    Duration sum{0};
    const auto add = [&](const ASN1_INTEGER* number, std::int64_t least, std::int64_t most, Duration unit) {
        if (number == nullptr) return true;
        const auto value = small_number(number, most);
        if (value) sum += *value * unit;
        return value && *value >= least;
    };
    constexpr std::int64_t year = 366 * 86400;
    const bool good = add(TS_ACCURACY_get_seconds(accuracy), 0, year, std::chrono::seconds(1)) &&
                      add(TS_ACCURACY_get_millis(accuracy), 1, 999, std::chrono::milliseconds(1)) &&
                      add(TS_ACCURACY_get_micros(accuracy), 1, 999, std::chrono::microseconds(1));
    return good ? std::optional(sum) : std::nullopt;
}

void add_reason(std::string& reason, std::string_view more) {
    if (!reason.empty() && !more.empty()) reason += ", ";
    reason += more;
}

// The authority's own words for why there is no stamp: status, failure and text.
Fail refused(const TS_STATUS_INFO* info, std::int64_t status) {
    static constexpr std::array<std::string_view, 6> states{"granted", "grantedWithMods",   "rejection",
                                                            "waiting", "revocationWarning", "revocationNotification"};
    static constexpr std::array<std::pair<int, std::string_view>, 8> failures{{{0, "badAlg"},
                                                                               {2, "badRequest"},
                                                                               {5, "badDataFormat"},
                                                                               {14, "timeNotAvailable"},
                                                                               {15, "unacceptedPolicy"},
                                                                               {16, "unacceptedExtension"},
                                                                               {17, "addInfoNotAvailable"},
                                                                               {25, "systemFailure"}}};
    auto reason =
        std::size_t(status) < states.size() ? std::string(states[std::size_t(status)]) : std::to_string(status);
    if (const auto* bits = TS_STATUS_INFO_get0_failure_info(info))
        for (const auto& [bit, name] : failures)
            if (ASN1_BIT_STRING_get_bit(bits, bit) == 1) add_reason(reason, name);
    if (const auto* texts = TS_STATUS_INFO_get0_text(info))
        for (int i = 0; i < std::min(sk_ASN1_UTF8STRING_num(texts), 8); ++i)
            add_reason(reason, bytes_of(sk_ASN1_UTF8STRING_value(texts, i)));
    return fail(Code::unavailable, "stamp.refused", {{"reason", plain(reason)}});
}

// A stamp taken apart. Everything belongs to `response`.
struct Parsed {
    Response response;
    PKCS7* token = nullptr;
    TS_TST_INFO* info = nullptr;
    Stamped says;
};

X509* signer_of(const Parsed& parsed) {
    const Owned<STACK_OF(X509), free_stack> signers(PKCS7_get0_signers(parsed.token, nullptr, 0));
    return sk_X509_num(signers.get()) == 1 ? sk_X509_value(signers.get(), 0) : nullptr;
}

Result<Parsed> parse(std::string_view stamp) {
    ERR_clear_error();
    if (stamp.size() > most_stamp_bytes)
        return fail(Code::too_large, "stamp.too-large", {{"limit", std::to_string(most_stamp_bytes)}});
    Parsed parsed;
    const auto* at = as_bytes(stamp).data();
    const auto* const begin = at;
    parsed.response.reset(d2i_TS_RESP(nullptr, &at, long(stamp.size())));
    if (!parsed.response) return malformed(take_errors());
    if (std::size_t(at - begin) != stamp.size()) return malformed("bytes after the end");

    auto* status = TS_RESP_get_status_info(parsed.response.get());
    const auto state = small_number(TS_STATUS_INFO_get0_status(status), 1000);
    if (!state) return malformed("status");
    if (*state > 1) return refused(status, *state);
    parsed.token = TS_RESP_get_token(parsed.response.get());
    parsed.info = TS_RESP_get_tst_info(parsed.response.get());
    if (parsed.token == nullptr || parsed.info == nullptr) return malformed("no token");
    if (sk_X509_num(parsed.token->d.sign->cert) > most_stamp_certificates)
        return fail(Code::too_large, "stamp.too-large", {{"limit", std::to_string(most_stamp_bytes)}})
            .detail("certificates");
    if (sk_PKCS7_SIGNER_INFO_num(PKCS7_get_signer_info(parsed.token)) != 1) return malformed("not one signer");

    const auto at_time = parse_time(bytes_of(TS_TST_INFO_get_time(parsed.info)));
    if (!at_time) return malformed("genTime");
    parsed.says.at = *at_time;
    if (const auto* accuracy = TS_TST_INFO_get_accuracy(parsed.info)) {
        parsed.says.accuracy = accuracy_of(accuracy);
        if (!parsed.says.accuracy) return malformed("accuracy");
    }
    parsed.says.policy = oid_text(TS_TST_INFO_get_policy_id(parsed.info));
    const auto serial = number_bytes(TS_TST_INFO_get_serial(parsed.info));
    if (parsed.says.policy.empty() || !serial || serial->size() > 64) return malformed("policy or serial");
    parsed.says.serial = hex(as_bytes(*serial));
    if (const auto* signer = signer_of(parsed)) parsed.says.tsa = name_of(signer);
    ERR_clear_error();
    return parsed;
}

bool imprint_is(TS_TST_INFO* info, const Sha256& imprint) {
    auto* stated = TS_TST_INFO_get_msg_imprint(info);
    const ASN1_OBJECT* algorithm = nullptr;
    X509_ALGOR_get0(&algorithm, nullptr, nullptr, TS_MSG_IMPRINT_get_algo(stated));
    return OBJ_obj2nid(algorithm) == NID_sha256 && bytes_of(TS_MSG_IMPRINT_get_msg(stated)) == as_text(imprint);
}

// SHA-1 can be made to collide: two stamps, one signature.
bool strong_digest(const PKCS7* token) {
    const auto* signer = sk_PKCS7_SIGNER_INFO_value(token->d.sign->signer_info, 0);
    const ASN1_OBJECT* algorithm = nullptr;
    X509_ALGOR_get0(&algorithm, nullptr, nullptr, signer->digest_alg);
    switch (OBJ_obj2nid(algorithm)) {
        case NID_sha256:
        case NID_sha384:
        case NID_sha512:
        case NID_sha512_256:
        case NID_sha3_256:
        case NID_sha3_384:
        case NID_sha3_512:
            return true;
        default:
            return false;
    }
}

std::string asn1_date(const ASN1_TIME* time) {
    tm parts{};
    if (ASN1_TIME_to_tm(time, &parts) != 1) return "?";
    const auto date = std::chrono::year(parts.tm_year + 1900) / (parts.tm_mon + 1) / parts.tm_mday;
    return format_date(date);
}

Fail not_for_stamping(const Stamped& says) {
    return fail(Code::unauthorized, "stamp.not-for-stamping", {{"tsa", says.tsa}});
}

}  // namespace

struct StampTrust::Certificates {
    std::vector<Certificate> all;
};

Result<StampTrust> StampTrust::parse(std::string_view pem) {
    ERR_clear_error();
    if (pem.size() > most_ca_bytes) return fail(Code::invalid, "stamp.bad-ca").detail("too large");
    const Owned<BIO, BIO_free> in(made(BIO_new_mem_buf(pem.data(), int(pem.size()))));
    // Without a callback OpenSSL would ask at the terminal for the password of something encrypted.
    const auto no_password = [](char*, int, int, void*) { return 0; };
    auto found = std::make_shared<Certificates>();
    while (X509* certificate = PEM_read_bio_X509(in.get(), nullptr, no_password, nullptr))
        found->all.emplace_back(certificate);
    const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
    auto why = take_errors();
    if (!at_end) return fail(Code::invalid, "stamp.bad-ca").detail(std::move(why)).hint("stamp.bad-ca-hint");
    if (found->all.empty())
        return fail(Code::invalid, "stamp.bad-ca").detail("no certificate").hint("stamp.bad-ca-hint");
    StampTrust trust;
    trust.certificates_ = std::move(found);
    return trust;
}

struct StampVerifier {
    const Parsed& parsed;
    const StampTrust& trust;

    // Everything is judged as of genTime: a stamp outlives the certificates that it was made with.
    Store store() const {
        Store store(made(X509_STORE_new()));
        if (trust.certificates_)
            for (const auto& certificate : trust.certificates_->all)
                done(X509_STORE_add_cert(store.get(), certificate.get()) == 1);
        auto* rules = X509_STORE_get0_param(store.get());
        X509_VERIFY_PARAM_set_time(rules,
                                   std::chrono::floor<std::chrono::seconds>(parsed.says.at).time_since_epoch().count());
        X509_VERIFY_PARAM_set_auth_level(rules, 1);  // no certificate signed with SHA-1
        return store;
    }

    // The chain first and apart, since it is where reasons differ that a user can do something about.
    Result<void> check_chain(X509* signer) const {
        // X509_PURPOSE_TIMESTAMP_SIGN below asks for all of it; a certificate without any usage gets its own words.
        if ((X509_get_extension_flags(signer) & EXFLAG_XKUSAGE) == 0 ||
            (X509_get_extended_key_usage(signer) & XKU_TIMESTAMP) == 0)
            return not_for_stamping(parsed.says);
        const auto trusted = store();
        const Owned<X509_STORE_CTX, X509_STORE_CTX_free> context(made(X509_STORE_CTX_new()));
        done(X509_STORE_CTX_init(context.get(), trusted.get(), signer, parsed.token->d.sign->cert) == 1);
        X509_STORE_CTX_set_purpose(context.get(), X509_PURPOSE_TIMESTAMP_SIGN);
        if (X509_verify_cert(context.get()) == 1) return {};
        const int error = X509_STORE_CTX_get_error(context.get());
        const auto* at = X509_STORE_CTX_get_current_cert(context.get());
        std::string why = X509_verify_cert_error_string(error);
        if (at != nullptr) why += ": " + name_of(at);
        ERR_clear_error();
        switch (error) {
            case X509_V_ERR_CERT_HAS_EXPIRED:
            case X509_V_ERR_CERT_NOT_YET_VALID:
                return fail(Code::unauthorized, "stamp.not-valid-then",
                            {{"name", at == nullptr ? parsed.says.tsa : name_of(at)},
                             {"time", format_utc_seconds(parsed.says.at)},
                             {"from", asn1_date(X509_get0_notBefore(at == nullptr ? signer : at))},
                             {"to", asn1_date(X509_get0_notAfter(at == nullptr ? signer : at))}})
                    .detail(why);
            case X509_V_ERR_INVALID_PURPOSE:
                if (X509_STORE_CTX_get_error_depth(context.get()) == 0) return not_for_stamping(parsed.says);
                [[fallthrough]];
            default:
                return fail(Code::unauthorized, "stamp.untrusted", {{"tsa", parsed.says.tsa}})
                    .detail(why)
                    .hint("stamp.untrusted-hint");
        }
    }

    Result<void> check_signature() const {
        const Owned<TS_VERIFY_CTX, TS_VERIFY_CTX_free> context(made(TS_VERIFY_CTX_new()));
        TS_VERIFY_CTX_set_flags(context.get(), TS_VFY_VERSION | TS_VFY_SIGNATURE | TS_VFY_SIGNER);
        TS_VERIFY_CTX_set_store(context.get(), store().release());  // the context's own from here on
        if (TS_RESP_verify_token(context.get(), parsed.token) == 1) return {};
        const int reason = ERR_GET_REASON(ERR_peek_last_error());
        if (reason == TS_R_UNSUPPORTED_VERSION) return malformed(take_errors());
        return fail(Code::corrupt, "stamp.bad-signature", {{"tsa", parsed.says.tsa}}).detail(take_errors());
    }

    static Result<Stamped> verify(std::string_view stamp, const Sha256& imprint, const std::string* nonce,
                                  const StampTrust& trust) {
        TRY(const auto parsed, parse(stamp));
        if (!imprint_is(parsed.info, imprint)) return fail(Code::corrupt, "stamp.wrong-imprint");
        if (nonce != nullptr && number_bytes(TS_TST_INFO_get_nonce(parsed.info)) != *nonce)
            return fail(Code::corrupt, "stamp.wrong-nonce");
        if (!strong_digest(parsed.token)) return fail(Code::unsupported, "stamp.weak-digest");
        auto* signer = signer_of(parsed);
        if (signer == nullptr) return fail(Code::unauthorized, "stamp.no-certificate");
        const StampVerifier verifier{parsed, trust};
        TRY_VOID(verifier.check_chain(signer));
        TRY_VOID(verifier.check_signature());
        return parsed.says;
    }
};

StampRequest request_stamp(std::string_view data) {
    StampRequest out;
    out.imprint = sha256(data);
    // 63 bits, the first of them set: there are authorities that take no longer number, and none is taken for shorter.
    std::array<std::uint8_t, 8> nonce{};
    random_bytes(nonce);
    nonce.front() = std::uint8_t((nonce.front() & 0x3f) | 0x40);
    out.nonce = as_text(nonce);

    const Owned<TS_REQ, TS_REQ_free> request(made(TS_REQ_new()));
    const Owned<TS_MSG_IMPRINT, TS_MSG_IMPRINT_free> imprint(made(TS_MSG_IMPRINT_new()));
    const Owned<X509_ALGOR, X509_ALGOR_free> algorithm(made(X509_ALGOR_new()));
    done(X509_ALGOR_set0(algorithm.get(), OBJ_nid2obj(NID_sha256), V_ASN1_NULL, nullptr) == 1);
    done(TS_MSG_IMPRINT_set_algo(imprint.get(), algorithm.get()) == 1);
    done(TS_MSG_IMPRINT_set_msg(imprint.get(), out.imprint.data(), int(out.imprint.size())) == 1);
    const Owned<BIGNUM, BN_free> value(made(BN_bin2bn(nonce.data(), int(nonce.size()), nullptr)));
    const Owned<ASN1_INTEGER, ASN1_INTEGER_free> number(made(BN_to_ASN1_INTEGER(value.get(), nullptr)));
    done(TS_REQ_set_version(request.get(), 1) == 1 && TS_REQ_set_msg_imprint(request.get(), imprint.get()) == 1 &&
         TS_REQ_set_nonce(request.get(), number.get()) == 1 && TS_REQ_set_cert_req(request.get(), 1) == 1);
    const int size = i2d_TS_REQ(request.get(), nullptr);
    done(size > 0);
    out.der.resize(std::size_t(size));
    auto* at = reinterpret_cast<unsigned char*>(out.der.data());
    done(i2d_TS_REQ(request.get(), &at) == size);
    return out;
}

Result<Stamped> verify_stamp(std::string_view stamp, const StampRequest& request, const StampTrust& trust) {
    return StampVerifier::verify(stamp, request.imprint, &request.nonce, trust);
}

Result<Stamped> verify_stamp(std::string_view stamp, std::string_view data, const StampTrust& trust) {
    return StampVerifier::verify(stamp, sha256(data), nullptr, trust);
}

Result<Stamped> read_stamp(std::string_view stamp) {
    TRY(auto parsed, parse(stamp));
    return std::move(parsed.says);
}

}  // namespace tilsyn::crypto
