#include "octet/calibrator/rounding.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>

namespace octet {
namespace {

/// Windows whose inputs are strongly correlated: a common part and a little of their own.
std::vector<std::int16_t> correlated(std::size_t rows, std::size_t inputs) {
  std::mt19937 random(3);
  std::vector<std::int16_t> windows;
  for (std::size_t r = 0; r < rows; ++r) {
    const int common = static_cast<int>(random() % 200);
    for (std::size_t i = 0; i < inputs; ++i) {
      windows.push_back(static_cast<std::int16_t>(common + static_cast<int>(random() % 20)));
    }
  }
  return windows;
}

std::vector<float> fractions(std::size_t n) {
  std::mt19937 random(4);
  std::uniform_real_distribution<float> uniform(-100, 100);
  std::vector<float> weights(n);
  for (float& w : weights) w = uniform(random);
  return weights;
}

/// Variance of the results' error over the windows.
double error_variance(const std::vector<std::int16_t>& windows, std::size_t inputs, const std::vector<float>& weights,
                      const std::vector<double>& rounded) {
  const std::size_t rows = windows.size() / inputs;
  double mean = 0, square = 0;
  for (std::size_t r = 0; r < rows; ++r) {
    double error = 0;
    for (std::size_t i = 0; i < inputs; ++i) {
      error += (rounded[i] - static_cast<double>(weights[i])) * windows[r * inputs + i];
    }
    mean += error / static_cast<double>(rows);
    square += error * error / static_cast<double>(rows);
  }
  return square - mean * mean;
}

TEST(WindowMoments, AreThoseOfTheWindows) {
  constexpr std::size_t kRows = 4000, kInputs = 5, kStride = 7;
  std::mt19937 random(8);
  std::vector<std::int16_t> windows(kRows * kStride);
  for (std::int16_t& x : windows) x = static_cast<std::int16_t>(static_cast<int>(random() % 383) - 128);
  const WindowMoments moments = window_moments(windows, kRows, kInputs, kStride);
  for (std::size_t i = 0; i < kInputs; ++i) {
    double mean = 0, square = 0;
    for (std::size_t r = 0; r < kRows; ++r) {
      mean += windows[r * kStride + i] / static_cast<double>(kRows);
      square += std::pow(windows[r * kStride + i], 2) / static_cast<double>(kRows);
    }
    EXPECT_NEAR(moments.mean[i], mean, 1e-9);
    EXPECT_NEAR(static_cast<double>(moments.covariance[i * kInputs + i]) / (square - mean * mean), 1, 0.01);
    for (std::size_t k = 0; k < i; ++k) {
      EXPECT_EQ(moments.covariance[i * kInputs + k], moments.covariance[k * kInputs + i]);
    }
  }
}

TEST(RoundWeights, ErrsLessTogetherThanEachByItself) {
  constexpr std::size_t kInputs = 36;
  const auto windows = correlated(1000, kInputs);
  const std::vector<float> weights = fractions(kInputs);
  const std::vector<std::int8_t> q = round_weights(weights, window_moments(windows, 1000, kInputs, kInputs));
  std::vector<double> nearest(kInputs), together(q.begin(), q.end());
  for (std::size_t i = 0; i < kInputs; ++i) nearest[i] = std::nearbyint(static_cast<double>(weights[i]));
  EXPECT_LT(error_variance(windows, kInputs, weights, together),
            0.25 * error_variance(windows, kInputs, weights, nearest));
}

TEST(RoundWeights, StaysInTheRangeOfTheWeights) {
  constexpr std::size_t kInputs = 18;
  std::vector<float> weights = fractions(kInputs);
  for (float& w : weights) w = w > 0 ? 127.4F : -127.4F;
  for (const std::int8_t q : round_weights(weights, window_moments(correlated(200, kInputs), 200, kInputs, kInputs))) {
    EXPECT_GE(q, -127);
  }
}

TEST(RoundWeights, LeavesWeightsOfInputsThatNeverVaryAtTheNearest) {
  const std::vector<std::int16_t> windows(40 * 3, 17);
  const std::vector<float> weights{1.4F, -3.6F, 100.2F};
  EXPECT_EQ(round_weights(weights, window_moments(windows, 40, 3, 3)), (std::vector<std::int8_t>{1, -4, 100}));
}

}  // namespace
}  // namespace octet
