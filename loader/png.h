// PNG through libpng, row by row.
#pragma once

#include <memory>  // std::unique_ptr

#include "octet/loader/decoder.h"
#include "octet/loader/picture_reader.h"

namespace octet {

/// Every PNG, converted as OpenCV's IMREAD_COLOR and IMREAD_GRAYSCALE do: palettes expanded, samples
/// of 16 bits cut to their upper byte, alpha dropped, no gamma correction. A PNG that is cut off or
/// fails a check sum of its picture is Error(bad_image), whatever is tolerated: its rows
/// come from one deflate stream, so all of it is read. Interlaced pictures are held whole.
class PngReader final : public PictureReader {
 public:
  explicit PngReader(const DecoderOptions& options);
  ~PngReader() override;

  Result<Size> open(std::span<const std::uint8_t> bytes) override;
  Result<void> start(const Window& window, Color color) override;
  Result<const std::uint8_t*> next_row() override;
  Result<void> finish() override;
  void close() override;
  [[nodiscard]] bool damaged() const override { return false; }
  [[nodiscard]] bool gray() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether the bytes begin like a PNG file.
bool is_png(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace octet
