// Encoded image to a u8 NHWC slot: decode only what the crop needs, resize, crop, paint the border.
#pragma once

#include <cstdint>  // std::uint8_t
#include <memory>   // std::unique_ptr
#include <span>     // std::span

#include "octet/graph/preprocess.h"
#include "octet/graph/result.h"

namespace octet {

/// What of a damaged JPEG is scored all the same.
enum class Tolerance : std::uint8_t {
  none,       ///< every damage is Error(bad_image)
  truncated,  ///< what is cut off at its end is taken
  warnings,   ///< whatever libjpeg can go on after is taken
};

/// How JPEGs become pixels. PNG is not concerned.
enum class Decoding : std::uint8_t {
  exact,  ///< to the pixels of MXNet's loader
  /// Chroma is replicated where `exact` interpolates it, and a picture twice as large as it is needed (or 4, or 8
  /// times) is scaled down inside the JPEG's transform: each pixel the mean of a square, of which the bilinear
  /// resize of `exact` would read a part. On photographs the pixels of a picture differ by 1 grey level in
  /// the mean where nothing is scaled (4 at most), by 3 where it is (13 at most); more at single sharp edges.
  fast,
};

struct DecoderOptions {
  std::int64_t max_pixels = 100'000'000;  ///< larger pictures are Error(limit), before any allocation
  /// JPEG scans; more are Error(limit). Scans times pixels are limited to 32 max_pixels besides: a few
  /// bytes of scan cost as much time as the picture is large.
  int max_scans = 500;
  Tolerance tolerate = Tolerance::none;
  Decoding decoding = Decoding::exact;
  std::uint64_t max_bytes = std::uint64_t{1} << 30U;  ///< of an encoded picture; larger ones are Error(limit)
};

/// What was found out about a decoded picture.
struct ImageInfo {
  std::int64_t width = 0, height = 0;  ///< as stored
  bool truncated = false;              ///< part of the picture was missing or damaged, and tolerated
  bool gray = false;                   ///< stored with one channel
};

/// Decodes JPEG and PNG by content. Geometry is MXNet's: shorter side to resize_short (other side
/// rounded down), centre crop at floor offsets, pictures smaller than the crop are scaled up first; the other
/// ResizeModes as geometry.h says;
/// EXIF orientation is ignored. Nearest, bilinear and area are OpenCV's bit for bit,
/// cubic and lanczos4 within one grey level, all with Decoding::exact. Gray
/// pictures are replicated for colour networks; CMYK and YCCK are converted. What counts as damage
/// of a JPEG stands in jpeg.h; data that the crop does not need is not looked at. A PNG that is cut
/// off is always an error. A picture's pixels do not depend on the pictures before it. One decoder
/// per worker: keeps its buffers, so that a picture no larger than those before it costs no
/// allocation (JPEGs of several scans: the coefficients; PNG: libpng's); not thread-safe.
class Decoder {
 public:
  explicit Decoder(const DecoderOptions& options);
  Decoder() : Decoder(DecoderOptions{}) {}
  ~Decoder();
  Decoder(Decoder&&) noexcept;
  Decoder& operator=(Decoder&&) noexcept;

  /// Fills `slot` ((H + border) * (W + border) * C bytes, NHWC in the order of preprocess.color).
  /// On an error of the image the slot holds the border value everywhere, so that it is safe to
  /// compute on. Error(usage) or Error(invalid_config), with the slot untouched, when its size or
  /// the request is wrong. The slot's content before the call does not matter. `where` of an error
  /// is empty: the caller knows the image's name.
  Result<ImageInfo> decode(std::span<const std::uint8_t> bytes, const Preprocess& preprocess, const Border& border,
                           std::span<std::uint8_t> slot);

  /// Width and height as stored, from the header alone; the limits are checked, the pixels are not.
  /// With ResizeMode::none and these sizes decode() gives the picture as it is.
  Result<ImageInfo> measure(std::span<const std::uint8_t> bytes);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

/// Bytes of one slot.
std::size_t slot_bytes(const Preprocess& preprocess, const Border& border) noexcept;

}  // namespace octet
