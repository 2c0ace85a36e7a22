// The streaming, vectorised resize against plain loops over whole pictures, on every instruction set.
#include "octet/loader/resize.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>
#include <string>

#include <hwy/targets.h>

#include "loader/make_image.h"

namespace octet::test {
namespace {

/// OpenCV's 8-bit bilinear resize as its documentation of the fixed-point form gives it: half-pixel
/// centres, weights in 1/2048, the row sum cut by 4 bits, each column product by 16, the rest rounded.
Picture bilinear_reference(const Picture& src, Size dst) {
  struct Tap {
    std::int64_t first;
    int w0, w1;
  };
  const auto taps = [](std::int64_t from, std::int64_t to, bool row) {
    std::vector<Tap> result;
    const double scale = 1.0 / (static_cast<double>(to) / static_cast<double>(from));
    for (std::int64_t i = 0; i < to; ++i) {
      const auto at = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
      auto first = static_cast<std::int64_t>(std::floor(at));
      float fraction = at - std::floor(at);
      if (row && first < 0) first = 0, fraction = 0;
      if (row && first >= from - 1) first = from - 1, fraction = 0;
      result.push_back({first, static_cast<int>(std::lrint((1.F - fraction) * 2048)),
                        static_cast<int>(std::lrint(fraction * 2048))});
    }
    return result;
  };
  const auto columns = taps(src.size.width, dst.width, true);
  const auto rows = taps(src.size.height, dst.height, false);
  Picture out{dst, src.channels, {}};
  for (const Tap& y : rows) {
    const std::int64_t above = std::clamp<std::int64_t>(y.first, 0, src.size.height - 1);
    const std::int64_t below = std::clamp<std::int64_t>(y.first + 1, 0, src.size.height - 1);
    for (const Tap& x : columns) {
      const std::int64_t right = std::min(x.first + 1, src.size.width - 1);
      for (int c = 0; c < src.channels; ++c) {
        const int s0 = src.at(x.first, above)[c] * x.w0 + src.at(right, above)[c] * x.w1;
        const int s1 = src.at(x.first, below)[c] * x.w0 + src.at(right, below)[c] * x.w1;
        const int sum = ((y.w0 * (s0 >> 4)) >> 16) + ((y.w1 * (s1 >> 4)) >> 16) + 2;
        out.pixels.push_back(static_cast<std::uint8_t>(std::clamp(sum >> 2, 0, 255)));
      }
    }
  }
  return out;
}

/// Runs the stream over a window; rows come in a buffer of exactly the promised padding.
Picture stream(Resizer& resizer, const Picture& src, Size dst, Interpolation method, const Window& window) {
  resizer.start(method, src.size, dst, window, src.channels);
  const Window from = resizer.source();
  const auto bytes = static_cast<std::size_t>(from.width * src.channels);
  Picture out{{window.width, window.height}, src.channels, {}};
  const auto stride = static_cast<std::size_t>(window.width * src.channels);
  out.pixels.resize(stride * static_cast<std::size_t>(window.height));
  std::size_t rows = 0;
  for (std::int64_t y = 0; y < from.height; ++y) {
    ByteVector row(bytes + kRowPadding, 0xA5);  // a fresh one each time: a sanitizer sees what is read beyond it
    std::memcpy(row.data(), src.at(from.x, from.y + y), bytes);
    resizer.push(row.data());
    while (resizer.ready()) resizer.emit(out.pixels.data() + stride * rows++);
  }
  EXPECT_EQ(rows, static_cast<std::size_t>(window.height));
  return out;
}

Picture cut(const Picture& src, const Window& window) {
  Picture out{{window.width, window.height}, src.channels, {}};
  for (std::int64_t y = 0; y < window.height; ++y) {
    const std::uint8_t* row = src.at(window.x, window.y + y);
    out.pixels.insert(out.pixels.end(), row, row + window.width * src.channels);
  }
  return out;
}

struct Shape2 {
  Size src, dst;
};

/// Sizes of every kind: shrinking by little and by much, growing, one side each way, one pixel.
std::vector<Shape2> shapes() {
  std::vector<Shape2> all{{{500, 375}, {341, 256}}, {{97, 65}, {32, 32}},   {{300, 200}, {300, 200}},
                          {{64, 48}, {32, 24}},     {{20, 30}, {224, 224}}, {{1, 1}, {9, 7}},
                          {{1, 64}, {5, 5}},        {{64, 1}, {5, 5}},      {{700, 9}, {10, 90}},
                          {{333, 222}, {7, 5}},     {{2, 2}, {3, 3}}};
  std::mt19937 random(3);
  for (int i = 0; i < 40; ++i) {
    const auto side = [&] { return static_cast<std::int64_t>(1 + random() % 150); };
    all.push_back({{side(), side()}, {side(), side()}});
  }
  return all;
}

Window some_window(std::mt19937& random, Size size) {
  const auto below = [&](std::int64_t n) {
    return static_cast<std::int64_t>(random() % static_cast<std::uint32_t>(n));
  };
  Window window{below(size.width), below(size.height), 0, 0};
  window.width = 1 + below(size.width - window.x);
  window.height = 1 + below(size.height - window.y);
  return window;
}

void expect_bilinear_equal(Resizer& resizer) {
  std::mt19937 random(11);
  for (const auto& [from, to] : shapes()) {
    for (const int channels : {1, 3}) {
      const Picture src = make_picture(from, channels);
      const Picture expected = bilinear_reference(src, to);
      for (const Window& window : {Window{0, 0, to.width, to.height}, some_window(random, to)}) {
        const Picture actual = stream(resizer, src, to, Interpolation::bilinear, window);
        ASSERT_EQ(actual.pixels, cut(expected, window).pixels)
            << from.width << "x" << from.height << " to " << to.width << "x" << to.height;
      }
    }
  }
}

TEST(BilinearResize, EqualsPlainLoops) {
  Resizer resizer;
  expect_bilinear_equal(resizer);
}

TEST(BilinearResize, SameOnEveryInstructionSet) {
  std::vector<std::int64_t> targets;
  for (std::int64_t left = hwy::SupportedTargets(); left != 0; left &= left - 1) targets.push_back(left & -left);
  for (const std::int64_t target : targets) {
    SCOPED_TRACE(hwy::TargetName(target));
    hwy::SetSupportedTargetsForTest(target);
    hwy::GetChosenTarget().Update(hwy::SupportedTargets());
    Resizer resizer;
    expect_bilinear_equal(resizer);
  }
  hwy::SetSupportedTargetsForTest(0);
  hwy::GetChosenTarget().Update(hwy::SupportedTargets());
  EXPECT_GE(targets.size(), 2U) << "there is nothing to compare on this machine";
}

class EveryMethod : public testing::TestWithParam<Interpolation> {};

TEST_P(EveryMethod, WindowsAreCutsOfTheWhole) {
  Resizer resizer;
  std::mt19937 random(5);
  for (const auto& [from, to] : shapes()) {
    const Picture src = make_picture(from, 3);
    const Picture whole = stream(resizer, src, to, GetParam(), {0, 0, to.width, to.height});
    for (int i = 0; i < 4; ++i) {
      const Window window = some_window(random, to);
      ASSERT_EQ(stream(resizer, src, to, GetParam(), window).pixels, cut(whole, window).pixels)
          << from.width << "x" << from.height << " to " << to.width << "x" << to.height;
    }
  }
}

TEST_P(EveryMethod, KeepsAFlatPictureAndTheSameSize) {
  Resizer resizer;
  Picture flat{{37, 29}, 3, ByteVector(std::size_t{37} * 29 * 3, 201)};
  for (const Size to : {Size{20, 11}, Size{90, 77}, Size{37, 10}, Size{60, 29}}) {
    const Picture out = stream(resizer, flat, to, GetParam(), {0, 0, to.width, to.height});
    // Weights of cubic and Lanczos are rounded one by one and may sum to 2047 or 2049 of 2048.
    for (const std::uint8_t value : out.pixels) ASSERT_NEAR(value, 201, 1);
  }
  const Picture src = make_picture({37, 29}, 3);
  EXPECT_EQ(stream(resizer, src, src.size, GetParam(), {0, 0, 37, 29}).pixels, src.pixels);
}

INSTANTIATE_TEST_SUITE_P(Resize, EveryMethod,
                         testing::Values(Interpolation::nearest, Interpolation::bilinear, Interpolation::cubic,
                                         Interpolation::area, Interpolation::lanczos4));

TEST(NearestResize, TakesTheFloor) {
  Resizer resizer;
  Picture src{{5, 1}, 1, {10, 20, 30, 40, 50}};
  const auto row = [&](std::int64_t width) {
    return stream(resizer, src, {width, 1}, Interpolation::nearest, {0, 0, width, 1}).pixels;
  };
  EXPECT_EQ(row(3), (ByteVector{10, 20, 40}));  // 0, 1.67, 3.33
  EXPECT_EQ(row(10), (ByteVector{10, 10, 20, 20, 30, 30, 40, 40, 50, 50}));
}

TEST(AreaResize, AveragesWholeAndPartPixels) {
  Resizer resizer;
  Picture src{{6, 2}, 1, {10, 20, 30, 40, 50, 61, 10, 20, 30, 40, 50, 60}};
  const auto out = [&](Size to) {
    return stream(resizer, src, to, Interpolation::area, {0, 0, to.width, to.height}).pixels;
  };
  EXPECT_EQ(out({3, 1}), (ByteVector{15, 35, 55}));      // means of 2 x 2; 55.25
  EXPECT_EQ(out({2, 2}), (ByteVector{20, 50, 20, 50}));  // 50.33
  // 1.5 source pixels each: (10 + 0.5 * 20) / 1.5, (0.5 * 20 + 30) / 1.5, ...
  EXPECT_EQ(out({4, 2}), (ByteVector{13, 27, 43, 57, 13, 27, 43, 57}));
}

TEST(CubicResize, FollowsKeysKernel) {
  Resizer resizer;
  Picture src{{4, 1}, 1, {0, 100, 200, 100}};
  // Twice as wide: fractions 0.75 and 0.25 in turn, a = -0.75; weights at 0.25: -27, 225, 67, -9 of 256
  // (in 1/256: -0.10546875, 0.87890625, 0.26171875, -0.03515625).
  const auto out = stream(resizer, src, {8, 1}, Interpolation::cubic, {0, 0, 8, 1}).pixels;
  const double at_1_25 = -0.10546875 * 0 + 0.87890625 * 100 + 0.26171875 * 200 - 0.03515625 * 100;
  EXPECT_NEAR(out[3], at_1_25, 0.51);
  const double at_1_75 = -0.03515625 * 0 + 0.26171875 * 100 + 0.87890625 * 200 - 0.10546875 * 100;
  EXPECT_NEAR(out[4], at_1_75, 0.51);
}

TEST(Resize, ExtremeAspectNeedsOnlyTheWindow) {
  Resizer resizer;
  for (const Interpolation method : {Interpolation::bilinear, Interpolation::area, Interpolation::lanczos4}) {
    resizer.start(method, {65500, 1}, {1073152000, 16384}, {536567808, 0, 16384, 16384}, 3);
    EXPECT_LE(resizer.source().width, 12);
    EXPECT_EQ(resizer.source().height, 1);
  }
}

}  // namespace
}  // namespace octet::test
