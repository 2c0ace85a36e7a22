// The decoder's contract on small pictures made on the fly.
#include "octet/loader/decoder.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <string>
#include <thread>

#include "loader/make_image.h"
#include "octet/loader/resize.h"

namespace octet::test {
namespace {

Preprocess exact(Size size, Color color = Color::rgb) {
  Preprocess p;
  p.resize = ResizeMode::none;
  p.width = size.width;
  p.height = size.height;
  p.color = color;
  p.channels = color == Color::gray ? 1 : 3;
  return p;
}

ByteVector decode(const ByteVector& file, const Preprocess& p, const DecoderOptions& options = {}) {
  ByteVector slot(slot_bytes(p, {}));
  Decoder decoder(options);
  const auto info = decoder.decode(file, p, {}, slot);
  EXPECT_TRUE(info) << to_string(info.error());
  return slot;
}

Error refusal(const ByteVector& file, const Preprocess& p, const DecoderOptions& options = {}) {
  ByteVector slot(slot_bytes(p, {}));
  Decoder decoder(options);
  const auto info = decoder.decode(file, p, {}, slot);
  return info ? Error{ErrorCode::internal, "", "accepted"} : info.error();
}

constexpr Size kSize{45, 31};

TEST(Decoder, ColourOrders) {
  const ByteVector jpeg = make_jpeg(make_picture(kSize, 3));
  const Picture rgb = decode_whole(jpeg, 3);
  EXPECT_EQ(decode(jpeg, exact(kSize)), rgb.pixels);
  ByteVector bgr = rgb.pixels;
  for (std::size_t i = 0; i < bgr.size(); i += 3) std::swap(bgr[i], bgr[i + 2]);
  EXPECT_EQ(decode(jpeg, exact(kSize, Color::bgr)), bgr);
  EXPECT_EQ(decode(jpeg, exact(kSize, Color::gray)), decode_whole(jpeg, 1).pixels);
}

TEST(Decoder, MeasuresFromTheHeader) {
  constexpr Size kLarge{450, 310};  // half of the file is more than its tables
  Decoder decoder;
  for (ByteVector file : {make_jpeg(make_picture(kLarge, 3)), make_png(make_picture(kLarge, 1))}) {
    file.resize(file.size() / 2);  // the pixels are not looked at
    const auto info = decoder.measure(file);
    ASSERT_TRUE(info) << to_string(info.error());
    EXPECT_EQ(info->width, kLarge.width);
    EXPECT_EQ(info->height, kLarge.height);
  }
  DecoderOptions small;
  small.max_pixels = kLarge.width * kLarge.height - 1;
  const auto refused = Decoder(small).measure(make_jpeg(make_picture(kLarge, 3)));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::limit);
  EXPECT_FALSE(decoder.measure({}));
}

TEST(Decoder, GrayPicturesFillEveryChannel) {
  const ByteVector jpeg = make_jpeg(make_picture(kSize, 1));
  const ByteVector luma = decode_whole(jpeg, 1).pixels;
  EXPECT_EQ(decode(jpeg, exact(kSize, Color::gray)), luma);
  const ByteVector rgb = decode(jpeg, exact(kSize));
  for (std::size_t i = 0; i < rgb.size(); ++i) ASSERT_EQ(rgb[i], luma[i / 3]);
}

TEST(Decoder, FourComponents) {
  Picture cmyk = make_picture(kSize, 4);
  JpegSpec spec;
  spec.luma_h = spec.luma_v = 1;
  for (const bool adobe : {true, false}) {
    for (const int colour : {0, 2}) {
      if (colour == 2 && !adobe) continue;  // YCCK is announced by the marker
      spec.adobe = adobe;
      spec.colour = colour;
      const ByteVector jpeg = make_jpeg(cmyk, spec);
      const ByteVector samples = decode_whole(jpeg, 4).pixels;
      const ByteVector rgb = decode(jpeg, exact(kSize));
      const ByteVector gray = decode(jpeg, exact(kSize, Color::gray));
      for (std::size_t i = 0; i < rgb.size() / 3; ++i) {
        const auto light = [&](std::size_t c) { return adobe ? samples[4 * i + c] : 255 - samples[4 * i + c]; };
        for (std::size_t c = 0; c < 3; ++c) ASSERT_NEAR(rgb[3 * i + c], light(c) * light(3) / 255.0, 0.51);
        const double luma = 0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2];
        ASSERT_NEAR(gray[i], luma, 0.51);
      }
    }
  }
}

