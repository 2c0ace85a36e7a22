#include "octet/jobs/program.h"

#include <spawn.h>     // posix_spawnp
#include <sys/mman.h>  // memfd_create
#include <sys/wait.h>  // waitpid
#include <unistd.h>    // write, pread

#include <array>
#include <cerrno>
#include <system_error>
#include <vector>

extern char** environ;  // NOLINT(readability-redundant-declaration): POSIX leaves the declaration to the program

namespace octet {
namespace {

Error program_failed(const std::string& program, const char* what, int number) {
  return {ErrorCode::internal, program, std::string(what) + ": " + std::generic_category().message(number)};
}

/// A file without a name, in memory: neither side can block the other as with pipes.
class MemoryFile {
 public:
  MemoryFile() : fd_(::memfd_create("octet", MFD_CLOEXEC)) {}
  ~MemoryFile() {
    if (fd_ >= 0) ::close(fd_);
  }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] int fd() const { return fd_; }

  /// False, and errno, when it cannot be written.
  [[nodiscard]] bool fill(std::string_view text) const {
    while (!text.empty()) {
      const ssize_t written = ::write(fd_, text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return false;
      text.remove_prefix(static_cast<std::size_t>(written));
    }
    return ::lseek(fd_, 0, SEEK_SET) == 0;
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

}  // namespace

Result<ProgramResult> run_program(std::span<const std::string> arguments, std::string_view input) {
  const std::string& program = arguments.front();
  const MemoryFile in;
  const MemoryFile out;
  const MemoryFile err;
  if (in.fd() < 0 || out.fd() < 0 || err.fd() < 0) return program_failed(program, "no file in memory", errno);
  if (!in.fill(input)) return program_failed(program, "cannot pass the input", errno);
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));  // NOLINT: as POSIX has it
  argv.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, in.fd(), STDIN_FILENO);
  posix_spawn_file_actions_adddup2(&actions, out.fd(), STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err.fd(), STDERR_FILENO);
  pid_t child = 0;
  const int error = ::posix_spawnp(&child, program.c_str(), &actions, nullptr, argv.data(), environ);
  posix_spawn_file_actions_destroy(&actions);
  if (error == ENOENT) return Error{ErrorCode::not_found, program, "the program is not installed"};
  if (error != 0) return program_failed(program, "cannot be started", error);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) return program_failed(program, "cannot be waited for", errno);
  }
  return ProgramResult{WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status), out.content(), err.content()};
}

}  // namespace octet
