#include "octet/calibrator/statistics.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

namespace octet {
namespace {

std::vector<float> sample_values(std::size_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(n);
  for (float& x : values) {
    const auto bits = random();
    // A spread of eight orders of magnitude, a third zeros of either sign.
    const float magnitude = std::ldexp(static_cast<float>(bits & 0xffffU) + 1, -16 - static_cast<int>(bits >> 28U) + 4);
    const unsigned kind = (bits >> 16U) % 6;
    x = kind == 0 ? 0.0F : kind == 1 ? -0.0F : kind < 4 ? magnitude : -magnitude;
  }
  return values;
}

void expect_same(const ValueStatistics& a, const ValueStatistics& b) {
  EXPECT_EQ(a.min(), b.min());
  EXPECT_EQ(a.max(), b.max());
  EXPECT_EQ(std::signbit(a.min()), std::signbit(b.min()));
  EXPECT_EQ(a.count(), b.count());
  EXPECT_EQ(a.zeros(), b.zeros());
  EXPECT_EQ(a.invalid(), b.invalid());
  EXPECT_EQ(a.bin_width(), b.bin_width());
  EXPECT_EQ(a.counts(), b.counts());
}

TEST(Statistics, EqualBruteForce) {
  const std::vector<float> values = sample_values(54321, 1);
  ValueStatistics statistics;
  statistics.add(values);
  EXPECT_EQ(statistics.count(), values.size());
  EXPECT_EQ(statistics.min(), *std::min_element(values.begin(), values.end()));
  EXPECT_EQ(statistics.max(), *std::max_element(values.begin(), values.end()));
  EXPECT_EQ(statistics.zeros(), static_cast<std::uint64_t>(std::count(values.begin(), values.end(), 0.0F)));
  std::vector<std::uint64_t> expected(ValueStatistics::kBins);
  for (const float x : values) {
    if (x != 0) ++expected[static_cast<std::size_t>(std::fabs(static_cast<double>(x)) / statistics.bin_width())];
  }
  EXPECT_EQ(statistics.counts(), expected);
  // The range is the least power of two above the largest magnitude.
  const double range = statistics.bin_width() * ValueStatistics::kBins;
  EXPECT_GT(range, statistics.max_magnitude());
  EXPECT_LE(range / 2, statistics.max_magnitude());
}

TEST(Statistics, DoNotDependOnOrderOrPartition) {
  std::vector<float> values = sample_values(20000, 2);
  ValueStatistics whole;
  whole.add(values);
  std::mt19937 random(3);
  for (int round = 0; round < 8; ++round) {
    // Ascending magnitudes make the range grow as often as possible.
    if (round == 0) {
      std::sort(values.begin(), values.end(), [](float a, float b) { return std::fabs(a) < std::fabs(b); });
    } else {
      std::shuffle(values.begin(), values.end(), random);
    }
    std::vector<ValueStatistics> parts(4);
    std::size_t first = 0;
    while (first < values.size()) {
      const std::size_t n = std::min<std::size_t>(random() % 700, values.size() - first);
      parts[random() % 4].add({values.data() + first, n});
      first += n;
    }
    ValueStatistics merged;
    for (const ValueStatistics& part : parts) merged.merge(part);
    expect_same(merged, whole);
  }
}

TEST(Statistics, OneSidedValuesKeepTheirTrueExtremes) {
  ValueStatistics positive, negative;
  std::vector<float> values(3000);
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = 5.0F + static_cast<float>(i % 100);
  positive.add(values);
  EXPECT_EQ(positive.min(), 5);
  EXPECT_EQ(positive.max(), 104);
  for (float& x : values) x = -x;
  negative.add(values);
  EXPECT_EQ(negative.min(), -104);
  EXPECT_EQ(negative.max(), -5);
  EXPECT_EQ(negative.max_magnitude(), 104);
}

TEST(Statistics, CountNotFiniteValuesApart) {
  const float inf = std::numeric_limits<float>::infinity();
  std::vector<float> values(2000, 1.5F);
  values[7] = inf;
  values[8] = -inf;
  values[1999] = std::numeric_limits<float>::quiet_NaN();
  ValueStatistics statistics;
  statistics.add(values);
  EXPECT_EQ(statistics.invalid(), 3U);
  EXPECT_EQ(statistics.count(), 1997U);
  EXPECT_EQ(statistics.min(), 1.5F);
  EXPECT_EQ(statistics.max(), 1.5F);
  ValueStatistics other;
  other.add(std::vector<float>{-inf});
  EXPECT_EQ(other.count(), 0U);
  other.merge(statistics);
  EXPECT_EQ(other.invalid(), 4U);
  EXPECT_EQ(other.min(), 1.5F);
}

TEST(Statistics, TakeTheWholeRangeOfFloats) {
  const std::vector<float> values{std::numeric_limits<float>::max(), std::numeric_limits<float>::denorm_min(),
                                  -std::numeric_limits<float>::max(), 1.0F};
  ValueStatistics statistics;
  for (const float x : {values[1], values[3], values[0], values[2]}) statistics.add({&x, 1});
  EXPECT_EQ(statistics.max(), std::numeric_limits<float>::max());
  const std::vector<std::uint64_t> counts = statistics.counts();
  EXPECT_EQ(counts[0], 2U);
  EXPECT_EQ(counts[ValueStatistics::kBins - 1], 2U);
  ValueStatistics together;
  together.add(values);
  expect_same(together, statistics);
}

TEST(Statistics, StartEmpty) {
  ValueStatistics statistics;
  statistics.add({});
  EXPECT_EQ(statistics.count(), 0U);
  EXPECT_EQ(statistics.min(), 0);
  EXPECT_EQ(statistics.max(), 0);
  const std::vector<std::uint64_t> counts = statistics.counts();
  EXPECT_TRUE(std::all_of(counts.begin(), counts.end(), [](std::uint64_t n) { return n == 0; }));
}

}  // namespace
}  // namespace octet
