// Encoded pictures: what a decoder gets back, and the form of the files.
#include "octet/loader/encoder.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "loader/make_image.h"
#include "octet/loader/decoder.h"
#include "octet/loader/jpeg.h"
#include "octet/loader/png.h"

namespace octet::test {
namespace {

ByteVector encoded(Encoder& encoder, const Picture& picture, Color color) {
  const auto bytes = encoder.encode(picture.pixels, picture.size, color);
  EXPECT_TRUE(bytes) << to_string(bytes.error());
  return bytes ? ByteVector(bytes->begin(), bytes->end()) : ByteVector();
}

Encoder make_encoder(ImageFormat format, int quality) { return Encoder::create({format, quality}).value(); }

ByteVector decoded(const ByteVector& bytes, Size size, Color color) {
  Preprocess form;
  form.color = color;
  form.channels = color == Color::gray ? 1 : 3;
  form.width = size.width;
  form.height = size.height;
  form.resize = ResizeMode::none;
  ByteVector pixels(slot_bytes(form, {}));
  Decoder decoder;
  const auto info = decoder.decode(bytes, form, {}, pixels);
  EXPECT_TRUE(info) << to_string(info.error());
  return pixels;
}

TEST(Encoder, PngComesBackExactly) {
  auto encoder = make_encoder(ImageFormat::png, 3);
  for (const int channels : {1, 3}) {
    for (const Size size : {Size{1, 1}, Size{37, 23}, Size{640, 480}}) {
      const Picture picture = make_picture(size, channels);
      const Color color = channels == 1 ? Color::gray : Color::rgb;
      const ByteVector png = encoded(encoder, picture, color);
      ASSERT_TRUE(is_png(png));
      EXPECT_EQ(decoded(png, size, color), picture.pixels) << size.width << " " << channels;
    }
  }
  const Picture picture = make_picture({20, 10}, 3);
  EXPECT_EQ(decoded(encoded(encoder, picture, Color::bgr), picture.size, Color::bgr), picture.pixels);
}

TEST(Encoder, FullChromaKeepsTheColourOfSinglePixels) {
  Picture picture = make_picture({32, 32}, 3);
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) {  // columns of red and blue
    const bool red = i / 3 % 2 == 0;
    picture.pixels[i] = red ? 255 : 0;
    picture.pixels[i + 1] = 0;
    picture.pixels[i + 2] = red ? 0 : 255;
  }
  const auto largest_error = [&](bool full_chroma) {
    auto encoder = Encoder::create({ImageFormat::jpeg, 95, full_chroma}).value();
    const ByteVector pixels = decoded(encoded(encoder, picture, Color::rgb), picture.size, Color::rgb);
    int worst = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) worst = std::max(worst, std::abs(pixels[i] - picture.pixels[i]));
    return worst;
  };
  EXPECT_LT(largest_error(true), 20);
  EXPECT_GT(largest_error(false), 60);
}

TEST(Encoder, JpegIsLibjpegsDefault) {
  for (const int quality : {1, 50, 95, 100}) {
    auto encoder = make_encoder(ImageFormat::jpeg, quality);
    for (const int channels : {1, 3}) {
      const Picture picture = make_picture({321, 200}, channels);
      JpegSpec spec{.quality = quality};
      if (channels == 1) spec.luma_h = spec.luma_v = 1;
      EXPECT_TRUE(encoded(encoder, picture, channels == 1 ? Color::gray : Color::rgb) == make_jpeg(picture, spec))
          << quality << " " << channels;
    }
  }
}

TEST(Encoder, OrderOfChannelsIsThatOfColor) {
  auto encoder = make_encoder(ImageFormat::jpeg, 90);
  Picture picture = make_picture({64, 48}, 3);
  const ByteVector rgb = encoded(encoder, picture, Color::rgb);
  for (std::size_t i = 0; i < picture.pixels.size(); i += 3) std::swap(picture.pixels[i], picture.pixels[i + 2]);
  EXPECT_TRUE(encoded(encoder, picture, Color::bgr) == rgb);
}

TEST(Encoder, TheBufferGrowsAndIsUsedAgain) {
  auto encoder = make_encoder(ImageFormat::jpeg, 100);
  Picture noise{{700, 500}, 3, ByteVector(700 * 500 * 3)};
  std::uint32_t state = 1;
  for (auto& value : noise.pixels) value = static_cast<std::uint8_t>((state = state * 1664525 + 1013904223) >> 24);
  const ByteVector big = encoded(encoder, noise, Color::rgb);
  EXPECT_GT(big.size(), std::size_t{300'000});
  const Picture small = make_picture({16, 16}, 3);
  const ByteVector once = encoded(encoder, small, Color::rgb);
  EXPECT_TRUE(encoded(encoder, noise, Color::rgb) == big);
  EXPECT_TRUE(encoded(encoder, small, Color::rgb) == once);
}

TEST(Encoder, RefusesWhatCannotBe) {
  EXPECT_EQ(Encoder::create({ImageFormat::jpeg, 0}).error().code, ErrorCode::usage);
  EXPECT_EQ(Encoder::create({ImageFormat::jpeg, 101}).error().code, ErrorCode::usage);
  EXPECT_EQ(Encoder::create({ImageFormat::png, -1}).error().code, ErrorCode::usage);
  EXPECT_EQ(Encoder::create({ImageFormat::png, 10}).error().code, ErrorCode::usage);
  auto encoder = make_encoder(ImageFormat::jpeg, 95);
  const ByteVector pixels(70'000);
  EXPECT_EQ(encoder.encode(pixels, {200, 200}, Color::rgb).error().code, ErrorCode::usage);
  EXPECT_EQ(encoder.encode(pixels, {0, 5}, Color::rgb).error().code, ErrorCode::usage);
  const auto wide = encoder.encode(pixels, {70'000, 1}, Color::gray);
  ASSERT_FALSE(wide);
  EXPECT_EQ(wide.error().code, ErrorCode::limit);
  EXPECT_THAT(wide.error().message, testing::HasSubstr("65500"));
  EXPECT_TRUE(make_encoder(ImageFormat::png, 0).encode(pixels, {70'000, 1}, Color::gray));
}

}  // namespace
}  // namespace octet::test
