#include "net/probe_http.hpp"

#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <csignal>
#include <cstdlib>
#include <memory>

#include "net/loopback_listener.hpp"
#include "support/temporary.hpp"

namespace tilsyn::net {
namespace {

using namespace std::chrono_literals;
using test::Connection;
using test::get;
using test::Listener;

constexpr std::string_view ok = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-One: a\r\nX-one: b\r\n\r\nhello";

TEST(HttpProbe, SeesStatusHeadersBodyAndTimes) {
    std::string seen;
    const Listener listener([&](Connection& c) {
        seen = c.read_request();
        c.send(ok);
    });
    auto request = get(listener.url("/a?b=c"));
    request.headers = {{"X-Asked", "yes"}, {"X-Empty", ""}};
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->body, "hello");
    EXPECT_EQ(result->body_bytes, 5u);
    EXPECT_FALSE(result->body_cut());
    EXPECT_EQ(result->final_url, listener.url("/a"));
    EXPECT_EQ(result->remote_address, "127.0.0.1");
    EXPECT_EQ(result->headers.size(), 3u);
    EXPECT_EQ(*result->header("x-one"), "a");
    EXPECT_EQ(result->header("x-two"), nullptr);
    EXPECT_GT(result->timings.connect, Duration(0));
    EXPECT_EQ(result->timings.tls, Duration(0));
    EXPECT_GT(result->timings.first_byte, result->timings.connect);
    EXPECT_GE(result->timings.total, result->timings.first_byte);
    EXPECT_TRUE(seen.starts_with("GET /a?b=c HTTP/1.1\r\n")) << seen;
    EXPECT_NE(seen.find("X-Asked: yes\r\n"), seen.npos);
    EXPECT_NE(seen.find("X-Empty:"), seen.npos);
    EXPECT_NE(seen.find("User-Agent: tilsyn\r\n"), seen.npos);
}

TEST(HttpProbe, SendsMethodAndBody) {
    std::string seen;
    const Listener listener([&](Connection& c) {
        seen = c.read_request();
        c.send(ok);
    });
    auto request = get(listener.url());
    request.method = "PUT";
    request.headers = {{"Content-Type", "application/json"}};
    request.body = std::string(2 << 20, 'x');  // large enough for curl to want a 100 first, which we do not wait for
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_TRUE(seen.starts_with("PUT / HTTP/1.1\r\n"));
    EXPECT_EQ(seen.find("Expect:"), seen.npos);
    EXPECT_TRUE(seen.ends_with("\r\n\r\n" + request.body));
}

TEST(HttpProbe, HeadHasNoBody) {
    const Listener listener([&](Connection& c) {
        c.read_request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n");
    });
    auto request = get(listener.url());
    request.method = "HEAD";
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(*result->header("content-length"), "5000");
    EXPECT_EQ(result->body_bytes, 0u);
}

TEST(HttpProbe, SaysThatNobodyListens) {
    const auto result =
        http_probe(get("http://127.0.0.1:" + std::to_string(test::closed_port()) + "/"), Deadline::in(5s));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::unavailable);
    EXPECT_EQ(result.error().message.key, "net.refused");
}

TEST(HttpProbe, SaysThatTheAnswerDoesNotBegin) {
    const Listener listener([](Connection& c) { c.hang(); });
    const auto begun = std::chrono::steady_clock::now();
    const auto result = http_probe(get(listener.url()), Deadline::in(200ms));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, Code::timeout);
    EXPECT_EQ(result.error().message.key, "net.first-byte-timeout");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
}

TEST(HttpProbe, SaysThatTheAnswerDoesNotEnd) {
    const Listener listener([](Connection& c) {
        c.read_request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
        c.drip(std::string(100000, 'x'), 20);
    });
    const auto begun = std::chrono::steady_clock::now();
    const auto result = http_probe(get(listener.url()), Deadline::in(300ms));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.key, "net.body-timeout");
    EXPECT_LT(std::chrono::steady_clock::now() - begun, 2s);
}

TEST(HttpProbe, SaysThatTheHandshakeDoesNotEnd) {
    const Listener listener([](Connection& c) { c.hang(); });
    const auto result = http_probe(get(listener.url("/", "https")), Deadline::in(200ms));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.key, "net.tls-timeout");
}

