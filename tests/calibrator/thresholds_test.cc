#include "octet/calibrator/thresholds.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace octet {
namespace {

constexpr CalibrationMode kModes[] = {CalibrationMode::naive, CalibrationMode::entropy, CalibrationMode::percentile,
                                      CalibrationMode::mse};

ValueStatistics of(const std::vector<float>& values) {
  ValueStatistics statistics;
  statistics.add(values);
  return statistics;
}

template <class Distribution>
std::vector<float> draw(Distribution distribution, std::size_t n, unsigned seed = 1) {
  std::mt19937 random(seed);
  std::vector<float> values(n);
  for (float& x : values) x = distribution(random);
  return values;
}

/// Mean squared error of quantising `values` with `threshold`, straight from the definition.
double error_of(const std::vector<float>& values, double threshold, int levels) {
  const double scale = threshold / levels;
  double sum = 0;
  for (const float x : values) {
    const double q = std::clamp(std::nearbyint(static_cast<double>(x) / scale), -static_cast<double>(levels),
                                static_cast<double>(levels));
    sum += std::pow(static_cast<double>(x) - q * scale, 2);
  }
  return sum / static_cast<double>(values.size());
}

TEST(Thresholds, NaiveIsTheLargestMagnitude) {
  const std::vector<float> values = draw(std::normal_distribution<float>(0, 3), 10000);
  float largest = 0;
  for (const float x : values) largest = std::max(largest, std::fabs(x));
  EXPECT_EQ(choose_threshold(of(values), CalibrationMode::naive, 127, 99), largest);
  EXPECT_EQ(choose_threshold(of(values), CalibrationMode::naive, 255, 99), largest);
}

TEST(Thresholds, DegenerateValues) {
  const std::vector<float> cases[] = {
      {},
      {0, 0, -0.0F},
      {1e-30F, -1e-30F},
      {std::numeric_limits<float>::denorm_min()},
      {3},
      {-7},
      {5, 5, 5, 5},
      {std::numeric_limits<float>::max(), 1},
      {1e-14F, 1e10F},
  };
  for (const auto& values : cases) {
    const ValueStatistics statistics = of(values);
    for (const CalibrationMode mode : kModes) {
      for (const int levels : {127, 255}) {
        const float threshold = choose_threshold(statistics, mode, levels, 99.99);
        EXPECT_TRUE(std::isfinite(threshold));
        EXPECT_LE(threshold, statistics.max_magnitude());
        EXPECT_EQ(threshold > 0, statistics.max_magnitude() > 1e-15F);
        const float scale = scale_of(threshold, levels);
        EXPECT_TRUE(std::isnormal(scale) && scale > 0);
      }
    }
  }
  EXPECT_EQ(scale_of(0, 127), 1.0F);
}

TEST(Thresholds, OneRepeatedValueIsNotClipped) {
  for (const CalibrationMode mode : {CalibrationMode::naive, CalibrationMode::entropy, CalibrationMode::percentile}) {
    EXPECT_NEAR(choose_threshold(of(std::vector<float>(1000, 2.5F)), mode, 127, 99.99), 2.5, 0.002);
  }
}

TEST(Thresholds, UniformIsNotClipped) {
  const ValueStatistics statistics = of(draw(std::uniform_real_distribution<float>(0, 10), 200000));
  for (const CalibrationMode mode : kModes) {
    EXPECT_GT(choose_threshold(statistics, mode, 255, 99.99), 9.7F) << static_cast<int>(mode);
  }
}

TEST(Thresholds, OutliersAreClipped) {
  std::vector<float> values = draw(std::exponential_distribution<float>(1), 300000);
  values[5] = 100;
  values[77] = 90;
  const ValueStatistics statistics = of(values);
  EXPECT_EQ(choose_threshold(statistics, CalibrationMode::naive, 255, 99.99), 100);
  for (const CalibrationMode mode : {CalibrationMode::entropy, CalibrationMode::percentile, CalibrationMode::mse}) {
    for (const int levels : {127, 255}) {
      const float threshold = choose_threshold(statistics, mode, levels, 99.99);
      // Squared errors weigh two far outliers as much as rounding everything else.
      EXPECT_LT(threshold, mode == CalibrationMode::mse ? 85 : 30) << static_cast<int>(mode);
      EXPECT_GT(threshold, 4) << static_cast<int>(mode);
    }
  }
}

// More levels make clipping dearer against rounding: the threshold must not shrink.
TEST(Thresholds, MoreLevelsClipLess) {
  for (const unsigned seed : {1U, 2U, 3U}) {
    const ValueStatistics statistics = of(draw(std::normal_distribution<float>(0, 1), 100000, seed));
    const float few = choose_threshold(statistics, CalibrationMode::mse, 31, 0);
    const float some = choose_threshold(statistics, CalibrationMode::mse, 127, 0);
    const float many = choose_threshold(statistics, CalibrationMode::mse, 255, 0);
    EXPECT_LT(few, some);
    EXPECT_LE(some, many);
    EXPECT_LT(few, statistics.max_magnitude() * 0.8F);
  }
}

TEST(Thresholds, PercentileSplitsTheNonZeroValues) {
  std::vector<float> values(50000, 0.0F);  // zeros do not count
  for (int i = 1; i <= 10000; ++i) values.push_back(static_cast<float>(i % 2 == 0 ? i : -i));
  const ValueStatistics statistics = of(values);
  float previous = 0;
  for (const double percentile : {0.1, 1.0, 50.0, 90.0, 99.0, 99.9, 100.0}) {
    const float threshold = choose_threshold(statistics, CalibrationMode::percentile, 127, percentile);
    EXPECT_NEAR(threshold, percentile * 100, statistics.bin_width());
    EXPECT_GE(threshold, previous);
    previous = threshold;
  }
  EXPECT_EQ(previous, 10000);
}

// The mse threshold may not be beaten by more than the histogram's resolution allows.
TEST(Thresholds, MseIsTheBestOnTheData) {
  const std::vector<std::vector<float>> cases{draw(std::normal_distribution<float>(0, 2), 40000),
                                              draw(std::exponential_distribution<float>(0.2F), 40000),
                                              draw(std::cauchy_distribution<float>(0, 0.01F), 5000)};
  for (const auto& values : cases) {
    const ValueStatistics statistics = of(values);
    const double whole = statistics.max_magnitude();
    const double chosen = choose_threshold(statistics, CalibrationMode::mse, 127, 0);
    double least = std::numeric_limits<double>::infinity();
    for (int i = 10; i <= 100; ++i) least = std::min(least, error_of(values, whole * i / 100, 127));
    EXPECT_LE(error_of(values, chosen, 127), least * 1.02);
  }
}

TEST(Thresholds, ZerosChangeNothing) {
  std::vector<float> values = draw(std::exponential_distribution<float>(1), 50000);
  const ValueStatistics dense = of(values);
  values.resize(values.size() * 10, 0.0F);
  const ValueStatistics sparse = of(values);
  for (const CalibrationMode mode : kModes) {
    EXPECT_EQ(choose_threshold(dense, mode, 255, 99.9), choose_threshold(sparse, mode, 255, 99.9));
  }
}

// Scaling by a power of two scales the threshold and nothing else.
TEST(Thresholds, FollowTheUnit) {
  std::vector<float> values = draw(std::normal_distribution<float>(0, 1), 30000);
  const ValueStatistics one = of(values);
  for (float& x : values) x *= 1024;
  const ValueStatistics other = of(values);
  for (const CalibrationMode mode : kModes) {
    EXPECT_EQ(choose_threshold(one, mode, 127, 99.9) * 1024, choose_threshold(other, mode, 127, 99.9));
  }
}

}  // namespace
}  // namespace octet
