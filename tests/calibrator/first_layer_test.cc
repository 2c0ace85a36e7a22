#include "octet/calibrator/first_layer.h"

#include <gtest/gtest.h>

#include <cmath>

#include "calibrator/network.h"
#include "octet/graph/weights.h"

namespace octet {
namespace {

using test::Network;

constexpr std::int64_t kSize = 9;

/// Pixel of a deterministic picture.
double pixel(std::int64_t c, std::int64_t y, std::int64_t x) {
  return static_cast<double>((c * 91 + y * 57 + x * 23 + y * x * 7) % 256);
}

/// One output of a 3x3 convolution (stride 1) in double; at(channel, y, x) supplies the source.
template <class At>
double convolve(const std::vector<double>& weight, std::int64_t filter, std::int64_t first_channel,
                std::int64_t channels, std::int64_t y, std::int64_t x, const At& at) {
  double sum = 0;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t k = 0; k < 9; ++k) {
      const double w = weight[static_cast<std::size_t>((filter * channels + c) * 9 + k)];
      sum += w * at(first_channel + c, y + k / 3, x + k % 3);
    }
  }
  return sum;
}

struct Errors {
  double interior = 0, border = 0;  ///< largest difference
  double border_bound = 0;          ///< half a grey level on every weight of a window
};

/// Compares the folded convolution on bordered pixels with the original one on normalised, zero
/// padded floats, both with the quantised weights, so that only the folding itself shows.
Errors compare(const std::vector<float>& mean, const std::vector<float>& std, std::int64_t groups) {
  const auto channels = static_cast<std::int64_t>(mean.size());
  const std::int64_t filters = 6, in = channels / groups;
  Network net;
  const ValueRef image = net.image({1, in, kSize, kSize}, mean, std);
  const ValueRef value = net.convolution("c", image, filters);
  net.node(value).as<ConvolutionOp>()->groups = groups;
  const FirstLayer first = fold_normalize(*net.node(image).as<NormalizeOp>(), net.node(value)).value();
  const std::vector<double> weight = dequantized(first.convolution.params[0]);
  const std::span<const float> bias = first.convolution.params[1].value.as<float>();
  const std::span<const float> old_bias = net.node(value).params[1].value.as<float>();
  const bool bordered = !first.border.empty();
  const auto inside = [](std::int64_t y, std::int64_t x) { return y >= 1 && x >= 1 && y <= kSize && x <= kSize; };
  const auto painted = [&](std::int64_t c, std::int64_t y, std::int64_t x) {
    if (inside(y, x)) return pixel(c, y - 1, x - 1);
    return bordered ? static_cast<double>(first.border.value[static_cast<std::size_t>(c)]) : 0.0;
  };
  const auto shifted = [&](std::int64_t c, std::int64_t y, std::int64_t x) {  // u8 less the mean, zero padded
    return inside(y, x) ? pixel(c, y - 1, x - 1) - static_cast<double>(mean[static_cast<std::size_t>(c)]) : 0.0;
  };
  Errors errors;
  for (std::int64_t f = 0; f < filters; ++f) {
    const std::int64_t first_channel = f / (filters / groups) * in;
    double total = 0;
    for (std::int64_t i = 0; i < in * 9; ++i) total += std::fabs(weight[static_cast<std::size_t>(f * in * 9 + i)]);
    errors.border_bound = std::max(errors.border_bound, total / 2);
    for (std::int64_t i = 0; i < kSize * kSize; ++i) {
      const std::int64_t y = i / kSize, x = i % kSize;
      const auto channel = static_cast<std::size_t>(f);
      const double folded = convolve(weight, f, first_channel, in, y, x, painted) + static_cast<double>(bias[channel]);
      const double original =
          convolve(weight, f, first_channel, in, y, x, shifted) + static_cast<double>(old_bias[channel]);
      const bool edge = y == 0 || x == 0 || y == kSize - 1 || x == kSize - 1;
      double& error = edge ? errors.border : errors.interior;
      error = std::max(error, std::fabs(folded - original));
    }
  }
  return errors;
}

TEST(FirstLayer, IsExactForIntegralMeans) {
  const Errors errors = compare({104, 117, 123}, {1, 2, 3}, 1);
  EXPECT_LT(errors.interior, 1e-3);  // the bias is a float of some thousands
  EXPECT_LT(errors.border, 1e-3);
}

TEST(FirstLayer, BorderIsWithinHalfAGreyLevel) {
  const Errors errors = compare({123.675F, 116.28F, 103.53F}, {58.395F, 57.12F, 57.375F}, 1);
  EXPECT_LT(errors.interior, 1e-4);
  EXPECT_GT(errors.border, 0);
  EXPECT_LT(errors.border, errors.border_bound);
}

TEST(FirstLayer, GroupsReadTheirOwnChannels) {
  const Errors errors = compare({10, 100, 200}, {1, 2, 4}, 3);
  EXPECT_LT(errors.interior, 1e-3);
  EXPECT_LT(errors.border, 1e-3);
}

TEST(FirstLayer, OneChannelWithZeroMeanKeepsItsPadding) {
  const Errors errors = compare({0}, {255}, 1);
  EXPECT_LT(errors.interior, 1e-5);
  EXPECT_LT(errors.border, 1e-5);
}

TEST(FirstLayer, WeightsAreDividedByStd) {
  Network net;
  const ValueRef image = net.image({1, 3, kSize, kSize}, {1, 2, 3}, {2, 4, 8});
  const ValueRef value = net.convolution("c", image, 5);
  const FirstLayer first = fold_normalize(*net.node(image).as<NormalizeOp>(), net.node(value)).value();
  const std::vector<double> weight = dequantized(first.convolution.params[0]);
  const std::span<const float> old = net.node(value).params[0].value.as<float>();
  for (std::size_t i = 0; i < old.size(); ++i) {
    const double expected = static_cast<double>(old[i]) / std::ldexp(2.0, static_cast<int>(i / 9 % 3));
    const auto scale = static_cast<double>(first.convolution.params[0].scale[i / 27]);
    EXPECT_NEAR(weight[i], expected, scale * 0.500001);
  }
}

TEST(FirstLayer, ConvolutionWithoutBiasGetsOne) {
  Network net;
  const ValueRef image = net.image({1, 3, kSize, kSize}, {1, 2, 3}, {2, 4, 8});
  const ValueRef value = net.convolution("c", image, 5);
  net.node(value).params.pop_back();
  const FirstLayer first = fold_normalize(*net.node(image).as<NormalizeOp>(), net.node(value)).value();
  ASSERT_EQ(first.convolution.params.size(), 2U);
  EXPECT_EQ(first.convolution.params[1].name, "c_bias");
  EXPECT_EQ(first.convolution.params[1].value.shape(), (Shape{5}));
}

TEST(FirstLayer, MisshapedWeightsAreErrors) {
  Network net;
  const ValueRef image = net.image({1, 3, kSize, kSize}, {1, 2, 3}, {2, 4, 8});
  const ValueRef value = net.convolution("c", image, 5);
  net.node(value).as<ConvolutionOp>()->groups = 2;
  EXPECT_FALSE(fold_normalize(*net.node(image).as<NormalizeOp>(), net.node(value)));
}

}  // namespace
}  // namespace octet
