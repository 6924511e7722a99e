#include "net/process.hpp"

#include <fcntl.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <optional>

#include "net/fd.hpp"

namespace tilsyn::net {
namespace {

using std::chrono::milliseconds;
using Steady = std::chrono::steady_clock;

constexpr std::size_t longest_line = 1 << 20;
constexpr auto look_again = milliseconds(100);
constexpr auto last_words = milliseconds(2000);  // what is in the pipes when it has ended

Fail cannot(const ProcessRequest& request, int error) {
    const auto& program = request.arguments.front();
    auto failed = fail(error == ENOENT ? Code::not_found : Code::io, "net.cannot-run", {{"program", program}})
                      .detail(std::strerror(error));
    return error == ENOENT ? std::move(failed).hint("net.cannot-run-hint") : std::move(failed);
}

Fail cannot_enter(const ProcessRequest& request, int error) {
    return fail(error == ENOENT ? Code::not_found : Code::io, "net.no-folder", {{"path", request.folder.string()}})
        .detail(std::strerror(error));
}

// What a child that could not become the program says of it.
struct Stumble {
    int error = 0;
    bool folder = false;  // at entering it
};

struct Pipe {
    Fd read, write;
    static std::optional<Pipe> make() {
        int ends[2];
        if (::pipe2(ends, O_CLOEXEC) != 0) return std::nullopt;
        return Pipe{Fd(ends[0]), Fd(ends[1])};
    }
};

// A file without a name, in memory, sealed: the child reads it through /dev/fd.
Fd in_memory(const char* name, std::string_view content) {
    Fd file(::memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING));
    if (file && ::fchmod(file.get(), 0600) != 0) return {};  // libpq and ssh look at that
    for (std::size_t done = 0; file && done < content.size();) {
        const auto count = ::write(file.get(), content.data() + done, content.size() - done);
        if (count < 0 && errno == EINTR) continue;
        if (count <= 0) return {};
        done += std::size_t(count);
    }
    if (file && (::lseek(file.get(), 0, SEEK_SET) != 0 ||
                 ::fcntl(file.get(), F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) != 0))
        return {};
    return Fd(::fcntl(file.get(), F_DUPFD_CLOEXEC, 10));  // clear of the three that every program has
}

std::string found(const std::string& program) {
    if (program.find('/') != program.npos) return program;
    for (const std::string folder : {"/usr/local/bin/", "/usr/bin/", "/bin/"})
        if (::access((folder + program).c_str(), X_OK) == 0) return folder + program;
    return program;
}

// Keeps the beginning and the end, and hands on lines.
class Collector {
  public:
    Collector(std::size_t kept, const std::function<void(std::string_view)>& on_line)
        : half_(kept / 2), on_line_(on_line ? &on_line : nullptr) {}

    void take(std::string_view bytes) {
        count_ += bytes.size();
        if (on_line_ != nullptr) lines(bytes);
        const auto first = std::min(bytes.size(), half_ - std::min(half_, head_.size()));
        head_.append(bytes.substr(0, first));
        tail_.append(bytes.substr(first));
        if (tail_.size() > 4 * half_ + 65536) tail_.erase(0, tail_.size() - half_);
    }
    ProcessStream finish() {
        if (on_line_ != nullptr && !line_.empty()) (*on_line_)(line_);
        if (tail_.size() > half_) tail_.erase(0, tail_.size() - half_);
        return {head_ + tail_, count_};
    }

