// Pixels against MXNet's own loader and against OpenCV's, on real photographs.
#include <gtest/gtest.h>
#include <cmath>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>

#include "loader/make_image.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"
#include "support/assets.h"
#include "support/npy.h"

namespace octet::test {
namespace {

struct Difference {
  int max = 0;
  double sum = 0;
  std::size_t count = 0;

  void add(std::span<const std::uint8_t> a, std::span<const std::uint8_t> b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) {
      const int d = std::abs(a[i] - b[i]);
      max = std::max(max, d);
      sum += d;
    }
    count += a.size();
  }
  [[nodiscard]] double mean() const { return sum / static_cast<double>(count); }
};

void compare(const std::vector<ByteVector>& images, const Preprocess& preprocess, const Npy& expected, const char* name,
             int max = 1) {
  ASSERT_EQ(images.size(), static_cast<std::size_t>(expected.shape.at(0)));
  Decoder decoder;
  ByteVector slot(slot_bytes(preprocess, {}));
  Difference difference;
  for (std::size_t i = 0; i < images.size(); ++i) {
    const auto info = decoder.decode(images[i], preprocess, {}, slot);
    ASSERT_TRUE(info) << name << " " << i << ": " << to_string(info.error());
    difference.add(slot, expected.row<std::uint8_t>(i));
  }
  testing::Test::RecordProperty(std::string(name) + "_max", difference.max);
  testing::Test::RecordProperty(std::string(name) + "_mean", std::to_string(difference.mean()));
  EXPECT_LE(difference.max, max) << name;
  EXPECT_LE(difference.mean(), 0.05) << name;
}

Preprocess crop(std::int64_t side, std::int64_t resize_short, Interpolation method = Interpolation::bilinear) {
  Preprocess p;
  p.height = p.width = side;
  p.resize_short = resize_short;
  p.interpolation = method;
  return p;
}

struct MxnetCase {
  const char* array;
  const char* rec;
  Preprocess preprocess;
  int max;  ///< 0: identical
};

class MxnetPixels : public testing::TestWithParam<MxnetCase> {};

TEST_P(MxnetPixels, Equal) {
  OCTET_REQUIRE_ASSETS();
  const auto folder = assets() / "mxnet/loader";
  const MxnetCase& c = GetParam();
  const auto expected = read_npy(folder / (std::string(c.array) + ".npy"));
  ASSERT_TRUE(expected) << to_string(expected.error());
  compare(record_images(folder / (std::string(c.rec) + ".rec"), 8), c.preprocess, *expected, c.array, c.max);
}

Preprocess gray64() {
  Preprocess p = crop(64, 64);
  p.channels = 1;
  p.color = Color::gray;
  return p;
}

INSTANTIATE_TEST_SUITE_P(
    Loader, MxnetPixels,
    testing::Values(MxnetCase{"u8_resize256_crop224", "im2rec24", crop(224, 256), 0},
                    MxnetCase{"u8_crop224_noresize", "im2rec24", crop(224, 0), 0},
                    MxnetCase{"u8_stored256_crop224", "im2rec24_256q90", crop(224, 0), 0},
                    MxnetCase{"u8_stored256_upscale299", "im2rec24_256q90", crop(299, 0), 0},
                    MxnetCase{"u8_resize256_area_crop224", "im2rec24", crop(224, 256, Interpolation::area), 0},
                    MxnetCase{"u8_resize256_cubic_crop224", "im2rec24", crop(224, 256, Interpolation::cubic), 1},
                    MxnetCase{"u8_gray64", "im2rec24", gray64(), 0}),
    [](const auto& info) { return std::string(info.param.array); });

std::vector<ByteVector> golden_images(const std::filesystem::path& folder) {
  std::vector<ByteVector> images;
  std::ifstream list(folder / "files.txt");
  for (std::string line; std::getline(list, line);) {
    const auto file = read_file(folder / line.substr(line.rfind('\t') + 1));
    if (file) images.push_back(*file);
  }
  return images;
}

struct GoldenCase {
  const char* model;
  Preprocess preprocess;
};

class GoldenPixels : public testing::TestWithParam<GoldenCase> {};

TEST_P(GoldenPixels, Equal) {
  OCTET_REQUIRE_ASSETS();
  const auto folder = assets() / "golden" / GetParam().model;
  const auto expected = read_npy(folder / "inputs_u8.npy");
  ASSERT_TRUE(expected) << to_string(expected.error());
  compare(golden_images(folder), GetParam().preprocess, *expected, GetParam().model, 0);
}

Preprocess golden(std::int64_t side, std::int64_t resize_short, ResizeMode mode, Color color = Color::rgb) {
  Preprocess p = crop(side, resize_short);
  p.resize = mode;
  p.color = color;
  return p;
}

INSTANTIATE_TEST_SUITE_P(Loader, GoldenPixels,
                         testing::Values(GoldenCase{"squeezenet_v1.1",
                                                    golden(227, 256, ResizeMode::shorter_side, Color::bgr)},
                                         GoldenCase{"mobilenet_v2_1.0_224", golden(224, 256, ResizeMode::shorter_side)},
                                         GoldenCase{"cifar_resnet20", golden(32, 0, ResizeMode::none)},
                                         GoldenCase{"ssd_mobilenet_v1_coco", golden(300, 0, ResizeMode::warp)}),
                         [](const auto& info) {
                           std::string name = info.param.model;
                           for (char& c : name) c = c == '.' ? '_' : c;
                           return name;
                         });

/// What `fast` may differ by, as its declaration says.
TEST(FastDecoding, StaysWithinItsToleranceOnPhotographs) {
  OCTET_REQUIRE_ASSETS();
  const auto source = Source::open({.data = assets() / "images/imagenet300"});
  ASSERT_TRUE(source) << to_string(source.error());
  const Preprocess preprocess = crop(224, 256);
  DecoderOptions options;
  Decoder exact(options);
  options.decoding = Decoding::fast;
  Decoder fast(options);
  ByteVector buffer, expected(slot_bytes(preprocess, {})), slot(expected.size());
  Difference kept, scaled;
  for (auto entry = (*source)->next(); entry && *entry; entry = (*source)->next()) {
    const auto bytes = (*entry)->image->read(buffer);
    ASSERT_TRUE(bytes && exact.decode(*bytes, preprocess, {}, expected));
    const auto info = fast.decode(*bytes, preprocess, {}, slot);
    ASSERT_TRUE(info) << (*entry)->key;
    const bool is_scaled = std::min(info->width, info->height) >= 512;
    Difference one;
    one.add(slot, expected);
    (is_scaled ? scaled : kept).add(slot, expected);
    EXPECT_LE(one.mean(), is_scaled ? 13 : 4) << (*entry)->key;
  }
  ASSERT_GT(kept.count, 0U);
  ASSERT_GT(scaled.count, 0U);
  EXPECT_GT(kept.max, 0);  // it is another way
  EXPECT_LE(kept.mean(), 1);
  EXPECT_LE(scaled.mean(), 4);
}

}  // namespace
}  // namespace octet::test
