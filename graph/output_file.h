// A file that appears under its name only when it is complete: how every output is written.
#pragma once

#include <sys/types.h>  // ssize_t

#include <cstddef>      // std::byte
#include <cstdint>      // std::uint64_t
#include <filesystem>   // std::filesystem::path
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/result.h"

namespace octet {

/// The system calls that write files, each as its man page says (-1 and errno on failure). Tests
/// derive from it to make any of them fail.
class FileOps {
 public:
  FileOps() = default;
  virtual ~FileOps() = default;
  FileOps(const FileOps&) = delete;
  FileOps& operator=(const FileOps&) = delete;
  virtual int open(const char* path, int flags);
  virtual ssize_t write(int descriptor, const void* bytes, std::size_t count);
  virtual int fsync(int descriptor);  ///< of the file, later of its folder
  virtual int close(int descriptor);
  virtual int rename(const char* from, const char* to);
};

/// Makes files that are created from now on use `ops` (null: the system's own) and returns what was
/// used before. `ops` must outlive those files. For tests; thread-safe.
FileOps* replace_file_ops(FileOps* ops) noexcept;

/// Writes in large blocks through a temporary file in the same folder (NAME.<process>-<n>.part, one
/// of its own for every writer) that is renamed by commit(); destroyed before that, it leaves
/// nothing and what was there stays. Errors: cannot_write for what a person can do something about
/// (rights, space, a name in the way), io for the rest; after one, every further call returns it
/// again. Move-only; not thread-safe.
class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  /// Bytes written so far, buffered ones included.
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  Result<void> write(std::span<const std::byte> bytes);
  Result<void> write(std::string_view text);
  /// Writes what is buffered and waits until it is on the disk: after it, commit() of several files
  /// that belong together is a matter of renames.
  Result<void> sync();
  /// sync() unless that has been done, then gives the file its name, replacing what was there, and
  /// makes the name durable. Call once, last.
  Result<void> commit();
  /// commit() that does not wait for the disk, for files that are written anew every moment: readers
  /// never see a part of it, but a crash of the machine may leave an empty file. Call once, last.
  Result<void> publish();

 private:
  OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor, FileOps& ops);
  Result<void> flush();
  Result<void> give_name();
  Result<void> fail(const char* what);

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  FileOps* ops_ = nullptr;
  std::uint64_t size_ = 0;
  bool synced_ = false;
  std::vector<std::byte> buffer_;
  Result<void> state_;
};

/// A file that grows line by line and is read after a crash: whoever reads it must accept a last piece
/// that is cut off. After an error every further call returns it again. Move-only; not thread-safe.
class AppendFile {
 public:
  /// Goes on behind what the file holds. Error(cannot_write, io).
  static Result<AppendFile> open(const std::filesystem::path& path);
  ~AppendFile();
  AppendFile(AppendFile&& other) noexcept;
  AppendFile& operator=(AppendFile&& other) noexcept;
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;

  /// Writes all of `text` and waits until it is on the disk.
  Result<void> append(std::string_view text);

 private:
  AppendFile(std::filesystem::path path, int descriptor, FileOps& ops);

  std::filesystem::path path_;
  int descriptor_ = -1;
  FileOps* ops_ = nullptr;
  Result<void> state_;
};

/// Creates the folder with its parents; an empty path is the current folder. Error(cannot_write, io) says why not.
Result<void> make_folder(const std::filesystem::path& folder);

/// Writes a small file whole, through OutputFile.
Result<void> write_file(const std::filesystem::path& path, std::span<const std::byte> bytes);
Result<void> write_file(const std::filesystem::path& path, std::string_view text);

}  // namespace octet
