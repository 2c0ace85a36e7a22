#include "octet/loader/jpeg_memory.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <array>

#include "loader/make_image.h"
#include "octet/loader/decoder.h"

namespace octet::test {
namespace {

/// Without its Huffman tables, as a frame of a film is stored.
ByteVector without_huffman_tables(const ByteVector& jpeg) {
  ByteVector shorter(jpeg.begin(), jpeg.begin() + 2);
  std::size_t at = 2;
  while (jpeg[at + 1] != 0xDA) {
    const std::size_t length = 2 + (std::size_t{jpeg[at + 2]} << 8U) + jpeg[at + 3];
    if (jpeg[at + 1] != 0xC4) shorter.insert(shorter.end(), jpeg.begin() + at, jpeg.begin() + at + length);
    at += length;
  }
  shorter.insert(shorter.end(), jpeg.begin() + at, jpeg.end());
  return shorter;
}

/// Without its quantisation tables: cannot be decoded.
ByteVector without_quantisation_tables(const ByteVector& jpeg) {
  ByteVector shorter = jpeg;
  constexpr std::array<std::uint8_t, 2> dqt{0xFF, 0xDB};
  for (auto at = shorter.begin();;) {
    at = std::search(at, shorter.end(), dqt.begin(), dqt.end());
    if (at == shorter.end()) return shorter;
    at = shorter.erase(at, at + 2 + (at[2] << 8) + at[3]);
  }
}

Preprocess unresized(Size size) {
  Preprocess p;
  p.resize = ResizeMode::none;
  p.width = size.width;
  p.height = size.height;
  return p;
}

constexpr Size kPictureSize{120, 90};

struct ReuseOutcome {
  bool decoded = false;
  ByteVector pixels;
};

ReuseOutcome decode_with(Decoder& decoder, const ByteVector& jpeg) {
  ReuseOutcome outcome{false, ByteVector(slot_bytes(unresized(kPictureSize), {}))};
  outcome.decoded = static_cast<bool>(decoder.decode(jpeg, unresized(kPictureSize), {}, outcome.pixels));
  return outcome;
}

TEST(JpegMemory, APictureGetsNoTablesOfTheOneBefore) {
  JpegSpec other;
  other.quality = 20;
  other.progressive = true;  // optimised Huffman tables
  const ByteVector before = make_jpeg(make_picture(kPictureSize, 3, 2), other);
  const ByteVector film = without_huffman_tables(make_jpeg(make_picture(kPictureSize, 3)));
  const ByteVector broken = without_quantisation_tables(make_jpeg(make_picture(kPictureSize, 3)));
  Decoder used;
  for (int i = 0; i < 3; ++i) {
    ASSERT_TRUE(decode_with(used, before).decoded);
    EXPECT_FALSE(decode_with(used, broken).decoded);
    Decoder fresh;
    const ReuseOutcome expected = decode_with(fresh, film);
    const ReuseOutcome outcome = decode_with(used, film);
    EXPECT_EQ(outcome.decoded, expected.decoded);
    EXPECT_EQ(outcome.pixels, expected.pixels);
  }
}

/// Decodes with a decompressor of its own; leaves the picture's first row.
class ReusedDecompressor {
 public:
  ReusedDecompressor() {
    cinfo_.err = jpeg_std_error(&error_);
    jpeg_create_decompress(&cinfo_);
    jpeg_mem_src(&cinfo_, nothing_.data(), nothing_.size());  // makes the source, which is to stay
    memory_.attach(cinfo_);
  }
  ~ReusedDecompressor() { jpeg_destroy_decompress(&cinfo_); }
  ReusedDecompressor(const ReusedDecompressor&) = delete;
  ReusedDecompressor& operator=(const ReusedDecompressor&) = delete;

  void decode(const ByteVector& jpeg) {
    jpeg_mem_src(&cinfo_, jpeg.data(), jpeg.size());
    jpeg_read_header(&cinfo_, TRUE);
    jpeg_start_decompress(&cinfo_);
    ByteVector row(std::size_t{cinfo_.output_width} * 3);
    JSAMPROW rows = row.data();
    while (cinfo_.output_scanline < cinfo_.output_height) jpeg_read_scanlines(&cinfo_, &rows, 1);
    memory_.recycle(cinfo_);
  }
  [[nodiscard]] const JpegMemory& memory() const { return memory_; }

 private:
  static constexpr std::array<std::uint8_t, 1> nothing_{};
  JpegMemory memory_;
  jpeg_decompress_struct cinfo_{};
  jpeg_error_mgr error_{};
};

TEST(JpegMemory, PicturesOfOneSizeCostNoAllocation) {
  ReusedDecompressor reused;
  const ByteVector small = make_jpeg(make_picture({500, 375}, 3));
  const ByteVector wide = make_jpeg(make_picture({6000, 16}, 3));
  reused.decode(wide);  // several blocks become one
  const std::uint64_t after_first = reused.memory().allocations();
  for (int i = 0; i < 5; ++i) {
    reused.decode(wide);
    reused.decode(small);
  }
  EXPECT_EQ(reused.memory().allocations(), after_first);
  EXPECT_GT(reused.memory().kept_bytes(), 0U);
}

TEST(JpegMemory, HugePicturesAreNotRemembered) {
  ReusedDecompressor reused;
  reused.decode(make_jpeg(make_picture({60000, 16}, 3)));
  EXPECT_LE(reused.memory().kept_bytes(), std::size_t{8} << 20U);
}

}  // namespace
}  // namespace octet::test
