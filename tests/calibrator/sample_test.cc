#include "octet/calibrator/sample.h"

#include <gtest/gtest.h>

#include <limits>
#include <numeric>

namespace octet {
namespace {

TEST(Sample, OneIndexInEachStratum) {
  for (const std::uint64_t n : {1U, 7U, 300U, 12345U}) {
    for (const std::uint64_t count : {1U, 5U, 30U, 300U}) {
      if (count > n) continue;
      const std::vector<std::uint64_t> indices = sample_indices(n, count, 42);
      ASSERT_EQ(indices.size(), count);
      for (std::uint64_t i = 0; i < count; ++i) {
        EXPECT_GE(indices[i], n * i / count);
        EXPECT_LT(indices[i], n * (i + 1) / count);
      }
    }
  }
}

TEST(Sample, AllWhenAskedForMore) {
  std::vector<std::uint64_t> all(10);
  std::iota(all.begin(), all.end(), 0U);
  EXPECT_EQ(sample_indices(10, 10, 1), all);
  EXPECT_EQ(sample_indices(10, 99, 2), all);
  EXPECT_TRUE(sample_indices(0, 5, 1).empty());
  EXPECT_TRUE(sample_indices(5, 0, 1).empty());
}

// Users repeat a calibration by its seed: the choice is part of the format.
TEST(Sample, NeverChanges) {
  const std::vector<std::uint64_t> expected = sample_indices(1000, 4, 7);
  EXPECT_EQ(sample_indices(1000, 4, 7), expected);
  EXPECT_NE(sample_indices(1000, 4, 8), expected);
  EXPECT_EQ(sample_indices(std::uint64_t{1} << 32U, 1, 0), (std::vector<std::uint64_t>{0xe220a839U}));
}

TEST(Sample, HugeDataDoNotOverflow) {
  const std::uint64_t n = std::numeric_limits<std::uint64_t>::max();
  const std::vector<std::uint64_t> indices = sample_indices(n, 3, 5);
  EXPECT_LT(indices[0], n / 3 + 1);
  EXPECT_GE(indices[1], n / 3);
  EXPECT_GE(indices[2], n / 3 * 2);
}

TEST(Sample, IsUniformWithinStrata) {
  std::vector<int> hits(10);
  for (std::uint64_t seed = 0; seed < 2000; ++seed) ++hits[sample_indices(10, 1, seed)[0]];
  for (const int n : hits) EXPECT_NEAR(n, 200, 70);  // five standard deviations
}

}  // namespace
}  // namespace octet
