// Rounding weights so that a layer's output errs least, not each weight by itself.
#pragma once

#include <cstdint>  // std::int8_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace octet {

/// First and second moments of the windows that filters see (stored integers, or any one unit).
struct WindowMoments {
  std::size_t inputs = 0;
  std::vector<double> mean;       ///< one per input
  std::vector<float> covariance;  ///< inputs x inputs, symmetric, regularised to be positive definite
};

/// Moments of `rows` windows of `inputs` numbers, stored one behind the other, `stride` apart. Exact
/// sums of integers: the same for any order. The covariance is shrunk towards its diagonal, more the
/// fewer windows there are for its size (rows / inputs), so that rounding is not fitted to a sample.
WindowMoments window_moments(std::span<const std::int16_t> windows, std::size_t rows, std::size_t inputs,
                             std::size_t stride);

/// Rounds `weights`, in units of their scale, to integers in [-127, 127] so that the variance of the
/// layer's output error, e' C e with e = result - weights and C the covariance, is least: each weight
/// in turn goes to its best integer given all others, until none moves (coordinate descent from the
/// nearest integers). An error in the mean is left to the bias.
std::vector<std::int8_t> round_weights(std::span<const float> weights, const WindowMoments& moments);

}  // namespace octet
