// Decoding a window of a JPEG gives the very pixels of a full decode, wherever the window lies.
#include <gtest/gtest.h>
#include <cstring>
#include <random>
#include <string>

#include "loader/make_image.h"
#include "octet/loader/jpeg.h"

namespace octet::test {
namespace {

/// Compares one window; fails at the first difference. The reader is asked for no less than `whole` has.
void expect_window(JpegReader& reader, const ByteVector& jpeg, const Picture& whole, const Window& window) {
  const std::string at = std::to_string(window.width) + "x" + std::to_string(window.height) + " at " +
                         std::to_string(window.x) + "," + std::to_string(window.y);
  const auto size = reader.open(jpeg);
  ASSERT_TRUE(size) << to_string(size.error());
  ASSERT_EQ(reader.reduce(*size, whole.size), whole.size);
  const auto started = reader.start(window, whole.channels == 1 ? Color::gray : Color::rgb);
  ASSERT_TRUE(started) << at << ": " << to_string(started.error());
  const auto bytes = static_cast<std::size_t>(window.width * whole.channels);
  for (std::int64_t y = 0; y < window.height; ++y) {
    const auto row = reader.next_row();
    ASSERT_TRUE(row) << at << ": " << to_string(row.error());
    const std::uint8_t* expected = whole.at(window.x, window.y + y);
    ASSERT_EQ(std::memcmp(*row, expected, bytes), 0) << at << ", row " << y;
  }
  reader.close();
}

Window random_window(std::mt19937& random, Size size) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(n));
  };
  Window window;
  window.x = below(size.width);
  window.y = below(size.height);
  window.width = 1 + below(size.width - window.x);
  window.height = 1 + below(size.height - window.y);
  return window;
}

void expect_windows(const JpegSpec& spec, Size size, int channels, int count) {
  const ByteVector jpeg = make_jpeg(make_picture(size, channels), spec);
  const int decoded_channels = channels == 1 ? 1 : 3;
  const Picture whole = decode_whole(jpeg, decoded_channels);
  const Picture luma = decode_whole(jpeg, 1);
  JpegReader reader(DecoderOptions{});
  std::mt19937 random(static_cast<std::uint32_t>(size.width * 1000 + size.height));
  for (int i = 0; i < count && !testing::Test::HasFatalFailure(); ++i) {
    expect_window(reader, jpeg, whole, random_window(random, size));
    if (i % 4 == 0) expect_window(reader, jpeg, luma, random_window(random, size));
  }
}

/// With Decoding::fast: windows of the picture as it is stored, and scaled down to its parts.
void expect_fast_windows(const JpegSpec& spec, Size size, int count) {
  const ByteVector jpeg = make_jpeg(make_picture(size, 3), spec);
  DecoderOptions options;
  options.decoding = Decoding::fast;
  JpegReader reader(options);
  std::mt19937 random(static_cast<std::uint32_t>(size.width * 1000 + size.height));
  for (const unsigned int denominator : {1U, 2U, 4U, 8U}) {
    SCOPED_TRACE("1/" + std::to_string(denominator));
    // Only whole parts are asked for, so that the reader chooses this scale.
    if (size.width % denominator != 0 || size.height % denominator != 0) continue;
    const Picture whole = decode_whole(jpeg, 3, {false, denominator});
    const Picture luma = decode_whole(jpeg, 1, {false, denominator});
    for (int i = 0; i < count && !testing::Test::HasFatalFailure(); ++i) {
      expect_window(reader, jpeg, whole, random_window(random, whole.size));
      if (i % 4 == 0) expect_window(reader, jpeg, luma, random_window(random, luma.size));
    }
  }
}

struct Sampling {
  const char* name;
  int luma_h, luma_v, chroma_h, chroma_v;
};

class JpegWindows : public testing::TestWithParam<Sampling> {
 protected:
  [[nodiscard]] static JpegSpec spec() {
    JpegSpec spec;
    spec.luma_h = GetParam().luma_h;
    spec.luma_v = GetParam().luma_v;
    spec.chroma_h = GetParam().chroma_h;
    spec.chroma_v = GetParam().chroma_v;
    return spec;
  }
  static void expect_all(const JpegSpec& spec, int count) {
    for (const Size size : {Size{149, 101}, Size{160, 120}, Size{97, 65}, Size{33, 140}, Size{17, 13}, Size{7, 5},
                            Size{1, 64}, Size{64, 1}}) {
      SCOPED_TRACE(std::to_string(size.width) + "x" + std::to_string(size.height));
      ASSERT_NO_FATAL_FAILURE(expect_windows(spec, size, 3, count));
    }
  }
};

TEST_P(JpegWindows, Baseline) { expect_all(spec(), 60); }

TEST_P(JpegWindows, FastDecoding) {
  for (const Size size : {Size{149, 101}, Size{160, 120}, Size{96, 64}, Size{34, 138}, Size{7, 5}}) {
    SCOPED_TRACE(std::to_string(size.width) + "x" + std::to_string(size.height));
    ASSERT_NO_FATAL_FAILURE(expect_fast_windows(spec(), size, 40));
  }
}

TEST_P(JpegWindows, Progressive) {
  JpegSpec progressive = spec();
  progressive.progressive = true;
  expect_all(progressive, 40);
}

TEST_P(JpegWindows, SeparateScansWithRestarts) {
  JpegSpec separate = spec();
  separate.separate_scans = true;
  separate.restart_rows = 1;
  expect_all(separate, 25);
}

TEST_P(JpegWindows, ArithmeticCoding) {
  JpegSpec arithmetic = spec();
  arithmetic.arithmetic = true;
  expect_all(arithmetic, 10);
}

INSTANTIATE_TEST_SUITE_P(Decoder, JpegWindows,
                         testing::Values(Sampling{"s444", 1, 1, 1, 1}, Sampling{"s311", 3, 1, 1, 1},
                                         Sampling{"s422", 2, 1, 1, 1}, Sampling{"s420", 2, 2, 1, 1},
                                         Sampling{"s440", 1, 2, 1, 1}, Sampling{"s411", 4, 1, 1, 1},
                                         Sampling{"s410", 4, 2, 1, 1}, Sampling{"s441", 1, 4, 1, 1},
                                         Sampling{"chroma_larger", 1, 1, 2, 2}),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(GrayJpegWindows, WhateverTheSamplingFactors) {
  for (const int factor : {1, 2, 3}) {
    JpegSpec spec;
    spec.luma_h = spec.luma_v = factor;
    for (const bool progressive : {false, true}) {
      spec.progressive = progressive;
      expect_windows(spec, {149, 101}, 1, 60);
      expect_windows(spec, {40, 90}, 1, 60);
    }
  }
}

TEST(RgbJpegWindows, StoredWithoutConversion) {
  JpegSpec spec;
  spec.colour = 1;
  spec.luma_h = spec.luma_v = 1;
  expect_windows(spec, {149, 101}, 3, 60);
}

}  // namespace
}  // namespace octet::test
