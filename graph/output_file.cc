#include "octet/graph/output_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdio>
#include <system_error>
#include <utility>

#include "octet/graph/file_io.h"
#include "octet/graph/write_error.h"

namespace octet {
namespace {

constexpr std::size_t kBufferBytes = std::size_t{1} << 20;

FileOps* system_ops() {
  static FileOps ops;
  return &ops;
}

std::atomic<FileOps*>& current_ops() {
  static std::atomic<FileOps*> current{system_ops()};
  return current;
}

/// Makes the new name durable; errno of what went wrong, or 0. A folder that cannot be opened or
/// synced at all (rights, some file systems) is no failure of the file.
int sync_folder(const std::filesystem::path& file, FileOps& ops) {
  const std::filesystem::path folder = file.has_parent_path() ? file.parent_path() : std::filesystem::path(".");
  const int descriptor = ops.open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) return 0;
  const int number = ops.fsync(descriptor) == 0 ? 0 : errno;
  ops.close(descriptor);
  return number == EINVAL || number == ENOTSUP ? 0 : number;
}

/// Writes all of `bytes`; errno of what went wrong, or 0.
int write_all(FileOps& ops, int descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ops.write(descriptor, bytes.data(), bytes.size());
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(put));
  }
  return 0;
}

}  // namespace

Error write_error(int number, const std::filesystem::path& path, const char* what) {
  const bool refused = number == EACCES || number == EPERM || number == EROFS || number == ENOSPC || number == EDQUOT ||
                       number == ENOENT || number == ENOTDIR || number == EISDIR || number == EEXIST ||
                       number == EFBIG || number == ENAMETOOLONG || number == ELOOP;
  return {refused ? ErrorCode::cannot_write : ErrorCode::io, path.string(),
          std::string(what) + ": " + std::generic_category().message(number)};
}

int FileOps::open(const char* path, int flags) { return ::open(path, flags, 0666); }
ssize_t FileOps::write(int descriptor, const void* bytes, std::size_t count) {
  return ::write(descriptor, bytes, count);
}
int FileOps::fsync(int descriptor) { return ::fsync(descriptor); }
int FileOps::close(int descriptor) { return ::close(descriptor); }
int FileOps::rename(const char* from, const char* to) { return ::rename(from, to); }

FileOps* replace_file_ops(FileOps* ops) noexcept { return current_ops().exchange(ops == nullptr ? system_ops() : ops); }

Result<OutputFile> OutputFile::create(const std::filesystem::path& path) {
  static std::atomic<unsigned> counter{0};
  std::error_code ignored;
  if (!path.has_filename() || std::filesystem::is_directory(path, ignored)) {
    return write_error(EISDIR, path, "cannot write");
  }
  FileOps& ops = *current_ops().load();
  for (int attempt = 0;; ++attempt) {
    std::filesystem::path temporary = path;
    temporary += "." + std::to_string(::getpid()) + "-" + std::to_string(counter.fetch_add(1)) + ".part";
    const int descriptor = ops.open(temporary.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC);
    if (descriptor >= 0) return OutputFile(path, std::move(temporary), descriptor, ops);
    // What an ended process of the same number left behind, or a machine that shares the folder.
    if (errno != EEXIST || attempt == 1000) return write_error(errno, path, "cannot create");
  }
}

OutputFile::OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor, FileOps& ops)
    : path_(std::move(path)), temporary_(std::move(temporary)), descriptor_(descriptor), ops_(&ops) {}

OutputFile::~OutputFile() {
  if (temporary_.empty()) return;
  if (descriptor_ >= 0) ops_->close(descriptor_);
  ::unlink(temporary_.c_str());
}

OutputFile::OutputFile(OutputFile&& other) noexcept { *this = std::move(other); }

