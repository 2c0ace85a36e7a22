// JPEG through libjpeg-turbo: decodes only the columns and rows of a window, to the very pixels
// that a full decode gives (with Decoding::fast: that a full decode of that kind gives).
#pragma once

#include <memory>  // std::unique_ptr

#include "octet/loader/decoder.h"
#include "octet/loader/picture_reader.h"

namespace octet {

/// Baseline, extended, progressive and arithmetic-coded JPEG of 8 bits with 1, 3 or 4 components.
/// Gray becomes three equal channels where colour is asked for; gray of a colour picture is its luma.
/// CMYK and YCCK: R = C * K / 255 on the inverted samples that an Adobe marker announces, on the
/// inverse of the samples without one.
///
/// Damage is what leaves pixels undefined: entropy data that is cut off, does not decode, or needs a
/// resynchronisation, and a multi-scan picture that ends before its EOI. Not damage: data behind the
/// rows of the window (never looked at), bytes behind the picture, a missing EOI of a single-scan
/// picture, oddities of the header. Damage is Error(bad_image), or damaged() where it is tolerated.
class JpegReader final : public PictureReader {
 public:
  explicit JpegReader(const DecoderOptions& options);
  ~JpegReader() override;

  Result<Size> open(std::span<const std::uint8_t> bytes) override;
  Size reduce(Size stored, Size least) override;
  Result<void> start(const Window& window, Color color) override;
  Result<const std::uint8_t*> next_row() override;
  Result<void> finish() override { return {}; }
  void close() override;
  [[nodiscard]] bool damaged() const override;
  [[nodiscard]] bool gray() const override;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Whether the bytes begin like a JPEG file.
bool is_jpeg(std::span<const std::uint8_t> bytes) noexcept;

}  // namespace octet
