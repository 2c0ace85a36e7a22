// Pixels to JPEG or PNG bytes.
#pragma once

#include <cstdint>  // std::uint8_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span

#include "octet/graph/preprocess.h"
#include "octet/graph/result.h"
#include "octet/loader/geometry.h"

namespace octet {

enum class ImageFormat : std::uint8_t { jpeg, png };

struct EncoderOptions {
  ImageFormat format = ImageFormat::jpeg;
  int quality = 95;          ///< JPEG: 1..100; PNG: zlib's level, 0..9
  bool full_chroma = false;  ///< JPEG: 4:4:4, which keeps coloured lines and letters sharp
};

/// Encodes one picture after the other. JPEG files are those of OpenCV's imencode, byte for byte with
/// the same libjpeg: baseline, 4:2:0 (unless full_chroma), libjpeg's standard Huffman tables, accurate integer DCT. PNG
/// is 8-bit gray or RGB with zlib's run-length strategy and the sub filter, as OpenCV writes it. One encoder per
/// worker: keeps its buffer; not thread-safe.
class Encoder {
 public:
  /// Error(usage) when the quality is out of range.
  static Result<Encoder> create(const EncoderOptions& options);
  ~Encoder();
  Encoder(Encoder&&) noexcept;
  Encoder& operator=(Encoder&&) noexcept;

  /// `pixels`: size.height rows of size.width pixels without gaps, three bytes each in the order of
  /// `color`, or one for Color::gray; bytes behind them are ignored. The result is valid until the
  /// next call. Error(usage) when there are too few bytes; Error(limit) when the format cannot hold
  /// the size (JPEG: 65,500 pixels a side) or memory is short. `where` is empty.
  Result<std::span<const std::uint8_t>> encode(std::span<const std::uint8_t> pixels, Size size, Color color);

 private:
  class Impl;
  explicit Encoder(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octet
