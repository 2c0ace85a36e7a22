#include "octet/jobs/graphviz.h"

#include <spawn.h>     // posix_spawnp
#include <sys/mman.h>  // memfd_create
#include <sys/wait.h>  // waitpid
#include <unistd.h>    // write, pread

#include <array>
#include <cerrno>
#include <string_view>
#include <system_error>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves the declaration to the program

namespace octet {
namespace {

constexpr std::size_t kMaxMessage = 300;

Error failed(const char* what, int number) {
  return {ErrorCode::internal, "dot", std::string(what) + ": " + std::generic_category().message(number)};
}

/// A file without a name, in memory: neither side can block the other as with pipes.
class MemoryFile {
 public:
  explicit MemoryFile(const char* name) : fd_(::memfd_create(name, MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

  Result<void> fill(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return failed("cannot pass the drawing", errno);
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    ::lseek(fd_, 0, SEEK_SET);
    return {};
  }

  [[nodiscard]] std::string content() const {
    std::string text;
    std::array<char, 1 << 16> block{};
    for (ssize_t count = 0; (count = ::pread(fd_, block.data(), block.size(), static_cast<off_t>(text.size()))) > 0;) {
      text.append(block.data(), static_cast<std::size_t>(count));
    }
    return text;
  }

 private:
  int fd_ = -1;
};

/// Runs `dot -Tsvg` on these three files and returns its exit status.
Result<int> run_dot(int in, int out, int err) {
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in, STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  std::string program = "dot";
  std::string format = "-Tsvg";
  const std::array<char*, 3> arguments{program.data(), format.data(), nullptr};
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, arguments.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) {
    return Error{ErrorCode::not_found, "dot", "the program is not installed (Debian package graphviz)"};
  }
  if (error != 0) return failed("cannot be started", error);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return failed("cannot be waited for", errno);
  }
  return status;
}

}  // namespace

Result<std::string> render_svg(const std::string& dot) {
  const MemoryFile in("octet-dot");
  const MemoryFile out("octet-svg");
  const MemoryFile err("octet-dot-messages");
  if (in.fd() < 0 || out.fd() < 0 || err.fd() < 0) return failed("no file in memory can be made", errno);
  OCTET_CHECK(in.fill(dot));
  OCTET_TRY(const int status, run_dot(in.fd(), out.fd(), err.fd()));
  std::string svg = out.content();
  if (status == 0 && svg.find("</svg>") != std::string::npos) return svg;
  return Error{ErrorCode::internal, "dot", "it failed: " + err.content().substr(0, kMaxMessage)};
}

}  // namespace octet
