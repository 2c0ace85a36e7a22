#include "octet/calibrator/rounding.h"

#include <algorithm>  // std::clamp
#include <cmath>      // std::nearbyint

namespace octet {
namespace {

constexpr int kSweeps = 12;
constexpr double kShrink = 0.05;    // of covariances, times inputs / windows
constexpr double kDamping = 0.001;  // of the mean variance, added to each

/// Sum of a[i] * b[i]: below 2^31 for u8 magnitudes and up to 2^15 windows.
std::int64_t dot(const std::int16_t* a, const std::int16_t* b, std::size_t n) {
  std::int32_t sum = 0;
  for (std::size_t i = 0; i < n; ++i) sum += std::int32_t{a[i]} * b[i];
  return sum;
}

}  // namespace

WindowMoments window_moments(std::span<const std::int16_t> windows, std::size_t rows, std::size_t inputs,
                             std::size_t stride) {
  WindowMoments moments{inputs, std::vector<double>(inputs), std::vector<float>(inputs * inputs)};
  std::vector<std::int16_t> columns(inputs * rows);
  std::vector<std::int64_t> sums(inputs);
  for (std::size_t r = 0; r < rows; ++r) {
    for (std::size_t i = 0; i < inputs; ++i) {
      const std::int16_t x = windows[r * stride + i];
      columns[i * rows + r] = x;
      sums[i] += x;
    }
  }
  const auto n = static_cast<double>(rows);
  for (std::size_t i = 0; i < inputs; ++i) moments.mean[i] = static_cast<double>(sums[i]) / n;
  double trace = 0;
  const auto covariance = [&](std::size_t i, std::size_t k) {
    const std::int64_t sum = dot(columns.data() + i * rows, columns.data() + k * rows, rows);
    return static_cast<double>(sum) / n - moments.mean[i] * moments.mean[k];
  };
  const double keep = n / (n + kShrink * static_cast<double>(inputs));
  for (std::size_t i = 0; i < inputs; ++i) {
    for (std::size_t k = 0; k < i; ++k) {
      const auto c = static_cast<float>(keep * covariance(i, k));
      moments.covariance[i * inputs + k] = moments.covariance[k * inputs + i] = c;
    }
    const double variance = covariance(i, i);
    moments.covariance[i * inputs + i] = static_cast<float>(variance);
    trace += variance;
  }
  // Inputs that never varied must not make their weights free.
  const auto damping = static_cast<float>(trace / static_cast<double>(inputs) * kDamping + 1e-6);
  for (std::size_t i = 0; i < inputs; ++i) moments.covariance[i * inputs + i] += damping;
  return moments;
}

std::vector<std::int8_t> round_weights(std::span<const float> weights, const WindowMoments& moments) {
  const std::size_t n = weights.size();
  std::vector<float> q(n), slope(n);
  for (std::size_t i = 0; i < n; ++i) q[i] = std::clamp(std::nearbyint(weights[i]), -127.0F, 127.0F);
  const auto add_row = [&](std::size_t i, float times) {
    const float* row = moments.covariance.data() + i * n;
    for (std::size_t k = 0; k < n; ++k) slope[k] += times * row[k];
  };
  for (std::size_t i = 0; i < n; ++i) add_row(i, q[i] - weights[i]);
  bool moved = true;
  for (int sweep = 0; moved && sweep < kSweeps; ++sweep) {
    moved = false;
    for (std::size_t i = 0; i < n; ++i) {
      const float best = std::nearbyint(q[i] - slope[i] / moments.covariance[i * n + i]);
      const float step = std::clamp(best, -127.0F, 127.0F) - q[i];
      if (step == 0) continue;
      q[i] += step;
      add_row(i, step);
      moved = true;
    }
  }
  std::vector<std::int8_t> result(n);
  for (std::size_t i = 0; i < n; ++i) result[i] = static_cast<std::int8_t>(q[i]);
  return result;
}

}  // namespace octet
