// One process at a time in a folder.
#pragma once

#include <filesystem>  // std::filesystem::path
#include <string>      // std::string

#include "octet/graph/result.h"

namespace octet {

/// An advisory lock on a file (made when absent, never removed: another process may wait for it).
/// The system releases it when the process ends, however it ends. Where the file system has no
/// locks, everybody gets it. Move-only.
class FileLock {
 public:
  /// Does not wait: Error(cannot_write) that names the process that holds it ("process 17 on
  /// host") when it is taken, or when the file cannot be made.
  static Result<FileLock> acquire(const std::filesystem::path& file);
  ~FileLock();
  FileLock(FileLock&& other) noexcept;
  FileLock& operator=(FileLock&& other) noexcept;
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;

 private:
  explicit FileLock(int descriptor) : descriptor_(descriptor) {}
  int descriptor_ = -1;
};

}  // namespace octet
