#include "octet/loader/geometry.h"

#include <gtest/gtest.h>
#include <vector>

namespace octet::test {
namespace {

struct Case {
  Size stored;
  std::int64_t resize_short;
  Size input;
  std::vector<Size> steps;
  Window crop;
};

class ShorterSide : public testing::TestWithParam<Case> {};

TEST_P(ShorterSide, StepsAndCrop) {
  const Case& c = GetParam();
  Preprocess p;
  p.width = c.input.width;
  p.height = c.input.height;
  p.resize_short = c.resize_short;
  const auto geometry = plan_geometry(c.stored, p);
  ASSERT_TRUE(geometry) << to_string(geometry.error());
  const auto steps = geometry->resizes();
  EXPECT_EQ(std::vector<Size>(steps.begin(), steps.end()), c.steps);
  EXPECT_EQ(geometry->crop, c.crop);
}

INSTANTIATE_TEST_SUITE_P(
    Geometry, ShorterSide,
    testing::Values(
        // width, height; the longer side is rounded down: 256 * 500 / 375 = 341.33
        Case{{500, 375}, 256, {224, 224}, {{341, 256}}, {58, 16, 224, 224}},
        Case{{375, 500}, 256, {224, 224}, {{256, 341}}, {16, 58, 224, 224}},
        Case{{333, 333}, 256, {224, 224}, {{256, 256}}, {16, 16, 224, 224}},
        // odd rests: the crop starts at the floor
        Case{{257, 300}, 0, {224, 224}, {}, {16, 38, 224, 224}},
        // already at the size: no step
        Case{{256, 400}, 256, {224, 224}, {}, {16, 88, 224, 224}},
        // no resize, smaller than the crop: to its height, width trunc(float(299) / 256 * 341)
        Case{{341, 256}, 0, {299, 299}, {{398, 299}}, {49, 0, 299, 299}},
        // too narrow only: one step by width, height trunc(float(299) / 256 * 341)
        Case{{256, 341}, 0, {299, 299}, {{299, 398}}, {0, 49, 299, 299}},
        // shorter side, then up to the crop
        Case{{500, 375}, 200, {224, 224}, {{266, 200}, {297, 224}}, {36, 0, 224, 224}},
        // tall input: height first, then still too narrow
        Case{{10, 100}, 0, {100, 200}, {{20, 200}, {100, 1000}}, {0, 400, 100, 200}},
        // single precision falls short of 11: float(13) / 11 * 11 is below 13, so that width needs a step of its own
        Case{{22, 22}, 11, {13, 13}, {{11, 11}, {12, 13}, {13, 14}}, {0, 0, 13, 13}},
        // extreme aspect: nothing overflows
        Case{{8000, 20}, 256, {224, 224}, {{102400, 256}}, {51088, 16, 224, 224}},
        Case{{65500, 1}, 16384, {16384, 16384}, {{1073152000, 16384}}, {536567808, 0, 16384, 16384}},
        Case{{1, 65500}, 0, {224, 224}, {{224, 14672000}}, {0, 7335888, 224, 224}}));

TEST(Geometry, AutomaticInterpolationIsThatOfTheChange) {
  using enum Interpolation;
  EXPECT_EQ(interpolation_for(automatic, {10, 10}, {11, 11}), cubic);
  EXPECT_EQ(interpolation_for(automatic, {10, 10}, {9, 9}), area);
  for (const Size to : {Size{9, 11}, Size{10, 9}, Size{11, 10}, Size{10, 10}}) {
    EXPECT_EQ(interpolation_for(automatic, {10, 10}, to), bilinear);
  }
  EXPECT_EQ(interpolation_for(lanczos4, {10, 10}, {9, 9}), lanczos4);
  Preprocess p;
  p.interpolation = automatic;
  p.resize_short = 200;
  p.width = p.height = 224;
  const Geometry two = plan_geometry({500, 375}, p).value();  // 266 x 200, which is wider than the crop
  ASSERT_EQ(two.count, 2U);
  EXPECT_EQ(two.kinds[0], area);
  EXPECT_EQ(two.kinds[1], bilinear);
  p.resize_short = 0;
  const Geometry up = plan_geometry({22, 110}, p).value();
  ASSERT_EQ(up.count, 2U);
  EXPECT_EQ(up.kinds[0], cubic);
  EXPECT_EQ(up.kinds[1], cubic) << "chosen once";
}

TEST(Geometry, LetterboxFitsThePictureIntoTheMiddle) {
  Preprocess p;
  p.resize = ResizeMode::letterbox;
  p.width = 300;
  p.height = 200;
  const auto expect = [&p](Size stored, std::vector<Size> steps, std::int64_t left, std::int64_t top) {
    const Geometry geometry = plan_geometry(stored, p).value();
    const auto resizes = geometry.resizes();
    EXPECT_EQ(std::vector<Size>(resizes.begin(), resizes.end()), steps);
    const Size size = steps.empty() ? stored : steps[0];
    EXPECT_EQ(geometry.crop, (Window{0, 0, size.width, size.height}));
    EXPECT_EQ(geometry.left, left);
    EXPECT_EQ(geometry.top, top);
  };
  expect({600, 300}, {{300, 150}}, 0, 25);
  expect({601, 300}, {{300, 149}}, 0, 25);  // 149.75; an odd rest: a row less above
  expect({100, 200}, {}, 100, 0);
  expect({30, 30}, {{200, 200}}, 50, 0);  // small pictures grow
  expect({300, 200}, {}, 0, 0);
  expect({100000, 1}, {{300, 1}}, 0, 99);  // no side becomes 0
  expect({1, 65500}, {{1, 200}}, 149, 0);
}

TEST(Geometry, WarpIsOneResizeOfTheWhole) {
  Preprocess p;
  p.resize = ResizeMode::warp;
  p.width = 300;
  p.height = 200;
  p.resize_short = 256;  // plays no part
  const auto geometry = plan_geometry({640, 480}, p);
  ASSERT_TRUE(geometry);
  ASSERT_EQ(geometry->count, 1U);
  EXPECT_EQ(geometry->steps[0], (Size{300, 200}));
  EXPECT_EQ(geometry->crop, (Window{0, 0, 300, 200}));
  EXPECT_EQ(plan_geometry({300, 200}, p)->count, 0U);
}

TEST(Geometry, NoneTakesTheExactSizeOnly) {
  Preprocess p;
  p.resize = ResizeMode::none;
  p.width = 32;
  p.height = 24;
  const auto exact = plan_geometry({32, 24}, p);
  ASSERT_TRUE(exact);
  EXPECT_EQ(exact->count, 0U);
  const auto other = plan_geometry({24, 32}, p);
  ASSERT_FALSE(other);
  EXPECT_EQ(other.error().code, ErrorCode::bad_image);
  EXPECT_NE(other.error().message.find("24x32"), std::string::npos) << other.error().message;
  EXPECT_NE(other.error().message.find("32x24"), std::string::npos) << other.error().message;
}

TEST(Geometry, EverySmallSizeFitsTheCrop) {
  Preprocess p;
  for (const std::int64_t side : {0, 1, 3, 50}) {
    p.resize_short = side;
    for (std::int64_t w = 1; w < 60; ++w) {
      for (std::int64_t h = 1; h < 60; ++h) {
        p.width = 1 + (w * 7 + h) % 47;
        p.height = 1 + (h * 5 + w) % 53;
        const auto g = plan_geometry({w, h}, p);
        ASSERT_TRUE(g);
        const Size last = g->count == 0 ? Size{w, h} : g->steps[g->count - 1];
        ASSERT_GE(g->crop.x, 0);
        ASSERT_GE(g->crop.y, 0);
        ASSERT_LE(g->crop.x + g->crop.width, last.width);
        ASSERT_LE(g->crop.y + g->crop.height, last.height);
        ASSERT_LE(std::abs(last.width - g->crop.width - 2 * g->crop.x), 1);
      }
    }
  }
}

}  // namespace
}  // namespace octet::test