TEST(HttpProbe, KeepsABoundedBodyAndCountsTheRest) {
    const Listener listener([](Connection& c) {
        c.read_request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 600000\r\n\r\n" + std::string(600000, 'x'));
    });
    auto request = get(listener.url());
    request.body_kept = 1000;
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->body.size(), 1000u);
    EXPECT_EQ(result->body_bytes, 600000u);
    EXPECT_TRUE(result->body_cut());
}

TEST(HttpProbe, StopsReadingHeadersWithoutEnd) {
    const Listener listener([](Connection& c) {
        c.read_request();
        std::string answer = "HTTP/1.1 200 OK\r\n";
        for (int i = 0; i < 10000; ++i)
            answer += "X-Filler-" + std::to_string(i) + ": " + std::string(40, 'x') + "\r\n";
        c.send(answer);
        c.hang();
    });
    const auto result = http_probe(get(listener.url()), Deadline::in(5s));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.key, "net.headers-too-large");
}

TEST(HttpProbe, SaysWhatIsNotHttpAndWhatIsCutShort) {
    const Listener other([](Connection& c) {
        c.send("SSH-2.0-OpenSSH_9.2\r\n");
        c.hang();
    });
    EXPECT_EQ(http_probe(get(other.url()), Deadline::in(5s)).error().message.key, "net.not-http");
    const Listener silent([](Connection& c) { c.read_request(); });
    EXPECT_EQ(http_probe(get(silent.url()), Deadline::in(5s)).error().message.key, "net.connection-lost");
    const Listener shorter([](Connection& c) {
        c.read_request();
        c.send("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nhello");
    });
    EXPECT_EQ(http_probe(get(shorter.url()), Deadline::in(5s)).error().message.key, "net.cut-short");
}

std::string redirect_to(const std::string& url, int status = 302) {
    return "HTTP/1.1 " + std::to_string(status) +
           " Moved\r\nContent-Length: 0\r\nConnection: close\r\nLocation: " + url + "\r\n\r\n";
}

TEST(HttpProbe, ARedirectIsTheAnswerUnlessFollowed) {
    const Listener listener([](Connection& c) {
        c.read_request();
        c.send(redirect_to("/new"));
    });
    const auto result = http_probe(get(listener.url("/old")), Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 302);
    EXPECT_EQ(*result->header("location"), "/new");
    EXPECT_EQ(result->final_url, listener.url("/old"));
    EXPECT_EQ(listener.accepted(), 1);
}

TEST(HttpProbe, FollowsARedirectAndShowsWhereItEnded) {
    const Listener listener([](Connection& c) {
        const auto seen = c.read_request();
        c.send(seen.starts_with("GET /new?token=secret ") ? std::string(ok) : redirect_to("/new?token=secret", 303));
    });
    auto request = get(listener.url("/old"));
    request.method = "POST";
    request.body = "x";
    request.max_redirects = 1;
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->status, 200);
    EXPECT_EQ(result->redirects, 1u);
    EXPECT_EQ(result->final_url, listener.url("/new"));
}

TEST(HttpProbe, EndsARedirectLoop) {
    const Listener listener([](Connection& c) {
        c.read_request();
        c.send(redirect_to("/again"));
    });
    auto request = get(listener.url());
    request.max_redirects = 4;
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().message.key, "net.too-many-redirects");
    EXPECT_EQ(listener.accepted(), 5);
}

TEST(HttpProbe, ARedirectElsewhereLeavesHeadersAndBodyBehind) {
    std::string seen;
    const Listener elsewhere([&](Connection& c) {
        seen = c.read_request();
        c.send(ok);
    });
    const Listener listener([&](Connection& c) {
        c.read_request();
        c.send(redirect_to(elsewhere.url("/there"), 307));
    });
    auto request = get(listener.url());
    request.headers = {{"X-Api-Key", "secret"}, {"Authorization", "Bearer secret"}};
    request.max_redirects = 1;
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(seen.find("secret"), seen.npos) << seen;
    request.method = "POST";
    request.body = "secret";
    EXPECT_EQ(http_probe(request, Deadline::in(5s)).error().message.key, "net.redirect-with-body");
    EXPECT_EQ(elsewhere.accepted(), 1);
}

