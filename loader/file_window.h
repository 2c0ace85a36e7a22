// A window that moves over a file: large reads into chunks that live as long as anyone looks at them.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <memory>   // std::shared_ptr
#include <span>     // std::span

#include "octet/graph/result.h"
#include "octet/loader/input_file.h"

namespace octet {

/// Bytes of a file and what keeps them alive.
struct OwnedBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::uint8_t> bytes;
};

/// Holds one chunk of the file; moving on allocates the next one, so that views of earlier chunks
/// stay valid for as long as their owner is kept. Not thread-safe; the views are immutable.
class FileWindow {
 public:
  explicit FileWindow(InputFile file) : file_(std::move(file)) {}

  [[nodiscard]] const InputFile& file() const noexcept { return file_; }

  /// The bytes from `offset` on that are at hand: at least `min_bytes`, which must be inside the
  /// file. When the window has to move there, it reads `chunk_bytes` (less at the end of the file).
  /// Valid until the next call, or as long as `owner()` of now is kept.
  Result<std::span<const std::uint8_t>> at(std::uint64_t offset, std::size_t min_bytes, std::size_t chunk_bytes);

  [[nodiscard]] const std::shared_ptr<const std::uint8_t[]>& owner() const noexcept { return chunk_; }

 private:
  InputFile file_;
  std::shared_ptr<const std::uint8_t[]> chunk_;
  std::uint64_t chunk_offset_ = 0;
  std::size_t chunk_bytes_ = 0;
};

}  // namespace octet
