// Loaded before libc (LD_PRELOAD): one call on a file below OCTET_TEST_FOLDER fails. OCTET_TEST_FAULT is "CALL AT
// ERRNO": the call number AT (from 0) of open (for writing), write, fsync, close (of new files; what is appended to is
// synced each time) or rename; "write AT short" writes half of what it should and fails with ENOSPC at the next call.
// At exit, OCTET_TEST_COUNTS gets a line "CALL COUNT" each, and "fired COUNT".
#include <dlfcn.h>   // dlsym
#include <fcntl.h>   // fcntl
#include <unistd.h>  // readlink

#include <algorithm>  // std::find
#include <array>      // std::array
#include <atomic>     // std::atomic
#include <cerrno>     // errno
#include <cstdarg>    // va_list
#include <cstdio>     // std::fprintf
#include <cstdlib>    // std::getenv
#include <sstream>    // std::istringstream
#include <string>     // std::string
#include <string_view>

// NOLINTBEGIN(concurrency-mt-unsafe): nothing here changes the environment
namespace {

constexpr std::array<std::string_view, 5> kCalls{"open", "write", "fsync", "close", "rename"};
std::array<std::atomic<int>, kCalls.size()> counts;
std::atomic<int> fired{0};
std::atomic<bool> next_write_fails{false};

std::string variable(const char* name) {
  const char* text = std::getenv(name);
  return text == nullptr ? "" : text;
}

struct Fault {
  std::string call;
  int at = -1;
  int number = 0;  // 0: a short write
};

const Fault& fault() {
  static const Fault parsed = [] {
    Fault made;
    std::string number;
    std::istringstream text(variable("OCTET_TEST_FAULT"));
    text >> made.call >> made.at >> number;
    made.number = number == "short" || number.empty() ? 0 : std::stoi(number);
    return made;
  }();
  return parsed;
}

bool watched(const char* path) {
  static const std::string folder = variable("OCTET_TEST_FOLDER") + "/";
  return std::string_view(path).starts_with(folder);
}

bool watched(int descriptor) {
  std::array<char, 4096> path{};
  const std::string link = "/proc/self/fd/" + std::to_string(descriptor);
  return readlink(link.c_str(), path.data(), path.size() - 1) > 0 && watched(path.data());
}

// Whether this call, one of the watched, is the one that fails.
bool fails(std::string_view call) {
  const auto index = static_cast<std::size_t>(std::find(kCalls.begin(), kCalls.end(), call) - kCalls.begin());
  if (counts[index]++ != fault().at || fault().call != call) return false;
  ++fired;
  errno = fault().number;
  return true;
}

template <class Function>
Function* real(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

__attribute__((destructor)) void report() {
  const std::string path = variable("OCTET_TEST_COUNTS");
  if (path.empty()) return;
  std::FILE* file = std::fopen(path.c_str(), "w");
  if (file == nullptr) return;
  for (std::size_t i = 0; i < kCalls.size(); ++i) std::fprintf(file, "%s %d\n", kCalls[i].data(), counts[i].load());
  std::fprintf(file, "fired %d\n", fired.load());
  std::fclose(file);
}

}  // namespace

extern "C" {

int open(const char* path, int flags, ...) {
  std::va_list arguments;
  va_start(arguments, flags);
  const auto mode = (flags & O_CREAT) != 0 ? va_arg(arguments, mode_t) : mode_t{0};
  va_end(arguments);
  if ((flags & O_ACCMODE) != O_RDONLY && watched(path) && fails("open")) return -1;
  return real<int(const char*, int, ...)>("open")(path, flags, mode);
}

ssize_t write(int descriptor, const void* bytes, size_t count) {
  if (watched(descriptor)) {
    if (next_write_fails.exchange(false)) {
      errno = ENOSPC;
      return -1;
    }
    if (fails("write")) {
      if (fault().number != 0) return -1;
      next_write_fails = true;
      count = (count + 1) / 2;
    }
  }
  return real<ssize_t(int, const void*, size_t)>("write")(descriptor, bytes, count);
}

int fsync(int descriptor) {
  if (watched(descriptor) && fails("fsync")) return -1;
  return real<int(int)>("fsync")(descriptor);
}

// As after a failed write-back: the descriptor is closed all the same.
int close(int descriptor) {
  const int flags = fcntl(descriptor, F_GETFL);
  const bool written = (flags & O_ACCMODE) == O_WRONLY && (flags & O_APPEND) == 0;
  const bool failing = written && watched(descriptor) && fails("close");
  const int closed = real<int(int)>("close")(descriptor);
  if (!failing) return closed;
  errno = fault().number;
  return -1;
}

int rename(const char* from, const char* to) {
  if (watched(to) && fails("rename")) return -1;
  return real<int(const char*, const char*)>("rename")(from, to);
}

}  // extern "C"
// NOLINTEND(concurrency-mt-unsafe)
