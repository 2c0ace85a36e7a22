#include "octet/loader/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

namespace octet {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

}  // namespace

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  for (int attempt = 0;; ++attempt) {
    std::filesystem::path temporary = path;
    temporary += ".tmp-" + std::to_string(::getpid()) + "-" + std::to_string(attempt);
    const int descriptor = ::open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    if (descriptor >= 0) return OutputFile(path, std::move(temporary), descriptor);
    if (errno != EEXIST || attempt == 1000) {
      return Error{ErrorCode::cannot_write, path.string(),
                   "cannot be created: " + std::generic_category().message(errno)};
    }
  }
}

OutputFile::OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor) {
  buffer_.reserve(kBufferBytes);
}

OutputFile::~OutputFile() {
  if (descriptor_ < 0) return;
  ::close(descriptor_);
  ::unlink(temporary_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept
    : path_(std::move(other.path_)),
      temporary_(std::move(other.temporary_)),
      descriptor_(std::exchange(other.descriptor_, -1)),
      size_(other.size_),
      buffer_(std::move(other.buffer_)) {}

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(size_, other.size_);
  std::swap(buffer_, other.buffer_);
  return *this;
}

Error OutputFile::failure(const char* action) const {
  return Error{ErrorCode::cannot_write, path_.string(),
               std::string("cannot be ") + action + ": " + std::generic_category().message(errno)};
}

Result<void> OutputFile::flush() {
  std::span<const std::uint8_t> left(buffer_);
  while (!left.empty()) {
    const ssize_t put = ::write(descriptor_, left.data(), left.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failure("written");
    left = left.subspan(static_cast<std::size_t>(put));
  }
  buffer_.clear();
  return {};
}

Result<void> OutputFile::write(std::span<const std::uint8_t> bytes) {
  size_ += bytes.size();
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  if (buffer_.size() >= kBufferBytes) OCTET_CHECK(flush());
  return {};
}

Result<void> OutputFile::sync() {
  OCTET_CHECK(flush());
  if (::fsync(descriptor_) != 0) return failure("written to the disk");
  return {};
}

Result<void> OutputFile::publish() {
  if (::close(std::exchange(descriptor_, -1)) != 0 || ::rename(temporary_.c_str(), path_.c_str()) != 0) {
    const Error error = failure("given its name");
    ::unlink(temporary_.c_str());
    return error;
  }
  // Makes the new name durable too; some file systems cannot, which is no failure of the file.
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : std::filesystem::path(".");
  const int descriptor = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor >= 0) {
    (void)::fsync(descriptor);
    ::close(descriptor);
  }
  return {};
}

}  // namespace octet