TEST(Decoder, LetterboxPaintsWhatThePictureLeaves) {
  const Border border{2, 3, 1, 4, {11, 22, 33}};
  Decoder decoder;
  for (const Color color : {Color::rgb, Color::gray}) {
    for (const Size stored : {Size{80, 40}, Size{40, 90}, Size{33, 17}, Size{32, 24}, Size{500, 3}}) {
      const ByteVector jpeg = make_jpeg(make_picture(stored, 3));
      Preprocess p = exact({32, 24}, color);
      p.resize = ResizeMode::letterbox;
      p.fill = 77;
      const Geometry geometry = plan_geometry(stored, p).value();
      Preprocess fitting = exact({geometry.crop.width, geometry.crop.height}, color);
      fitting.resize = ResizeMode::warp;
      const ByteVector inner = decode(jpeg, fitting);
      ByteVector slot(slot_bytes(p, border), 200);
      ASSERT_TRUE(decoder.decode(jpeg, p, border, slot));
      const std::int64_t width = 3 + 32 + 4;
      for (std::int64_t y = 0; y < 2 + 24 + 1; ++y) {
        for (std::int64_t x = 0; x < width; ++x) {
          const std::int64_t u = x - border.left - geometry.left, v = y - border.top - geometry.top;
          const bool outside = x < 3 || x >= 3 + 32 || y < 2 || y >= 2 + 24;
          const bool picture = u >= 0 && v >= 0 && u < geometry.crop.width && v < geometry.crop.height;
          for (std::int64_t c = 0; c < p.channels; ++c) {
            const auto at = static_cast<std::size_t>((v * geometry.crop.width + u) * p.channels + c);
            const int want = outside ? border.value[static_cast<std::size_t>(c)] : picture ? inner[at] : 77;
            ASSERT_EQ(slot[static_cast<std::size_t>((y * width + x) * p.channels + c)], want)
                << stored.width << 'x' << stored.height << " at " << x << ' ' << y;
          }
        }
      }
    }
  }
}

TEST(Decoder, PaintsTheBorderAroundThePicture) {
  const ByteVector jpeg = make_jpeg(make_picture({60, 60}, 3));
  for (const Color color : {Color::rgb, Color::gray}) {
    Preprocess p = exact({32, 24}, color);
    p.resize = ResizeMode::shorter_side;
    p.resize_short = 40;
    Border border{2, 3, 1, 4, {11, 22, 33}};
    const ByteVector inner = decode(jpeg, p);
    ByteVector slot(slot_bytes(p, border), 99);
    ASSERT_EQ(slot.size(), static_cast<std::size_t>(std::int64_t{24 + 3} * (32 + 7) * p.channels));
    Decoder decoder;
    ASSERT_TRUE(decoder.decode(jpeg, p, border, slot));
    for (std::int64_t y = 0; y < 27; ++y) {
      for (std::int64_t i = 0; i < 39 * p.channels; ++i) {
        const std::int64_t x = i / p.channels - 3;
        const bool inside = y >= 2 && y < 26 && x >= 0 && x < 32;
        const auto c = static_cast<std::size_t>(i % p.channels);
        const int expected =
            inside ? inner[static_cast<std::size_t>((y - 2) * 32 * p.channels + i - 3 * p.channels)] : border.value[c];
        ASSERT_EQ(slot[static_cast<std::size_t>(y * 39 * p.channels + i)], expected) << x << "," << y;
      }
    }
  }
}