TEST(HttpProbe, ARedirectMayNotLeaveHttp) {
    const Listener listener([](Connection& c) {
        c.read_request();
        c.send(redirect_to("file:///etc/passwd"));
    });
    auto request = get(listener.url());
    request.max_redirects = 1;
    EXPECT_FALSE(http_probe(request, Deadline::in(5s)));
}

TEST(HttpProbe, LeavesTheProxyOfTheEnvironmentAlone) {
    ::setenv("http_proxy", "http://127.0.0.1:1", 1);
    ::setenv("ALL_PROXY", "http://127.0.0.1:1", 1);
    const Listener listener([](Connection& c) {
        c.read_request();
        c.send(ok);
    });
    const auto result = http_probe(get(listener.url()), Deadline::in(5s));
    ::unsetenv("http_proxy");
    ::unsetenv("ALL_PROXY");
    ASSERT_TRUE(result) << result.error().detail;
    auto request = get("http://name.invalid/through");
    request.proxy = listener.url();
    EXPECT_TRUE(http_probe(request, Deadline::in(5s))) << "a proxy that is given is used, and looks the name up";
}

TEST(HttpProbe, SpeaksIpv6WhereThereIsSome) {
    const Listener listener(
        [](Connection& c) {
            c.read_request();
            c.send(ok);
        },
        "::1");
    if (!listener.listening()) GTEST_SKIP() << "no IPv6 loopback here";
    auto request = get("http://[::1]:" + std::to_string(listener.port()) + "/");
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_EQ(result->remote_address, "::1");
    request.family = Family::ipv4;
    EXPECT_EQ(http_probe(request, Deadline::in(5s)).error().message.key, "net.name-not-found");
}

TEST(HttpProbe, RefusesWhatIsNoRequest) {
    const auto key = [](const HttpRequest& request) {
        return http_probe(request, Deadline::in(1s)).error().message.key;
    };
    EXPECT_EQ(key(get("ftp://127.0.0.1/")), "net.bad-scheme");
    EXPECT_EQ(key(get("file:///etc/passwd")), "net.bad-scheme");
    EXPECT_EQ(key(get("http://")), "net.bad-url");
    EXPECT_EQ(key(get("http://a b/")), "net.bad-url");
    auto request = get("http://127.0.0.1:1/");
    request.method = "GET /\r\nX: y";
    EXPECT_EQ(key(request), "net.bad-method");
    request.method = "GET";
    request.headers = {{"X-A", "b\r\nX-C: d"}};
    EXPECT_EQ(key(request), "net.bad-header");
    request.headers = {{"X A", "b"}};
    EXPECT_EQ(key(request), "net.bad-header");
}

TEST(HttpProbe, SecretsOfTheAddressNeverShow) {
    EXPECT_EQ(url_for_display("https://user:secret@host.example:8443/path?token=secret#secret"),
              "https://host.example:8443/path");
    EXPECT_EQ(url_for_display("https://user:sec ret@host"), "https://host");
    EXPECT_EQ(url_for_display("odd://user:secret@host/x?secret"), "odd://host/x");
    auto url = "http://user:secret@127.0.0.1:" + std::to_string(test::closed_port()) + "/x?token=secret";
    const auto result = http_probe(get(url), Deadline::in(5s));
    ASSERT_FALSE(result);
    for (const auto lang : {Lang::en, Lang::da})
        EXPECT_EQ(render(result.error(), lang).find("secret"), std::string::npos) << render(result.error(), lang);
}

// ---- TLS, with a certificate made here ----

template <class T, void (*free)(T*)>
struct Free {
    void operator()(T* p) const { free(p); }
};
using Key = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY, EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Free<X509, X509_free>>;
using Context = std::unique_ptr<SSL_CTX, Free<SSL_CTX, SSL_CTX_free>>;
using Tls = std::unique_ptr<SSL, Free<SSL, SSL_free>>;

