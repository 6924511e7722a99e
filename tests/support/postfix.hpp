// For tests: a real postfix on loopback, with TLS and a certificate of its own, that puts all mail to example.com into
// one mailbox. It wants to be started by root.
#pragma once
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <optional>
#include <string>

#include "support/serving.hpp"
#include "support/temporary.hpp"

namespace tilsyn::test {

class Postfix {
  public:
    Postfix() {
        const auto at = folder_.path();
        std::filesystem::permissions(at, std::filesystem::perms(0755));
        for (const auto* name : {"conf", "queue", "data", "mail"}) std::filesystem::create_directory(at / name);
        const auto made = run_command(
            "cd '" + at.string() +
            "' && openssl req -x509 -newkey rsa:2048 -nodes -keyout key.pem -out cert.pem -days 2 -subj /CN=localhost "
            "-addext subjectAltName=DNS:localhost 2>&1 && chown postfix data && chown nobody mail");
        EXPECT_EQ(made.status, 0) << made.output;
        const auto p = at.string();
        std::ofstream(at / "conf/main.cf")
            << "compatibility_level = 3.6\nqueue_directory = " << p << "/queue\ndata_directory = " << p
            << "/data\nmail_owner = postfix\nsetgid_group = postdrop\ninet_interfaces = 127.0.0.1\n"
               "inet_protocols = ipv4\nmyhostname = localhost\nmydestination =\nlocal_recipient_maps =\nalias_maps =\n"
               "virtual_mailbox_domains = example.com\nvirtual_mailbox_base = "
            << p
            << "/mail\nvirtual_mailbox_maps = static:inbox\nvirtual_minimum_uid = 1\nvirtual_uid_maps = static:65534\n"
               "virtual_gid_maps = static:65534\nsmtpd_recipient_restrictions = reject_unauth_destination\n"
               "smtpd_relay_restrictions =\nsmtpd_tls_security_level = may\nsmtpd_tls_cert_file = "
            << p << "/cert.pem\nsmtpd_tls_key_file = " << p
            << "/key.pem\nmaillog_file = /dev/stdout\nmaillog_file_prefixes = /dev\nsmtpd_error_sleep_time = 0\n";
        std::ofstream(at / "conf/master.cf")
            << "127.0.0.1:" << port_
            << " inet n - n - - smtpd\ncleanup unix n - n - 0 cleanup\nqmgr unix n - n 300 1 qmgr\n"
               "rewrite unix - - n - - trivial-rewrite\nbounce unix - - n - 0 bounce\ndefer unix - - n - 0 bounce\n"
               "trace unix - - n - 0 bounce\nvirtual unix - n n - - virtual\nanvil unix - - n - 1 anvil\n"
               "tlsmgr unix - - n 1000? 1 tlsmgr\nproxymap unix - - n - - proxymap\npostlog unix-dgram n - n - 1 "
               "postlogd\nerror unix - - n - - error\nretry unix - - n - - error\n";
        start();
    }
    void start() {
        serving_.emplace(
            std::vector<std::string>{"/usr/sbin/postfix", "-c", (folder_.path() / "conf").string(), "start-fg"}, port_);
    }
    ~Postfix() { stop(); }
    Postfix(const Postfix&) = delete;
    Postfix& operator=(const Postfix&) = delete;
    void stop() {
        // Its master is in a session of its own.
        (void)run_command("postfix -c '" + (folder_.path() / "conf").string() + "' abort 2>&1");
        serving_.reset();
    }
    // "localhost:2525": the name that is in the certificate.
    std::string server() const { return "localhost:" + std::to_string(port_); }
    std::string certificate() const { return (folder_.path() / "cert.pem").string(); }
    // All that was delivered, as a mailbox (RFC 4155). Waits until there are so many messages in it.
    std::string mailbox(int messages) const {
        std::string text;
        for (const auto limit = Deadline::in(20s); !limit.passed(); std::this_thread::yield()) {
            std::ifstream in(folder_.path() / "mail/inbox", std::ios::binary);
            text.assign(std::istreambuf_iterator<char>(in), {});
            int found = 0;
            for (auto at = text.find("From "); at != text.npos; at = text.find("\nFrom ", at + 1)) ++found;
            if (found >= messages) break;
        }
        return text;
    }
    std::filesystem::path inbox() const { return folder_.path() / "mail/inbox"; }

  private:
    TemporaryFolder folder_;
    std::uint16_t port_ = free_port();
    std::optional<Serving> serving_;
};

}  // namespace tilsyn::test
