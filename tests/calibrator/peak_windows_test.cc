// Windows that stand for all of an image.
#include "octet/calibrator/peak_windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>
#include <set>
#include <string>

#include "calibrator/network.h"

namespace octet {
namespace {

TEST(PeakWindows, AreTheLargestOfEveryPixelAndWindow) {
  test::Network net;
  ValueRef x = net.image({1, 2, 4, 4}, {0, 0}, {1, 1});
  x = net.convolution("c", x, 3, 3, 1, 2);
  std::vector<float> values(32);  // NHWC
  values[13] = -5;                // row 1, column 2, channel 1
  values[30] = 2;
  static const std::string kName = "x";
  const Shape shape = {1, 2, 4, 4};
  const Observation seen{{0, 0}, kName, DType::f32, 0, shape, true, values.data()};
  std::vector<float> pixels(16);
  pixels[6] = 5;
  pixels[15] = 2;
  EXPECT_EQ(pixel_peaks(seen), pixels);
  EXPECT_EQ(window_peaks(net.graph, x.node, seen), (std::vector<float>{0, 5, 0, 5}));
  const Observation planes{{0, 0}, kName, DType::f32, 0, shape, false, values.data()};
  EXPECT_EQ(pixel_peaks(planes)[13], 5);  // the same numbers, read as (C, H, W): number 13 of channel 0
}

TEST(PeakWindows, HalfOfThemHoldTheLargestPeaks) {
  std::vector<float> peaks(100);
  for (std::size_t i = 0; i < peaks.size(); ++i) peaks[i] = static_cast<float>(i * 37 % 100);
  std::vector<float> weights(20);
  const std::vector<std::uint64_t> positions = choose_windows(peaks, 3, weights);
  ASSERT_EQ(positions.size(), 20U);
  EXPECT_EQ(std::set<std::uint64_t>(positions.begin(), positions.end()).size(), 20U);
  for (std::size_t i = 0; i < 20; ++i) {
    EXPECT_EQ(weights[i], i < 10 ? 1.0F : 9.0F);
    EXPECT_EQ(peaks.at(positions[i]) >= 90, i < 10);
  }
  EXPECT_EQ(std::accumulate(weights.begin(), weights.end(), 0.0F), 100);
  EXPECT_EQ(choose_windows(peaks, 3, weights), positions);
  EXPECT_NE(choose_windows(peaks, 4, weights), positions);
}

TEST(PeakWindows, AreAllWindowsWhenThereIsRoom) {
  std::vector<float> weights(4);
  std::vector<std::uint64_t> positions = choose_windows({1, 1, 3, 2}, 0, weights);
  std::sort(positions.begin(), positions.end());
  EXPECT_EQ(positions, (std::vector<std::uint64_t>{0, 1, 2, 3}));
  EXPECT_EQ(weights, std::vector<float>(4, 1.0F));
  std::vector<float> one(1);
  EXPECT_EQ(choose_windows({1, 1, 3, 2}, 0, one).size(), 1U);
  EXPECT_EQ(one[0], 4);
}

}  // namespace
}  // namespace octet