class TlsListener {
  public:
    TlsListener(const char* names, long seconds_valid)
        : ignored_(std::signal(SIGPIPE, SIG_IGN)),
          key_(EVP_EC_gen("P-256")),
          certificate_(make(key_.get(), names, seconds_valid)),
          context_(SSL_CTX_new(TLS_server_method())),
          listener_([this](Connection& c) { serve(c); }) {
        SSL_CTX_use_certificate(context_.get(), certificate_.get());
        SSL_CTX_use_PrivateKey(context_.get(), key_.get());
    }
    std::string url() const { return listener_.url("/", "https"); }
    std::string pem(const tilsyn::test::TemporaryFolder& folder) const {
        const auto path = (folder.path() / "ca.pem").string();
        FILE* file = std::fopen(path.c_str(), "w");
        PEM_write_X509(file, certificate_.get());
        std::fclose(file);
        return path;
    }

  private:
    static X509* make(EVP_PKEY* key, const char* names, long seconds_valid) {
        X509* certificate = X509_new();
        X509_set_version(certificate, 2);
        ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
        X509_gmtime_adj(X509_getm_notBefore(certificate), -7200);
        X509_gmtime_adj(X509_getm_notAfter(certificate), seconds_valid);
        X509_set_pubkey(certificate, key);
        auto* subject = X509_get_subject_name(certificate);
        X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("test"), -1, -1,
                                   0);
        X509_set_issuer_name(certificate, subject);
        auto* extension = X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names);
        X509_add_ext(certificate, extension, -1);
        X509_EXTENSION_free(extension);
        X509_sign(certificate, key, EVP_sha256());
        return certificate;
    }
    void serve(Connection& c) {
        const Tls tls(SSL_new(context_.get()));
        SSL_set_fd(tls.get(), c.fd());
        char buffer[4096];
        if (SSL_accept(tls.get()) != 1 || SSL_read(tls.get(), buffer, sizeof buffer) <= 0) return;
        SSL_write(tls.get(), ok.data(), static_cast<int>(ok.size()));
        SSL_shutdown(tls.get());
    }
    void (*ignored_)(int);  // OpenSSL writes to a socket that the probe may have closed
    Key key_;
    Certificate certificate_;
    Context context_;
    Listener listener_;  // last: its thread uses the others
};

TEST(HttpProbeTls, SaysWhyACertificateIsNotAccepted) {
    const TlsListener server("IP:127.0.0.1", 3600);
    auto request = get(server.url());
    const auto refused = http_probe(request, Deadline::in(5s));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Code::unavailable);
    EXPECT_EQ(refused.error().message.key, "net.certificate-self-signed");
    EXPECT_FALSE(refused.error().detail.empty());

    request.verify = TlsVerify::no;
    const auto seen = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(seen) << seen.error().detail;
    EXPECT_EQ(seen->body, "hello");
    EXPECT_GT(seen->timings.tls, Duration(0));
    ASSERT_TRUE(seen->tls_error);
    EXPECT_EQ(seen->tls_error->key, "net.certificate-self-signed");
}

TEST(HttpProbeTls, AcceptsACertificateThatIsTrusted) {
    const tilsyn::test::TemporaryFolder folder;
    const TlsListener server("IP:127.0.0.1", 3600);
    auto request = get(server.url());
    request.ca_file = server.pem(folder);
    const auto result = http_probe(request, Deadline::in(5s));
    ASSERT_TRUE(result) << result.error().detail;
    EXPECT_FALSE(result->tls_error);
}

TEST(HttpProbeTls, TellsExpiredAndMisnamedCertificatesApart) {
    const tilsyn::test::TemporaryFolder folder;
    const TlsListener expired("IP:127.0.0.1", -3600);
    auto request = get(expired.url());
    request.ca_file = expired.pem(folder);
    EXPECT_EQ(http_probe(request, Deadline::in(5s)).error().message.key, "net.certificate-expired");

    const TlsListener other("DNS:other.example", 3600);
    request = get(other.url());
    request.ca_file = other.pem(folder);
    EXPECT_EQ(http_probe(request, Deadline::in(5s)).error().message.key, "net.certificate-other-name");

    request.ca_file = (folder.path() / "missing.pem").string();
    EXPECT_EQ(http_probe(request, Deadline::in(5s)).error().message.key, "net.bad-ca-file");
}

}  // namespace
}  // namespace tilsyn::net