  private:
    void lines(std::string_view bytes) {
        while (!bytes.empty()) {
            const auto end = bytes.find('\n');
            const auto part = bytes.substr(0, end);
            line_.append(part.substr(0, longest_line - std::min(longest_line, line_.size())));
            bytes.remove_prefix(end == bytes.npos ? bytes.size() : end + 1);
            if (end == std::string_view::npos) return;
            (*on_line_)(line_);
            line_.clear();
        }
    }
    std::size_t half_;
    const std::function<void(std::string_view)>* on_line_;
    std::string head_, tail_, line_;
    std::uint64_t count_ = 0;
};

// All that the child needs, made before fork(): between fork and exec nothing may be allocated.
struct Prepared {
    std::string program, folder;
    std::vector<std::string> arguments, environment;
    std::vector<char*> argv, envp;
    std::vector<Fd> secrets;
    Fd input, walls;  // walls: a Landlock ruleset
    ProcessLimits limits;
    bool confine = false;
};

// Landlock, as far as this kernel knows it: rights to change something are handled, and granted below the folders.
// An empty descriptor: there is no Landlock.
Result<Fd> make_walls(const ProcessRequest& request) {
    const auto version = ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (version < 1) return Fd();
    constexpr std::uint64_t nodes = LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_BLOCK;
    constexpr std::uint64_t since_2 = 1ULL << 13, since_3 = 1ULL << 14;  // move between folders; truncate
    std::uint64_t file = LANDLOCK_ACCESS_FS_WRITE_FILE;
    if (version >= 3) file |= since_3;
    std::uint64_t all = file | nodes | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                        LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
                        LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_SYM;
    if (version >= 2) all |= since_2;
    landlock_ruleset_attr attributes{};
    attributes.handled_access_fs = all;
    Fd rules(int(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof(std::uint64_t), 0)));
    if (!rules) return cannot(request, errno);
    const auto allow = [&](const std::filesystem::path& path, std::uint64_t what) {
        const Fd opened(::open(path.c_str(), O_PATH | O_CLOEXEC));
        landlock_path_beneath_attr rule{};
        rule.allowed_access = what;
        rule.parent_fd = opened.get();
        return opened && ::syscall(SYS_landlock_add_rule, rules.get(), LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0;
    };
    for (const auto& folder : *request.writable)
        if (!allow(folder, all & ~nodes)) return cannot(request, errno);
    if (!allow("/dev/null", file)) return cannot(request, errno);
    return rules;
}

// Of root's powers, those that a restore needs: over the owners and modes of files. Without root there are none to
// drop.
bool drop_powers() {
    for (int power = 0; ::prctl(PR_CAPBSET_READ, power, 0, 0, 0) >= 0; ++power) {
        if (power == CAP_CHOWN || power == CAP_DAC_OVERRIDE || power == CAP_DAC_READ_SEARCH || power == CAP_FOWNER ||
            power == CAP_FSETID)
            continue;
        if (::prctl(PR_CAPBSET_DROP, power, 0, 0, 0) != 0 && errno != EPERM) return false;
    }
    return true;
}

std::string with_secrets(std::string text, const ProcessRequest& request, const std::vector<Fd>& files) {
    for (std::size_t i = 0; i < files.size(); ++i) {
        const auto number = std::to_string(files[i].get());
        for (const auto& [kind, value] : {std::pair("{secret:", "/dev/fd/" + number), std::pair("{fd:", number)}) {
            const auto name = kind + request.secrets[i].first + "}";
            for (auto at = text.find(name); at != text.npos; at = text.find(name, at + value.size()))
                text.replace(at, name.size(), value);
        }
    }
    return text;
}

Result<Prepared> prepare(const ProcessRequest& request) {
    Prepared out;
    out.program = found(request.arguments.front());
    out.folder = request.folder.string();
    out.limits = request.limits;
    for (const auto& [name, content] : request.secrets) {
        out.secrets.push_back(in_memory("secret", content));
        if (!out.secrets.back()) return cannot(request, errno);
    }
    out.input = !request.input_file.empty() ? Fd(::open(request.input_file.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW))
                : request.input.empty()     ? Fd(::open("/dev/null", O_RDONLY | O_CLOEXEC))
                                            : in_memory("input", request.input);
    if (!out.input) return cannot(request, errno);
    out.confine = request.writable.has_value();
    if (out.confine) {
        TRY(out.walls, make_walls(request));
    }
    for (const auto& argument : request.arguments) {
        if (argument.find('\0') != argument.npos) return fail(Code::invalid, "net.nul-in-argument");
        out.arguments.push_back(with_secrets(argument, request, out.secrets));
    }
    out.environment = {"PATH=/usr/local/bin:/usr/bin:/bin", "LC_ALL=C.UTF-8", "TZ=UTC", "HOME=" + out.folder};
    for (const auto& [name, value] : request.environment)
        out.environment.push_back(name + "=" + with_secrets(value, request, out.secrets));
    for (auto& argument : out.arguments) out.argv.push_back(argument.data());
    for (auto& variable : out.environment) out.envp.push_back(variable.data());
    out.argv.push_back(nullptr);
    out.envp.push_back(nullptr);
    return out;
}

bool limit(int what, std::uint64_t value) {
    const rlimit wanted{value, value};
    return value == 0 || ::setrlimit(__rlimit_resource_t(what), &wanted) == 0;
}

// In the child, after fork(): async-signal-safe calls only. The first error goes to the parent, and nothing is run.
[[noreturn]] void become(const Prepared& prepared, pid_t parent, int out, int err, int report) {
    Stumble stumble;
    const auto set_up = [&] {
        if (::setpgid(0, 0) != 0 || ::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return false;
        if (::getppid() != parent) ::_exit(127);  // it died before we asked to be told
        if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return false;
        sigset_t none;
        ::sigemptyset(&none);
        for (int number = 1; number < NSIG; ++number) ::signal(number, SIG_DFL);
        ::sigprocmask(SIG_SETMASK, &none, nullptr);
        (void)::setpriority(PRIO_PROCESS, 0, prepared.limits.nice);
        if (!limit(RLIMIT_AS, prepared.limits.memory) || !limit(RLIMIT_FSIZE, prepared.limits.file_size) ||
            !limit(RLIMIT_NOFILE, prepared.limits.open_files) || !limit(RLIMIT_CORE, 0))
            return false;
        if (::dup2(prepared.input.get(), 0) < 0 || ::dup2(out, 1) < 0 || ::dup2(err, 2) < 0) return false;
        if (::syscall(SYS_close_range, 3U, ~0U, 4U /* CLOSE_RANGE_CLOEXEC */) != 0) return false;
        for (const auto& secret : prepared.secrets)
            if (::fcntl(secret.get(), F_SETFD, 0) != 0) return false;
        if (prepared.confine && !drop_powers()) return false;
        if (prepared.walls && ::syscall(SYS_landlock_restrict_self, prepared.walls.get(), 0) != 0) return false;
        stumble.folder = ::chdir(prepared.folder.c_str()) != 0;
        return !stumble.folder;
    };
    if (set_up()) ::execve(prepared.program.c_str(), prepared.argv.data(), prepared.envp.data());
    stumble.error = errno;
    (void)!::write(report, &stumble, sizeof stumble);
    ::_exit(127);
}

class Child {
  public:
    Child(const ProcessRequest& request, Deadline deadline)
        : request_(request),
          deadline_(deadline),
          output_(request.kept, request.on_output),
          error_(request.kept, request.on_error) {}
    ~Child() {
        if (pid_ <= 0 || ended_) return;
        ::kill(-pid_, SIGKILL);
        ::waitpid(pid_, nullptr, 0);
    }
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;

    Result<ProcessResult> run() {
        TRY_VOID(start());
        while (!ended_) {
            look(look_again);
            stop_if_asked();
        }
        for (const auto until = Deadline::in(last_words); (out_.read || err_.read) && !until.passed();)
            look(look_again);
        result_.took = std::chrono::duration_cast<milliseconds>(Steady::now() - begun_);
        result_.output = output_.finish();
        result_.error = error_.finish();
        return std::move(result_);
    }

  private:
    Result<void> start() {
        TRY(const auto prepared, prepare(request_));
        result_.confined = bool(prepared.walls);
        auto out = Pipe::make(), err = Pipe::make(), report = Pipe::make();
        if (!out || !err || !report) return cannot(request_, errno);
        const pid_t parent = ::getpid();
        pid_ = ::fork();
        if (pid_ < 0) return cannot(request_, errno);
        if (pid_ == 0)
            become(prepared, parent, request_.output_to >= 0 ? request_.output_to : out->write.get(), err->write.get(),
                   report->write.get());
        ::setpgid(pid_, pid_);  // whichever of the two is first
        for (auto* pipe : {&*out, &*err, &*report}) pipe->write.close();
        Stumble stumble;
        ssize_t count = 0;
        while ((count = ::read(report->read.get(), &stumble, sizeof stumble)) < 0 && errno == EINTR) {
        }
        if (count > 0) {
            ::waitpid(pid_, nullptr, 0);
            ended_ = true;
            return stumble.folder ? cannot_enter(request_, stumble.error) : cannot(request_, stumble.error);
        }
        watch_ = Fd(int(::syscall(SYS_pidfd_open, pid_, 0)));
        if (!watch_) return cannot(request_, errno);
        for (const auto* pipe : {&*out, &*err}) ::fcntl(pipe->read.get(), F_SETFL, O_NONBLOCK);
        out_ = std::move(*out);
        err_ = std::move(*err);
        return {};
    }

    // Waits a while for output or the end.
    void look(milliseconds limit) {
        std::array<pollfd, 3> watched{
            {{out_.read.get(), POLLIN, 0}, {err_.read.get(), POLLIN, 0}, {ended_ ? -1 : watch_.get(), POLLIN, 0}}};
        if (::poll(watched.data(), watched.size(), int(limit.count())) <= 0) return;
        if (watched[0].revents != 0) drain(out_.read, output_);
        if (watched[1].revents != 0) drain(err_.read, error_);
        if (watched[2].revents != 0) reap();
    }

    static void drain(Fd& from, Collector& to) {
        std::array<char, 65536> buffer;
        const auto count = ::read(from.get(), buffer.data(), buffer.size());
        if (count > 0)
            to.take({buffer.data(), std::size_t(count)});
        else if (count == 0 || (errno != EAGAIN && errno != EINTR))
            from.close();
    }

    void reap() {
        siginfo_t info{};
        if (::waitid(P_PID, id_t(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 || info.si_pid != pid_) return;
        // What it left behind, as long as the number of the group is still its own; then the pipes close, too.
        ::kill(-pid_, SIGKILL);
        int status = 0;
        rusage used{};
        if (::wait4(pid_, &status, 0, &used) != pid_) return;
        ended_ = true;
        const auto span = [](const timeval& t) {
            return std::chrono::duration_cast<milliseconds>(std::chrono::seconds(t.tv_sec) +
                                                            std::chrono::microseconds(t.tv_usec));
        };
        result_.cpu = span(used.ru_utime) + span(used.ru_stime);
        result_.peak_memory = std::uint64_t(used.ru_maxrss) * 1024;
        result_.code = WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status);
        if (why_)
            result_.end = *why_;
        else
            result_.end = WIFEXITED(status) ? ProcessResult::End::exited : ProcessResult::End::signalled;
    }

    void stop_if_asked() {
        if (ended_) return;
        if (!why_) {
            if (deadline_.passed())
                why_ = ProcessResult::End::timed_out;
            else if (request_.stopping && request_.stopping())
                why_ = ProcessResult::End::stopped;
            else
                return;
        }
        constexpr std::array signals{SIGINT, SIGTERM, SIGKILL};
        if (sent_ == signals.size() || Steady::now() < next_signal_) return;
        ::kill(-pid_, signals[sent_++]);
        next_signal_ = Steady::now() + request_.grace;
    }

    const ProcessRequest& request_;
    Deadline deadline_;
    Collector output_, error_;
    Pipe out_, err_;
    Fd watch_;
    pid_t pid_ = -1;
    bool ended_ = false;
    std::optional<ProcessResult::End> why_;  // we have stopped it
    std::size_t sent_ = 0;
    Steady::time_point next_signal_{}, begun_ = Steady::now();
    ProcessResult result_;
};

}  // namespace

Result<ProcessResult> run_process(const ProcessRequest& request, Deadline deadline) {
    if (request.arguments.empty()) return fail(Code::invalid, "net.no-program");
    return Child(request, deadline).run();
}

}  // namespace tilsyn::net
