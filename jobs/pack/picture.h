// One picture from its file's bytes to the bytes that are stored.
#pragma once

#include <cstdint>  // std::uint8_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/jobs/pack.h"
#include "octet/loader/resize.h"

namespace octet {

/// Reads, decodes, crops, resizes and encodes; one per worker. Not thread-safe.
class PicturePacker {
 public:
  /// Error(usage) when sizes or quality are out of range.
  static Result<std::unique_ptr<PicturePacker>> create(const PackOptions& options);

  /// The bytes to store; valid until the next call and while `image` lives.
  Result<std::span<const std::uint8_t>> run(const ImageBytes& image);
  /// Of the picture that run() has read last, as it is in its file.
  [[nodiscard]] Size stored_size() const noexcept { return stored_size_; }

 private:
  PicturePacker(const PackOptions& options, Encoder encoder);
  [[nodiscard]] Result<void> check_size(Size size) const;
  Result<void> decode(std::span<const std::uint8_t> bytes, const Preprocess& preprocess);
  void resize(Size from, Size to, std::int64_t channels);

  const std::optional<PictureChange> change_;
  const bool check_;
  const std::int64_t max_pixels_;
  Decoder decoder_;
  Encoder encoder_;
  Resizer resizer_;
  Size stored_size_;
  std::vector<std::uint8_t> file_, pixels_, resized_;
};

}  // namespace octet
