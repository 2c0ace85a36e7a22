// A regular file opened for positioned reads.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <span>        // std::span
#include <string>      // std::string

#include "octet/graph/result.h"

namespace octet {

/// Read-only. The size is the one at the time of opening: what is appended later is not seen, and
/// a file that becomes shorter gives an Error, never a signal (nothing is mapped). Owns the
/// descriptor. Reads are thread-safe.
class InputFile {
 public:
  /// Error(not_found) when it does not exist; Error(io) when it cannot be opened or is no regular file.
  static Result<InputFile> open(const std::filesystem::path& path);
  ~InputFile();
  InputFile(InputFile&& other) noexcept;
  InputFile& operator=(InputFile&& other) noexcept;
  InputFile(const InputFile&) = delete;
  InputFile& operator=(const InputFile&) = delete;

  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }
  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }

  /// Fills all of `dst` from `offset`; Error(io) when the file ends before.
  [[nodiscard]] Result<void> read_at(std::uint64_t offset, std::span<std::uint8_t> dst) const;
  /// Asks the kernel to read ahead while other work goes on. Never fails: it is a hint.
  void will_need(std::uint64_t offset, std::uint64_t size) const noexcept;
  /// "file:offset", for errors.
  [[nodiscard]] std::string where(std::uint64_t offset) const;

 private:
  InputFile(std::filesystem::path path, int descriptor) : path_(std::move(path)), descriptor_(descriptor) {}

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
};

}  // namespace octet
