#include "octet/graph/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <system_error>

namespace octet {
namespace {

std::string reason(int code) { return std::generic_category().message(code); }

/// Closes a descriptor on every way out.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() { close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }
  int close() noexcept {
    const int fd = fd_;
    fd_ = -1;
    return fd < 0 ? 0 : ::close(fd);
  }

 private:
  int fd_;
};

/// Fills `size` bytes, appending in blocks, so that memory follows what the file really holds.
template <class Container>
Result<Container> read_all(const std::filesystem::path& file, std::uint64_t max_bytes) {
  const Descriptor fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (fd.get() < 0) {
    return Error{errno == ENOENT || errno == ENOTDIR ? ErrorCode::not_found : ErrorCode::io, file.string(),
                 "cannot open: " + reason(errno)};
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0) return Error{ErrorCode::io, file.string(), reason(errno)};
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::not_found, file.string(), "not a regular file"};
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (size > max_bytes) {
    return Error{ErrorCode::limit, file.string(),
                 "holds " + std::to_string(size) + " bytes, more than " + std::to_string(max_bytes)};
  }
  Container content;
  content.resize(size);
  std::size_t done = 0;
  while (done < size) {
    const ssize_t got = ::read(fd.get(), content.data() + done, size - done);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{ErrorCode::io, file.string(), "cannot read: " + reason(errno)};
    if (got == 0) return Error{ErrorCode::io, file.string(), "became shorter while it was read"};
    done += static_cast<std::size_t>(got);
  }
  return content;
}

Result<void> write_all(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  Descriptor fd(::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666));
  if (fd.get() < 0) return Error{ErrorCode::cannot_write, file.string(), "cannot create: " + reason(errno)};
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd.get(), bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return Error{ErrorCode::cannot_write, file.string(), "cannot write: " + reason(errno)};
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  // Without this a crash after the rename could leave a file without its bytes.
  if (::fsync(fd.get()) != 0) return Error{ErrorCode::cannot_write, file.string(), "cannot flush: " + reason(errno)};
  if (fd.close() != 0) return Error{ErrorCode::cannot_write, file.string(), "cannot close: " + reason(errno)};
  return {};
}

}  // namespace

Result<std::vector<std::byte>> read_file(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return read_all<std::vector<std::byte>>(file, max_bytes);
}

Result<std::string> read_text_file(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return read_all<std::string>(file, max_bytes);
}

Result<void> write_file(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path temporary = file;
  temporary += ".tmp" + std::to_string(::getpid()) + "." + std::to_string(counter.fetch_add(1));
  if (auto written = write_all(temporary, bytes); !written) {
    ::unlink(temporary.c_str());
    return written;
  }
  if (::rename(temporary.c_str(), file.c_str()) != 0) {
    const int code = errno;
    ::unlink(temporary.c_str());
    return Error{ErrorCode::cannot_write, file.string(), "cannot replace: " + reason(code)};
  }
  return {};
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace octet
