// Pictures for tests: synthetic pixels, encoded on the fly, and images out of asset records.
#pragma once

#include <cstdint>     // std::uint8_t
#include <filesystem>  // std::filesystem::path
#include <vector>      // std::vector

#include "octet/loader/geometry.h"

namespace octet::test {

using ByteVector = std::vector<std::uint8_t>;

/// Interleaved 8-bit pixels.
struct Picture {
  Size size;
  int channels = 3;
  ByteVector pixels;

  [[nodiscard]] const std::uint8_t* at(std::int64_t x, std::int64_t y) const {
    return &pixels[static_cast<std::size_t>((y * size.width + x) * channels)];
  }
};

/// Smooth shapes with some noise: neighbouring pixels and channels differ everywhere.
Picture make_picture(Size size, int channels, std::uint32_t seed = 1);

struct JpegSpec {
  int quality = 90;
  int luma_h = 2, luma_v = 2;      ///< sampling factors of the first component
  int chroma_h = 1, chroma_v = 1;  ///< of the others
  bool progressive = false;
  int single_scans = 0;         ///< progressive: only DC and so many AC coefficients, one scan for each of a component
  bool separate_scans = false;  ///< sequential, one scan a component
  bool arithmetic = false;
  int restart_rows = 0;  ///< restart interval in rows of MCUs
  int colour = 0;        ///< 0: YCbCr (or gray, CMYK by channels), 1: RGB stored as RGB, 2: YCCK
  bool adobe = true;     ///< write the Adobe marker where libjpeg would
};

ByteVector make_jpeg(const Picture& picture, const JpegSpec& spec = {});

struct PngSpec {
  int bit_depth = 8;
  bool alpha = false;
  bool interlaced = false;
};

/// Colour type by channels and alpha; 16 bits: the 8-bit value in the upper byte, noise in the lower;
/// fewer than 8 bits (gray only): the upper bits.
ByteVector make_png(const Picture& picture, const PngSpec& spec = {});

struct JpegReading {
  bool fancy = true;                   ///< chroma is interpolated, not replicated
  unsigned int scale_denominator = 1;  ///< 1, 2, 4 or 8
};

/// Decodes all of a JPEG by plain libjpeg, without cropping or skipping. channels 3: RGB, 1: luma.
Picture decode_whole(const ByteVector& jpeg, int channels, const JpegReading& reading = {});

/// The encoded images of the first `count` records of a .rec of one-part records.
std::vector<ByteVector> record_images(const std::filesystem::path& path, std::size_t count);

}  // namespace octet::test
