#include "support/s3.hpp"

#include <pwd.h>
#include <unistd.h>

#include <fstream>

namespace tilsyn::test {
namespace {

void write(const std::filesystem::path& path, const std::string& text) {
    std::ofstream(path) << text;
}

void run(const std::string& command) {
    const auto ran = run_command(command + " 2>&1");
    if (ran.status != 0) throw std::runtime_error(command + ": " + ran.output);
}

std::string common(const std::filesystem::path& base, std::uint16_t port) {
    const std::string folder = base.string();
    return "[DEFAULT]\nbind_ip = 127.0.0.1\nbind_port = " + std::to_string(port) +
           "\nworkers = 0\nuser = " + ::getpwuid(::geteuid())->pw_name + "\nswift_dir = " + folder +
           "\ndevices = " + folder + "/disks\nmount_check = false\nlog_address = " + folder +
           "/none\nrecon_cache_path = " + folder + "/cache\n";
}

}  // namespace

S3Server::S3Server() {
    const auto base = folder_.path();
    for (const auto* name : {"disks/d1", "cache"}) std::filesystem::create_directories(base / name);
    write(base / "swift.conf",
          "[swift-hash]\nswift_hash_path_suffix = test\nswift_hash_path_prefix = test\n[storage-policy:0]\nname = "
          "Policy-0\ndefault = yes\n");
    for (const std::string name : {"account", "container", "object"}) {
        const auto port = free_port();
        write(base / (name + ".conf"), common(base, port) + "[pipeline:main]\npipeline = " + name +
                                           "-server\n[app:" + name + "-server]\nuse = egg:swift#" + name + "\n");
        const auto ring = "swift-ring-builder '" + (base / (name + ".builder")).string() + "' ";
        run(ring + "create 4 1 0");
        run(ring + "add r1z1-127.0.0.1:" + std::to_string(port) + "/d1 1");
        // Its exit code says whether anything had to be moved.
        (void)run_command(ring + "rebalance >/dev/null 2>&1");
        stores_.push_back(std::make_unique<Serving>(
            std::vector<std::string>{"swift-" + name + "-server", (base / (name + ".conf")).string(), "-v"}, port));
    }
    run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -addext "
        "subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout '" +
        (base / "key.pem").string() + "' -out '" + certificate().string() + "'");
    port_ = free_port();
    write(base / "front.conf", common(base, port_) + "cert_file = " + certificate().string() +
                                   "\nkey_file = " + (base / "key.pem").string() +
                                   R"(
[pipeline:main]
pipeline = catch_errors cache listing_formats bulk s3api tempauth slo versioned_writes proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:listing_formats]
use = egg:swift#listing_formats
[filter:bulk]
use = egg:swift#bulk
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:tempauth]
use = egg:swift#tempauth
user_test_tester = )" + secret_key() +
                                   R"( .admin
[filter:slo]
use = egg:swift#slo
[filter:versioned_writes]
use = egg:swift#versioned_writes
)");
    start_front();
}

std::string S3Server::location(const std::string& bucket) const {
    return "s3:https://localhost:" + std::to_string(port_) + "/" + bucket;
}

void S3Server::stop_front() {
    front_.reset();
}

void S3Server::start_front() {
    front_.emplace(std::vector<std::string>{"swift-proxy-server", (folder_.path() / "front.conf").string(), "-v"},
                   port_);
}

}  // namespace tilsyn::test