TEST(Decoder, AnErrorFillsTheSlotWithTheBorder) {
  ByteVector jpeg = make_jpeg(make_picture({60, 60}, 3));
  jpeg.resize(jpeg.size() / 2);
  const Preprocess p = exact({60, 60});
  Border border{1, 1, 1, 1, {7, 8, 9}};
  ByteVector slot(slot_bytes(p, border), 99);
  Decoder decoder;
  EXPECT_FALSE(decoder.decode(jpeg, p, border, slot));
  for (std::size_t i = 0; i < slot.size(); ++i) ASSERT_EQ(slot[i], 7 + i % 3);
}

TEST(Decoder, DamageCountsWhereItIsUsed) {
  const ByteVector whole = make_jpeg(make_picture({64, 256}, 3));
  ByteVector cut = whole;
  cut.resize(whole.size() * 3 / 4);
  Preprocess p = exact({64, 64});
  EXPECT_EQ(refusal(cut, exact({64, 256})).code, ErrorCode::bad_image);
  p.resize = ResizeMode::shorter_side;  // rows 96..159 only
  EXPECT_EQ(decode(cut, p), decode(whole, p));
  DecoderOptions tolerant;
  tolerant.tolerate = Tolerance::truncated;
  ByteVector slot(slot_bytes(exact({64, 256}), {}));
  const auto info = Decoder(tolerant).decode(cut, exact({64, 256}), {}, slot);
  ASSERT_TRUE(info) << to_string(info.error());
  EXPECT_TRUE(info->truncated);
  const ByteVector complete = decode(whole, exact({64, 256}));
  EXPECT_TRUE(std::equal(slot.begin(), slot.begin() + std::ptrdiff_t{64} * 128 * 3, complete.begin()))
      << "what is there is right";
  // Damage in the middle is another thing than an end that is missing.
  ByteVector broken = whole;
  broken[whole.size() / 2] = 0xFF;
  broken[whole.size() / 2 + 1] = 0xE5;  // a marker that does not belong there
  EXPECT_FALSE(Decoder(tolerant).decode(broken, exact({64, 256}), {}, slot));
  tolerant.tolerate = Tolerance::warnings;
  EXPECT_TRUE(Decoder(tolerant).decode(broken, exact({64, 256}), {}, slot));
}

TEST(Decoder, LimitsAreCheckedAndNamed) {
  const ByteVector jpeg = make_jpeg(make_picture({64, 48}, 3));
  DecoderOptions options;
  options.max_pixels = std::int64_t{64} * 48;
  EXPECT_EQ(decode(jpeg, exact({64, 48}), options).size(), 64U * 48 * 3);
  options.max_pixels -= 1;
  const Error pixels = refusal(jpeg, exact({64, 48}), options);
  EXPECT_EQ(pixels.code, ErrorCode::limit);
  EXPECT_NE(pixels.message.find("64x48"), std::string::npos) << pixels.message;
  EXPECT_EQ(refusal(make_png(make_picture({64, 48}, 3)), exact({64, 48}), options).code, ErrorCode::limit);

  JpegSpec progressive;
  progressive.progressive = true;  // ten scans
  const ByteVector scans = make_jpeg(make_picture({64, 48}, 3), progressive);
  options = {};
  options.max_scans = 10;
  EXPECT_EQ(decode(scans, exact({64, 48}), options).size(), 64U * 48 * 3);
  options.max_scans = 9;
  const Error many = refusal(scans, exact({64, 48}), options);
  EXPECT_EQ(many.code, ErrorCode::limit);
  EXPECT_NE(many.message.find("9 scans"), std::string::npos) << many.message;
}

