// A file that appears under its name only when it is complete.
#pragma once

#include <cstdint>     // std::uint8_t
#include <filesystem>  // std::filesystem::path
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/result.h"

namespace octet {

/// Writes through a temporary file in the same folder; destroyed before publish(), it leaves
/// nothing. All errors are Error(cannot_write). Move-only; not thread-safe.
class OutputFile {
 public:
  static Result<OutputFile> create(const std::filesystem::path& path);
  ~OutputFile();
  OutputFile(OutputFile&& other) noexcept;
  OutputFile& operator=(OutputFile&& other) noexcept;
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const noexcept { return path_; }
  [[nodiscard]] std::uint64_t size() const noexcept { return size_; }

  Result<void> write(std::span<const std::uint8_t> bytes);
  /// Writes what is buffered and waits until it is on the disk.
  Result<void> sync();
  /// Gives the file its name, replacing what was there. After sync().
  Result<void> publish();

 private:
  OutputFile(std::filesystem::path path, std::filesystem::path temporary, int descriptor);
  [[nodiscard]] Error failure(const char* action) const;
  Result<void> flush();

  std::filesystem::path path_, temporary_;
  int descriptor_ = -1;
  std::uint64_t size_ = 0;
  std::vector<std::uint8_t> buffer_;
};

}  // namespace octet
