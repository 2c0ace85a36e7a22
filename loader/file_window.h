// A window that moves over a file: large reads into chunks that live as long as anyone looks at them.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint64_t
#include <memory>   // std::shared_ptr
#include <mutex>    // std::mutex
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/graph/result.h"
#include "octet/loader/input_file.h"

namespace octet {

/// Bytes of a file and what keeps them alive.
struct OwnedBytes {
  std::shared_ptr<const void> owner;
  std::span<const std::uint8_t> bytes;
};

/// Memory of chunks that nobody looks at any more, for the next ones: fresh memory costs a page fault for
/// every 4 KiB, more than reading the bytes does. Thread-safe: chunks come back from whatever thread drops them last.
class ChunkPool : public std::enable_shared_from_this<ChunkPool> {
 public:
  /// `size` bytes, not initialised. They come back here when their last owner goes, which may be after
  /// everyone else has dropped the pool.
  std::shared_ptr<std::uint8_t[]> take(std::size_t size);

 private:
  struct Memory {
    std::unique_ptr<std::uint8_t[]> bytes;
    std::size_t size = 0;
  };
  void give_back(Memory memory) noexcept;

  std::mutex mutex_;
  std::vector<Memory> idle_;  ///< the one used last is behind: it may still be in a cache
};

/// Holds one chunk of the file; moving on takes the next one, so that views of earlier chunks
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
  std::shared_ptr<ChunkPool> pool_ = std::make_shared<ChunkPool>();
  std::shared_ptr<const std::uint8_t[]> chunk_;
  std::uint64_t chunk_offset_ = 0;
  std::size_t chunk_bytes_ = 0;
};

}  // namespace octet
