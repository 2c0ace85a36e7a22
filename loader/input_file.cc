#include "octet/loader/input_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace octet {
namespace {

std::string reason(int code) { return std::generic_category().message(code); }

}  // namespace

Result<InputFile> InputFile::open(const std::filesystem::path& path) {
  // Non-blocking, so that a named pipe cannot stall the open; it means nothing for regular files.
  const int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (descriptor < 0) {
    const int code = errno;
    const bool absent = code == ENOENT || code == ENOTDIR;
    return Error{absent ? ErrorCode::not_found : ErrorCode::io, path.string(), "cannot be opened: " + reason(code)};
  }
  InputFile file(path, descriptor);
  struct stat status {};
  if (::fstat(descriptor, &status) != 0) {
    return Error{ErrorCode::io, path.string(), "cannot be examined: " + reason(errno)};
  }
  if (!S_ISREG(status.st_mode)) return Error{ErrorCode::io, path.string(), "is not a regular file"};
  file.size_ = static_cast<std::uint64_t>(status.st_size);
  return file;
}

InputFile::~InputFile() {
  if (descriptor_ >= 0) ::close(descriptor_);
}

InputFile::InputFile(InputFile&& other) noexcept
    : path_(std::move(other.path_)), descriptor_(std::exchange(other.descriptor_, -1)), size_(other.size_) {}

InputFile& InputFile::operator=(InputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  return *this;
}

Result<void> InputFile::read_at(std::uint64_t offset, std::span<std::uint8_t> dst) const {
  while (!dst.empty()) {
    const ssize_t got = ::pread(descriptor_, dst.data(), dst.size(), static_cast<off_t>(offset));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Error{ErrorCode::io, where(offset), "cannot be read: " + reason(errno)};
    if (got == 0) {
      return Error{ErrorCode::io, where(offset),
                   "the file ends here, but had " + std::to_string(size_) + " bytes when it was opened"};
    }
    offset += static_cast<std::uint64_t>(got);
    dst = dst.subspan(static_cast<std::size_t>(got));
  }
  return {};
}

void InputFile::will_need(std::uint64_t offset, std::uint64_t size) const noexcept {
  if (offset >= size_) return;
  (void)::posix_fadvise(descriptor_, static_cast<off_t>(offset), static_cast<off_t>(std::min(size, size_ - offset)),
                        POSIX_FADV_WILLNEED);
}

std::string InputFile::where(std::uint64_t offset) const { return path_.string() + ":" + std::to_string(offset); }

}  // namespace octet
