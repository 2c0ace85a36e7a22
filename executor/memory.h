// Aligned memory for activations and weights.
#pragma once

#include <cstddef>  // std::byte
#include <memory>   // std::unique_ptr
#include <vector>   // std::vector

#include "octet/graph/result.h"

namespace octet {

/// Every buffer inside an arena starts at a multiple of this.
inline constexpr std::size_t kAlignment = 64;

/// `bytes` rounded up to the alignment.
constexpr std::size_t aligned(std::size_t bytes) noexcept { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

/// A zero-filled block, at least 64-byte aligned. Large ones ask for transparent huge pages: they
/// are read through once per mini-batch, and 4 KiB pages cost up to 40 % of the bandwidth then.
class Memory {
 public:
  Memory() = default;
  /// Error(limit) when there is not that much.
  static Result<Memory> create(std::size_t bytes);

  [[nodiscard]] std::byte* data() const noexcept { return data_.get(); }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

 private:
  struct Free {
    void operator()(std::byte* data) const noexcept;
  };
  std::unique_ptr<std::byte[], Free> data_;
  std::size_t bytes_ = 0;
};

/// Hands out pieces of a few large blocks, which live as long as the pool.
class MemoryPool {
 public:
  Result<std::byte*> allocate(std::size_t bytes);
  /// Sum of what was handed out.
  [[nodiscard]] std::size_t bytes() const noexcept { return bytes_; }

 private:
  std::vector<Memory> blocks_;
  std::size_t used_ = 0;  ///< of the last block
  std::size_t bytes_ = 0;
};

}  // namespace octet
