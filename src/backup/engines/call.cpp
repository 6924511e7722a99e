#include "backup/engines/call.hpp"

#include "base/text.hpp"

namespace tilsyn::backup {

Result<Called> call(net::ProcessRequest request, const Watch& watch) {
    request.stopping = watch.stopping;
    const auto program = request.arguments.front();
    auto ran = net::run_process(request, watch.deadline);
    if (!ran) {
        if (ran.error().code == Code::not_found) ran.error().code = Code::unsupported;  // the program, not a repository
        return std::unexpected(std::move(ran).error());
    }
    auto& result = *ran;
    using End = net::ProcessResult::End;
    if (result.end == End::stopped) return fail(Code::cancelled, "backup.stopped");
    if (result.end == End::timed_out)
        return fail(Code::timeout, "backup.engine-slow", {{"program", program}}).detail(last_words(result.error.text));
    if (result.end == End::signalled)
        return fail(Code::unavailable, "backup.engine-killed",
                    {{"program", program}, {"signal", std::to_string(result.code)}})
            .detail(last_words(result.error.text));
    return Called{result.code, std::move(result.output.text), std::move(result.error.text), result.confined};
}

std::string last_words(std::string_view text, std::size_t most) {
    text = trim(text);
    if (text.size() > most) {
        text.remove_prefix(text.size() - most);
        const auto line = text.find('\n');
        if (line != text.npos) text.remove_prefix(line + 1);
    }
    std::string out;
    for (const char c : text)
        if (static_cast<unsigned char>(c) >= 0x20 || c == '\n') out += c;
    return valid_utf8(out) ? out : escape_path(out);
}

Fail failed(const RepositoryAccess& access, const Called& called, std::span<const Meaning> meanings) {
    const auto said = lower_ascii(called.error + "\n" + called.output);
    auto code = Code::unavailable;
    std::string_view key = "backup.engine-failed";
    for (const auto& meaning : meanings) {
        if (said.find(meaning.text) == said.npos) continue;
        code = meaning.code;
        key = meaning.key;
        break;
    }
    const auto& words = trim(called.error).empty() ? called.output : called.error;
    return fail(code, key,
                {{"repository", access.id}, {"program", access.engine}, {"code", std::to_string(called.code)}})
        .detail(last_words(words));
}

std::string percent_encoded(std::string_view text) {
    constexpr std::string_view digits = "0123456789ABCDEF";
    std::string out;
    for (const char c : text) {
        const auto byte = static_cast<unsigned char>(c);
        const bool plain =
            (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
        if (plain)
            out += c;
        else
            ((out += '%') += digits[byte >> 4]) += digits[byte & 15];
    }
    return out;
}

std::vector<std::string> ssh_command(const RepositoryAccess& access) {
    std::vector<std::string> command{"ssh",
                                     "-oBatchMode=yes",
                                     "-oStrictHostKeyChecking=yes",
                                     "-oConnectTimeout=20",
                                     "-oServerAliveInterval=20",
                                     "-oServerAliveCountMax=3"};
    if (!access.ssh_key.empty())
        command.insert(command.end(), {"-oIdentitiesOnly=yes", "-i" + access.ssh_key.string()});
    if (!access.known_hosts.empty()) command.push_back("-oUserKnownHostsFile=" + access.known_hosts.string());
    return command;
}

Result<void> Engine::stream(const std::string&, int, const Watch&) {
    return fail(Code::unsupported, "backup.no-stream");
}

Result<std::unique_ptr<Engine>> open_engine(RepositoryAccess access) {
    // An engine would take it for an option, or look in a folder that depends on where it runs.
    const bool remote = access.location.find(':') != std::string::npos;
    if (access.location.empty() || access.location.front() == '-' || access.location.find('\0') != std::string::npos ||
        (!remote && access.location.front() != '/'))
        return fail(Code::invalid, "backup.bad-location", {{"repository", access.id}, {"location", access.location}});
    if (access.engine == "restic") return make_restic(std::move(access));
    if (access.engine == "borg") return make_borg(std::move(access));
    if (access.engine == "rclone") return make_rclone(std::move(access));
    return fail(Code::invalid, "backup.no-engine", {{"repository", access.id}, {"engine", access.engine}});
}

}  // namespace tilsyn::backup