TEST(Decoder, ScansTimesPixelsAreLimited) {
  JpegSpec spec;
  spec.progressive = true;
  const Size size{800, 600};  // ten scans
  const ByteVector jpeg = make_jpeg(make_picture(size, 3), spec);
  DecoderOptions options;
  options.max_pixels = size.width * size.height;
  EXPECT_EQ(decode(jpeg, exact(size), options).size(), 800U * 600 * 3) << "32 scans of the largest picture";
  JpegSpec many = spec;
  many.single_scans = 15;  // 46 scans
  const ByteVector bomb = make_jpeg(make_picture(size, 3), many);
  EXPECT_EQ(refusal(bomb, exact(size), options).code, ErrorCode::limit);
  options.max_pixels *= 20;
  EXPECT_EQ(decode(bomb, exact(size), options).size(), 800U * 600 * 3);
}

/// Overwrites the height and width of the frame header.
void claim(ByteVector& jpeg, std::uint16_t width, std::uint16_t height) {
  for (std::size_t i = 2; i + 9 < jpeg.size(); i += 2 + std::size_t{jpeg[i + 2]} * 256 + jpeg[i + 3]) {
    if (jpeg[i + 1] != 0xC0 && jpeg[i + 1] != 0xC2) continue;
    jpeg[i + 5] = static_cast<std::uint8_t>(height >> 8);
    jpeg[i + 6] = static_cast<std::uint8_t>(height);
    jpeg[i + 7] = static_cast<std::uint8_t>(width >> 8);
    jpeg[i + 8] = static_cast<std::uint8_t>(width);
    return;
  }
  FAIL() << "no frame header";
}

TEST(Decoder, ProgressiveClaimsAreCheckedBeforeMemoryIsTaken) {
  JpegSpec spec;
  spec.progressive = true;
  ByteVector small = make_jpeg(make_picture({64, 48}, 3), spec);
  claim(small, 8000, 8000);  // within max_pixels, but far more blocks than the file has bits
  Preprocess p = exact({64, 48});
  p.resize = ResizeMode::warp;
  const Error error = refusal(small, p);
  EXPECT_EQ(error.code, ErrorCode::bad_image);
  EXPECT_NE(error.message.find("cannot hold"), std::string::npos) << error.message;
  spec.luma_h = spec.luma_v = 1;  // 4:4:4: six bytes of coefficients a pixel
  ByteVector full = make_jpeg(make_picture({64, 48}, 3), spec);
  claim(full, 9900, 9900);
  EXPECT_EQ(refusal(full, p).code, ErrorCode::limit);
}

TEST(Decoder, TablesOfOnePictureDoNotServeTheNext) {
  const ByteVector whole = make_jpeg(make_picture(kSize, 3));
  ByteVector bare(whole.begin(), whole.begin() + 2);
  for (std::size_t i = 2; i + 4 < whole.size();) {  // the same without quantisation tables
    const std::size_t end = i + 2 + std::size_t{whole[i + 2]} * 256 + whole[i + 3];
    if (whole[i + 1] == 0xDA) {
      bare.insert(bare.end(), whole.begin() + static_cast<std::ptrdiff_t>(i), whole.end());
      break;
    }
    if (whole[i + 1] != 0xDB) {
      bare.insert(bare.end(), whole.begin() + static_cast<std::ptrdiff_t>(i),
                  whole.begin() + static_cast<std::ptrdiff_t>(end));
    }
    i = end;
  }
  Decoder decoder;
  ByteVector slot(slot_bytes(exact(kSize), {}));
  EXPECT_TRUE(decoder.decode(whole, exact(kSize), {}, slot));
  EXPECT_FALSE(decoder.decode(bare, exact(kSize), {}, slot));
  EXPECT_TRUE(decoder.decode(whole, exact(kSize), {}, slot)) << "an error leaves the decoder usable";
}

