#include <algorithm>
#include <charconv>
#include <filesystem>
#include <map>
#include <set>
#include <sstream>

#include "app/init.hpp"
#include "base/file.hpp"
#include "base/text.hpp"

namespace tilsyn::app {
namespace {

std::string read_line(const std::string& path) {
    const auto content = read_file(path, 1 << 20);
    return content ? std::string(trim(content->substr(0, content->find('\n')))) : std::string();
}

std::map<std::string, std::string> os_release(const std::string& root) {
    std::map<std::string, std::string> values;
    const auto content = read_file(root + "/etc/os-release", 1 << 20);
    if (!content) return values;
    for (const auto line : split(*content, '\n')) {
        const auto equals = line.find('=');
        if (equals == line.npos) continue;
        auto value = line.substr(equals + 1);
        if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
        values[std::string(line.substr(0, equals))] = value;
    }
    return values;
}

std::string as_id(std::string_view name) {
    std::string id;
    for (const char c : lower_ascii(name))
        id += (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ? c : '-';
    while (!id.empty() && (id.front() == '-' || id.front() == '.')) id.erase(0, 1);
    return id.empty() ? "machine" : id.substr(0, 48);  // leaves room for a port behind it
}

// The first http source of packages: sources.list(5), both its one-line and its deb822 form.
std::string package_source(const std::string& root, const std::string& codename) {
    if (codename.empty()) return {};  // testing and unstable have none: the address would lead nowhere
    std::vector<std::string> files{root + "/etc/apt/sources.list"};
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(root + "/etc/apt/sources.list.d", error))
        files.push_back(entry.path());
    std::ranges::sort(files);
    for (const auto& file : files) {
        const auto content = read_file(file, 1 << 20);
        if (!content) continue;
        for (const auto raw : split(*content, '\n')) {
            const auto line = trim(raw);
            if (line.starts_with("#") || (!line.starts_with("deb ") && !line.starts_with("URIs:"))) continue;
            std::istringstream words{std::string(line)};
            for (std::string word; words >> word;) {
                if (!word.starts_with("http://") && !word.starts_with("https://")) continue;
                while (word.ends_with('/')) word.pop_back();
                if (word.ends_with("-security")) continue;  // its suites are named otherwise
                return word + "/dists/" + codename + "/InRelease";
            }
        }
    }
    return {};
}

// Ports below 1024 and a few well-known ones that something listens on (proc(5), /proc/net/tcp: state 0A).
std::map<int, std::string> listening(const std::string& root) {
    static const std::map<int, std::string> known{
        {22, "SSH"},    {25, "SMTP"},      {53, "DNS"},          {80, "HTTP"},        {110, "POP3"},
        {143, "IMAP"},  {443, "HTTPS"},    {465, "SMTPS"},       {587, "Submission"}, {993, "IMAPS"},
        {995, "POP3S"}, {3306, "MariaDB"}, {5432, "PostgreSQL"}, {8080, "HTTP"},      {8443, "HTTPS"}};
    std::map<int, std::string> found;
    for (const char* file : {"/proc/net/tcp", "/proc/net/tcp6"}) {
        const auto content = read_file(root + file, 8 << 20);
        if (!content) continue;
        for (const auto line : split(*content, '\n')) {
            std::istringstream words{std::string(line)};
            std::string slot, local, remote, state;
            words >> slot >> local >> remote >> state;
            const auto colon = local.rfind(':');
            if (state != "0A" || colon == local.npos) continue;
            int port = 0;  // what is not a number stays 0, which is nobody's
            std::from_chars(local.data() + colon + 1, local.data() + local.size(), port, 16);
            const auto name = known.find(port);
            if (name != known.end()) found[port] = name->second;
        }
    }
    return found;
}

}  // namespace

std::vector<Discovered> discover(const std::string& root, const std::filesystem::path& data) {
    std::vector<Discovered> found;
    auto hostname = read_line(root + "/proc/sys/kernel/hostname");
    if (hostname.empty()) hostname = read_line(root + "/etc/hostname");
    if (hostname.empty()) hostname = "localhost";
    const auto server = as_id(hostname);
    auto os = os_release(root);
    found.push_back(
        {"servers",
         server,
         {{"name", hostname}, {"hostname", hostname}, {"operating_system", os["PRETTY_NAME"]}, {"status", "in_use"}}});
    if (const auto source = package_source(root, os["VERSION_CODENAME"]); !source.empty())
        found.push_back({"services",
                         "package-source",
                         {{"name", "Package source of " + hostname},
                          {"url", source},
                          {"probe", "http"},
                          {"public", "false"},
                          {"status", "in_use"}}});
    for (const auto& [port, name] : listening(root))
        found.push_back({"services",
                         server + "-" + std::to_string(port),
                         {{"name", name + " on " + hostname},
                          {"host", "localhost"},
                          {"port", std::to_string(port)},
                          {"probe", "tcp"},
                          {"server", server},
                          {"public", "false"},
                          {"status", "in_use"}}});
    found.push_back({"data-sets",
                     "tilsyn",
                     {{"name", "Tilsyn: " + data.string()},
                      {"class", "own"},
                      {"status", "in_use"},
                      {"server", server},
                      {"personal_data", "true"},
                      {"criticality", "high"},
                      {"max_loss", "24h"},
                      {"max_downtime", "4h"},
                      {"sets_required", "7"},
                      {"source", "tilsyn"}}});
    return found;
}

}  // namespace tilsyn::app