OutputFile& OutputFile::operator=(OutputFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(temporary_, other.temporary_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(ops_, other.ops_);
  std::swap(size_, other.size_);
  std::swap(synced_, other.synced_);
  std::swap(buffer_, other.buffer_);
  std::swap(state_, other.state_);
  return *this;
}

Result<void> OutputFile::fail(const char* what) { return state_ = write_error(errno, path_, what); }

Result<void> OutputFile::flush() {
  if (write_all(*ops_, descriptor_, buffer_) != 0) return fail("cannot write");
  buffer_.clear();
  return {};
}

Result<void> OutputFile::write(std::span<const std::byte> bytes) {
  OCTET_CHECK(state_);
  size_ += bytes.size();
  synced_ = false;
  buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  return buffer_.size() >= kBufferBytes ? flush() : Result<void>();
}

Result<void> OutputFile::write(std::string_view text) { return write(bytes_of(text)); }

Result<void> OutputFile::sync() {
  OCTET_CHECK(state_);
  OCTET_CHECK(flush());
  // Without this a crash after the rename could leave a file without its bytes.
  if (ops_->fsync(descriptor_) != 0) return fail("cannot flush to the disk");
  synced_ = true;
  return {};
}

Result<void> OutputFile::give_name() {
  if (ops_->close(std::exchange(descriptor_, -1)) != 0) return fail("cannot close");
  if (ops_->rename(temporary_.c_str(), path_.c_str()) != 0) return fail("cannot give the file its name");
  temporary_.clear();
  state_ = Error{ErrorCode::usage, path_.string(), "the file is complete and takes no more"};
  return {};
}

Result<void> OutputFile::publish() {
  OCTET_CHECK(state_);
  OCTET_CHECK(flush());
  return give_name();
}

Result<void> OutputFile::commit() {
  OCTET_CHECK(state_);
  if (!synced_) OCTET_CHECK(sync());
  OCTET_CHECK(give_name());
  if (const int number = sync_folder(path_, *ops_); number != 0) {
    return write_error(number, path_, "cannot flush the folder to the disk");
  }
  return {};
}

Result<AppendFile> AppendFile::open(const std::filesystem::path& path) {
  FileOps& ops = *current_ops().load();
  const int descriptor = ops.open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  if (descriptor < 0) return write_error(errno, path, "cannot open");
  return AppendFile(path, descriptor, ops);
}

AppendFile::AppendFile(std::filesystem::path path, int descriptor, FileOps& ops)
    : path_(std::move(path)), descriptor_(descriptor), ops_(&ops) {}

AppendFile::~AppendFile() {
  if (descriptor_ >= 0) ops_->close(descriptor_);
}

AppendFile::AppendFile(AppendFile&& other) noexcept { *this = std::move(other); }

AppendFile& AppendFile::operator=(AppendFile&& other) noexcept {
  std::swap(path_, other.path_);
  std::swap(descriptor_, other.descriptor_);
  std::swap(ops_, other.ops_);
  std::swap(state_, other.state_);
  return *this;
}

Result<void> AppendFile::append(std::string_view text) {
  OCTET_CHECK(state_);
  if (const int number = write_all(*ops_, descriptor_, bytes_of(text)); number != 0) {
    return state_ = write_error(number, path_, "cannot write");
  }
  if (ops_->fsync(descriptor_) != 0) return state_ = write_error(errno, path_, "cannot flush to the disk");
  return {};
}

Result<void> make_folder(const std::filesystem::path& folder) {
  if (folder.empty()) return {};
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return write_error(error.value(), folder, "cannot make the folder");
  if (!std::filesystem::is_directory(folder, error)) return write_error(ENOTDIR, folder, "cannot make the folder");
  return {};
}

Result<void> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes) {
  OCTET_TRY(OutputFile file, OutputFile::create(path));
  OCTET_CHECK(file.write(bytes));
  return file.commit();
}

Result<void> write_file(const std::filesystem::path& path, std::string_view text) {
  return write_file(path, bytes_of(text));
}

}  // namespace octet
