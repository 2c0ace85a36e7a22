// Statistics as reports show them.
#include "octet/calibrator/histogram.h"

#include <gtest/gtest.h>
#include <numeric>  // std::accumulate

namespace octet {
namespace {

ValueStatistics statistics_of(const std::vector<float>& values) {
  ValueStatistics statistics;
  statistics.add(values);
  return statistics;
}

TEST(Histogram, AddsNeighbouringBins) {
  // 4096 bins over [0, 1024), 4 a whole number; the last used one is that of 999: 3997 bins in groups of 32, 8 values.
  std::vector<float> values(1000);
  std::iota(values.begin(), values.end(), 0.0F);
  for (std::size_t i = 0; i < values.size(); i += 2) values[i] = -values[i];
  const ValueHistogram histogram = histogram_of(statistics_of(values), 127, 99.0);
  EXPECT_EQ(histogram.bin_width, 8);
  ASSERT_EQ(histogram.counts.size(), 125U);
  EXPECT_EQ(histogram.zeros, 1U);
  EXPECT_EQ(histogram.counts[0], 7U);  // 1 to 7
  for (std::size_t i = 1; i < 125; ++i) EXPECT_EQ(histogram.counts[i], 8U) << i;
  EXPECT_EQ(histogram.thresholds[0], 999);
  EXPECT_NEAR(histogram.thresholds[2], 990, 1);
  for (const float threshold : histogram.thresholds) {
    EXPECT_GT(threshold, 0);
    EXPECT_LE(threshold, 999);
  }
}

TEST(Histogram, OfNothingIsEmpty) {
  const ValueHistogram zeros = histogram_of(statistics_of({0, 0, -0.0F}), 255, 99.99);
  EXPECT_EQ(zeros.zeros, 3U);
  EXPECT_EQ(std::accumulate(zeros.counts.begin(), zeros.counts.end(), 0U), 0U);
  EXPECT_EQ(zeros.thresholds, (std::array<float, 4>{}));
}

}  // namespace
}  // namespace octet