TEST(Decoder, PngOfEveryKind) {
  for (const int channels : {1, 3}) {
    const Picture picture = make_picture(kSize, channels);
    for (const bool alpha : {false, true}) {
      for (const int depth : {1, 2, 4, 8, 16}) {
        for (const bool interlaced : {false, true}) {
          if (depth < 8 && (channels == 3 || alpha)) continue;
          const ByteVector png = make_png(picture, {depth, alpha, interlaced});
          const ByteVector rgb = decode(png, exact(kSize));
          for (std::size_t i = 0; i < rgb.size(); ++i) {
            const int value = picture.pixels[channels == 3 ? i : i / 3];
            const int expected = depth >= 8 ? value : (value >> (8 - depth)) * 255 / ((1 << depth) - 1);
            ASSERT_EQ(rgb[i], expected) << channels << " channels, " << depth << " bits, alpha " << alpha;
          }
          const ByteVector gray = decode(png, exact(kSize, Color::gray));
          for (std::size_t i = 0; i < gray.size(); ++i) {
            const double luma = 0.299 * rgb[3 * i] + 0.587 * rgb[3 * i + 1] + 0.114 * rgb[3 * i + 2];
            ASSERT_NEAR(gray[i], luma, 1.01);
          }
        }
      }
    }
  }
}

TEST(Decoder, PngAndJpegGoThroughTheSameGeometry) {
  const Picture picture = make_picture({90, 70}, 3);
  Preprocess p = exact({40, 30});
  p.resize = ResizeMode::shorter_side;
  p.resize_short = 35;
  JpegSpec fine;
  fine.quality = 100;
  fine.luma_h = fine.luma_v = 1;
  const ByteVector from_jpeg = decode(make_jpeg(picture, fine), p);
  for (const bool interlaced : {false, true}) {
    const ByteVector from_png = decode(make_png(picture, {8, false, interlaced}), p);
    for (std::size_t i = 0; i < from_png.size(); ++i) ASSERT_NEAR(from_png[i], from_jpeg[i], 3);
  }
}

TEST(Decoder, ResizesAreTakenOneAfterTheOther) {
  const ByteVector jpeg = make_jpeg(make_picture({300, 200}, 3));
  Preprocess p = exact({90, 80});
  p.resize = ResizeMode::shorter_side;
  p.resize_short = 61;
  // By hand: 91 x 61, then up to 119 x 80, then the middle 90 columns; each step on the whole picture.
  Picture picture = decode_whole(jpeg, 3);
  Resizer resizer;
  for (const Size to : {Size{91, 61}, Size{119, 80}}) {
    Picture next{to, 3, ByteVector(static_cast<std::size_t>(to.width * to.height * 3))};
    resizer.start(Interpolation::bilinear, picture.size, to, {0, 0, to.width, to.height}, 3);
    picture.pixels.resize(picture.pixels.size() + kRowPadding);
    std::uint8_t* dst = next.pixels.data();
    const Window from = resizer.source();
    for (std::int64_t y = from.y; y < from.y + from.height; ++y) {
      resizer.push(picture.at(from.x, y));
      for (; resizer.ready(); dst += to.width * 3) resizer.emit(dst);
    }
    picture = next;
  }
  const ByteVector slot = decode(jpeg, p);
  for (std::int64_t y = 0; y < 80; ++y) {
    ASSERT_TRUE(std::equal(slot.begin() + y * 270, slot.begin() + (y + 1) * 270, picture.at(14, y))) << "row " << y;
  }
}

