#include "octet/graph/file_io.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
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
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const noexcept { return fd_; }

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

}  // namespace

Result<std::vector<std::byte>> read_file(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return read_all<std::vector<std::byte>>(file, max_bytes);
}

Result<std::string> read_text_file(const std::filesystem::path& file, std::uint64_t max_bytes) {
  return read_all<std::string>(file, max_bytes);
}

std::span<const std::byte> bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

}  // namespace octet
