#include "bench_alert.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <vector>

#include "base/file.hpp"
#include "faults/service.hpp"
#include "support/postfix.hpp"
#include "support/small_policy.hpp"

namespace tilsyn::bench {
namespace {

using Steady = std::chrono::steady_clock;
using namespace std::chrono_literals;

constexpr const char* policy = R"([control.page]
title = { da = "Siden svarer", en = "The page answers" }
promises = ["P1"]
every = "5s"
retries = 2
retry_after = "1s"
timeout = "5s"
severity = "high"
owner = "it"
[control.page.check]
kind = "http"
url = "http://127.0.0.1:PORT/"
)";

double since(Steady::time_point begun) {
    return std::chrono::duration<double>(Steady::now() - begun).count();
}

// So few of one service that it does not come to flap, when it would not be called up again at once.
constexpr int most_of_one = 3;

void some(int outages, std::vector<double>& down, std::vector<double>& up) {
    const test::TemporaryFolder folder;
    std::filesystem::permissions(folder.path(), std::filesystem::perms(0755));
    const auto port = test::free_port();
    const auto conf = folder.path() / "nginx.conf";
    std::ofstream(conf) << "daemon off; pid " << (folder.path() / "pid").string()
                        << "; error_log stderr; events {} http { access_log off; client_body_temp_path "
                        << (folder.path() / "body").string() << "; server { listen 127.0.0.1:" << port
                        << "; location / { return 200 'well'; } } }";
    const std::vector<std::string> nginx{"/usr/sbin/nginx", "-c", conf.string()};
    std::optional<test::Serving> page(std::in_place, nginx, port);
    test::Postfix postfix;
    auto text = test::small_policy(policy);
    text.replace(text.find("PORT"), 4, std::to_string(port));
    const auto data = folder.path() / "data";
    const auto key = test::make_data_folder(data, {}, text);
    if (!write_file(data / "channels.toml",
                    "[channel.mail]\ntype = \"mail\"\nserver = \"" + postfix.server() +
                        "\"\nfrom = \"tilsyn@example.com\"\nto = [\"ops@example.com\"]\nca = \"" +
                        postfix.certificate() + "\"\n"))
        return fmt::print("  cannot write\n");
    test::Service service(data, key);
    service.start();
    for (int outage = 0; outage < outages; ++outage) {
        // At any point of the interval.
        std::this_thread::sleep_for(std::chrono::milliseconds(6000 + 700 * outage));
        auto begun = Steady::now();
        page.reset();
        (void)postfix.mailbox(2 * outage + 1);
        down.push_back(since(begun));
        page.emplace(nginx, port);
        begun = Steady::now();
        (void)postfix.mailbox(2 * outage + 2);
        up.push_back(since(begun));
    }
}

}  // namespace

void alert(int outages) {
    std::vector<double> down, up;
    for (int left = outages; left > 0; left -= most_of_one) some(std::min(left, most_of_one), down, up);
    std::ranges::sort(down);
    std::ranges::sort(up);
    fmt::print("From a web server that dies to a mail in a mailbox: every 5 s, 2 confirmations, {} outages\n", outages);
    fmt::print("  told:            median {:.1f} s, worst {:.1f} s   (aim: 10)\n", down[down.size() / 2], down.back());
    fmt::print("  told of its end: median {:.1f} s, worst {:.1f} s\n", up[up.size() / 2], up.back());
}

}  // namespace tilsyn::bench
