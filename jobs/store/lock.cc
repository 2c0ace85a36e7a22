#include "octet/jobs/store/lock.h"

#include <fcntl.h>     // open
#include <sys/file.h>  // flock
#include <unistd.h>    // gethostname, pread

#include <array>        // std::array
#include <cerrno>       // errno
#include <string_view>  // std::string_view
#include <utility>      // std::exchange

#include "octet/graph/write_error.h"

namespace octet {
namespace {

std::string own_name() {
  std::array<char, 256> host{};
  if (::gethostname(host.data(), host.size() - 1) != 0) host[0] = '\0';
  return "process " + std::to_string(::getpid()) + " on " + host.data();
}

std::string holder_of(int descriptor) {
  std::array<char, 300> text{};
  const ssize_t size = ::pread(descriptor, text.data(), text.size(), 0);
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string("another process");
}

}  // namespace

Result<FileLock> FileLock::acquire(const std::filesystem::path& file) {
  const int descriptor = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
  if (descriptor < 0) return write_error(errno, file, "cannot create");
  FileLock lock(descriptor);
  while (::flock(descriptor, LOCK_EX | LOCK_NB) != 0) {
    if (errno == EINTR) continue;
    if (errno != EWOULDBLOCK) return lock;  // a file system without locks
    return Error{ErrorCode::cannot_write, file.string(), "is in use by " + holder_of(descriptor)};
  }
  // For the message alone: should it fail, the message names nobody.
  const std::string name = own_name();
  if (::ftruncate(descriptor, 0) == 0) static_cast<void>(::pwrite(descriptor, name.data(), name.size(), 0) < 0);
  return lock;
}

FileLock::~FileLock() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

FileLock::FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

}  // namespace octet