TEST(Decoder, OneDecoderAThreadGivesTheSamePixels) {
  std::vector<ByteVector> files;
  for (std::uint32_t seed = 0; seed < 8; ++seed) {
    const Picture picture = make_picture({80 + seed, 60 + 3 * seed}, 3, seed);
    files.push_back(seed % 4 == 3 ? make_png(picture) : make_jpeg(picture));
  }
  Preprocess p = exact({40, 40});
  p.resize = ResizeMode::shorter_side;
  p.resize_short = 44;
  std::vector<ByteVector> expected;
  expected.reserve(files.size());
  for (const ByteVector& file : files) expected.push_back(decode(file, p));
  std::vector<int> equal(3);
  std::vector<std::thread> threads;
  threads.reserve(equal.size());
  for (int& count : equal) {
    threads.emplace_back([&] {
      Decoder decoder;
      ByteVector slot(slot_bytes(p, {}));
      for (std::size_t i = 0; i < files.size(); ++i) {
        if (decoder.decode(files[i], p, {}, slot) && slot == expected[i]) ++count;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(equal, (std::vector<int>{8, 8, 8}));
}

TEST(Decoder, SaysWhatElseTheBytesAre) {
  const auto message = [](std::string_view text) {
    return refusal(ByteVector(text.begin(), text.end()), exact(kSize)).message;
  };
  EXPECT_NE(message("GIF89a....").find("GIF"), std::string::npos);
  EXPECT_NE(message("RIFF\1\2\3\4WEBPVP8 ").find("WebP"), std::string::npos);
  EXPECT_NE(message("<!doctype html>").find("web page"), std::string::npos);
  EXPECT_NE(message("").find("empty"), std::string::npos);
  EXPECT_EQ(refusal({1, 2, 3}, exact(kSize)).code, ErrorCode::bad_image);
}

TEST(Decoder, WrongRequestsAreErrors) {
  const ByteVector jpeg = make_jpeg(make_picture(kSize, 3));
  Decoder decoder;
  ByteVector slot(slot_bytes(exact(kSize), {}));
  const auto code = [&](const Preprocess& p, const Border& border, std::size_t bytes) {
    const auto info = decoder.decode(jpeg, p, border, std::span(slot).first(bytes));
    return info ? ErrorCode::internal : info.error().code;
  };
  EXPECT_EQ(code(exact(kSize), {}, slot.size() - 1), ErrorCode::usage);
  Preprocess p = exact(kSize);
  p.channels = 2;
  EXPECT_EQ(code(p, {}, slot.size()), ErrorCode::invalid_config);
  p = exact(kSize);
  p.width = 0;
  EXPECT_EQ(code(p, {}, 0), ErrorCode::invalid_config);
  EXPECT_EQ(code(exact(kSize), {-1, 0, 0, 0, {}}, slot.size()), ErrorCode::invalid_config);
}

TEST(FastDecoding, ScalesOnlyWhatIsTwiceAsLargeAsNeeded) {
  const auto mean_difference = [](Size size, std::int64_t resize_short) {
    const ByteVector jpeg = make_jpeg(make_picture(size, 3));
    Preprocess p = exact({64, 64});
    p.resize = ResizeMode::shorter_side;
    p.resize_short = resize_short;
    DecoderOptions options;
    const ByteVector expected = decode(jpeg, p, options);
    options.decoding = Decoding::fast;
    const ByteVector pixels = decode(jpeg, p, options);
    double sum = 0;
    for (std::size_t i = 0; i < pixels.size(); ++i) sum += std::abs(pixels[i] - expected[i]);
    return sum / static_cast<double>(pixels.size());
  };
  const double kept = mean_difference({254, 190}, 96);
  const double halved = mean_difference({256, 192}, 96);
  const double quartered = mean_difference({512, 384}, 96);
  EXPECT_GT(kept, 0);  // chroma alone
  EXPECT_LT(kept, 4);
  EXPECT_GT(halved, 0);
  EXPECT_LT(halved, 13);
  EXPECT_LT(quartered, 13);
}

TEST(FastDecoding, LeavesPngAndGrayPicturesOfTheirSizeAlone) {
  DecoderOptions fast;
  fast.decoding = Decoding::fast;
  const ByteVector png = make_png(make_picture(kSize, 3));
  EXPECT_EQ(decode(png, exact(kSize), fast), decode(png, exact(kSize)));
  const ByteVector gray = make_jpeg(make_picture(kSize, 1));
  EXPECT_EQ(decode(gray, exact(kSize), fast), decode(gray, exact(kSize)));
}

}  // namespace
}  // namespace octet::test
