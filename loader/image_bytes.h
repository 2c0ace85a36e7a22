// The encoded bytes of one image, wherever they are.
#pragma once

#include <cstdint>     // std::uint8_t
#include <filesystem>  // std::filesystem::path
#include <memory>      // std::shared_ptr
#include <span>        // std::span
#include <variant>     // std::variant
#include <vector>      // std::vector

#include "octet/graph/result.h"

namespace octet {

/// A path that is read when the bytes are needed, or bytes in memory (kept alive by `owner`, which
/// may be a mapped file shared by many). Cheap to copy. Immutable.
class ImageBytes {
 public:
  static constexpr std::uint64_t kMaxBytes = std::uint64_t{1} << 30U;

  ImageBytes() = default;
  static ImageBytes from_file(std::filesystem::path path);
  static ImageBytes from_memory(std::shared_ptr<const void> owner, std::span<const std::uint8_t> bytes);
  static ImageBytes copy_of(std::span<const std::uint8_t> bytes);

  /// The bytes; a file is read into `buffer` (reused from call to call), memory is not copied.
  /// More than `max_bytes` are Error(limit). The span is valid while this object and `buffer` are.
  [[nodiscard]] Result<std::span<const std::uint8_t>> read(std::vector<std::uint8_t>& buffer,
                                                           std::uint64_t max_bytes = kMaxBytes) const;

 private:
  std::filesystem::path path_;
  std::shared_ptr<const void> owner_;
  std::span<const std::uint8_t> bytes_;
};

}  // namespace octet
