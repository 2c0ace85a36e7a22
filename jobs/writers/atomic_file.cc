#include <fcntl.h>       // open
#include <unistd.h>      // write, fsync
#include <cerrno>        // errno
#include <cstdio>        // rename
#include <system_error>  // std::generic_category
#include <utility>       // std::move

#include "octet/jobs/writers.h"

namespace octet {
namespace {

constexpr std::size_t block_bytes = std::size_t{1} << 18U;

// What a person can do something about (rights, space, a name in the way) is cannot_write.
Error write_error(int number, const std::filesystem::path& path, const std::string& what) {
  const bool refused = number == EACCES || number == EPERM || number == EROFS || number == ENOSPC || number == EDQUOT ||
                       number == ENOENT || number == ENOTDIR || number == EISDIR || number == EEXIST ||
                       number == EFBIG || number == ENAMETOOLONG;
  return {refused ? ErrorCode::cannot_write : ErrorCode::io, path.string(),
          what + ": " + std::generic_category().message(number)};
}

Result<void> write_all(int fd, std::string_view text, const std::filesystem::path& path) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0) {
      if (errno == EINTR) continue;
      return write_error(errno, path, "cannot write");
    }
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return {};
}

Result<void> sync_folder(const std::filesystem::path& folder) {
  const int fd = ::open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return write_error(errno, folder, "cannot open the folder");
  const int status = ::fsync(fd);
  const int number = errno;
  ::close(fd);
  // Some file systems cannot sync a folder; the rename itself has happened.
  if (status != 0 && number != EINVAL && number != ENOTSUP)
    return write_error(number, folder, "cannot sync the folder");
  return {};
}

}  // namespace

Result<void> make_folder(const std::filesystem::path& folder) {
  if (folder.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return write_error(error.value(), folder, "cannot make the folder");
  if (!std::filesystem::is_directory(folder, error)) return write_error(ENOTDIR, folder, "cannot make the folder");
  return {};
}

AtomicFile::AtomicFile(std::filesystem::path path, int fd) : path_(std::move(path)), part_(path_), fd_(fd) {
  part_ += ".part";
}

Result<std::unique_ptr<AtomicFile>> AtomicFile::create(const std::filesystem::path& path) {
  std::filesystem::path part = path;
  part += ".part";
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) return write_error(EISDIR, path, "cannot write");
  const int fd = ::open(part.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return write_error(errno, part, "cannot create");
  std::unique_ptr<AtomicFile> file(new AtomicFile(path, fd));
  file->buffer_.reserve(2 * block_bytes);
  return file;
}

AtomicFile::~AtomicFile() {
  if (fd_ < 0) return;
  ::close(fd_);
  ::unlink(part_.c_str());
}

Result<void> AtomicFile::write(std::string_view text) {
  OCTET_CHECK(state_);
  buffer_ += text;
  return buffer_.size() >= block_bytes ? flush() : Result<void>();
}

Result<void> AtomicFile::flush() {
  if (state_) state_ = write_all(fd_, buffer_, part_);
  buffer_.clear();
  return state_;
}

Result<void> AtomicFile::commit() {
  OCTET_CHECK(flush());
  if (::fsync(fd_) != 0) return state_ = write_error(errno, part_, "cannot sync");
  const int status = ::close(std::exchange(fd_, -1));
  if (status != 0 || ::rename(part_.c_str(), path_.c_str()) != 0) {
    state_ = write_error(errno, path_, "cannot finish");
    ::unlink(part_.c_str());
    return state_;
  }
  return sync_folder(path_.parent_path());
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
  OCTET_TRY(const auto file, AtomicFile::create(path));
  OCTET_CHECK(file->write(text));
  return file->commit();
}

}  // namespace octet
