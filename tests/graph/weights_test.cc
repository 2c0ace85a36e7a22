#include "octet/graph/weights.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace octet {
namespace {

constexpr SourceScale kSource{0.05F, 255};

Parameter weight_of(const Shape& shape, const std::vector<float>& values) {
  return {"w", Tensor::from(shape, values).value(), {}};
}

void expect_close(const Parameter& original, const Parameter& quantized) {
  const std::span<const float> w = original.value.as<float>();
  const std::span<const std::int8_t> q = quantized.value.as<std::int8_t>();
  const std::vector<double> back = dequantized(quantized);
  ASSERT_EQ(w.size(), q.size());
  const std::size_t row = w.size() / quantized.scale.size();
  for (std::size_t i = 0; i < w.size(); ++i) {
    EXPECT_GE(q[i], -127);
    EXPECT_LE(std::fabs(static_cast<double>(w[i]) - back[i]), 0.500001 * static_cast<double>(quantized.scale[i / row]));
  }
}

TEST(Weights, RoundWithinHalfAStepOfEachChannel) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal;
  std::vector<float> values(std::size_t{16} * 27);
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = normal(random) * std::ldexp(1.0F, static_cast<int>(i / 27) - 8);
  }
  const Parameter weight = weight_of({16, 3, 3, 3}, values);
  const Parameter quantized = quantize_weight(weight, {}, kSource).value();
  EXPECT_EQ(quantized.value.dtype(), DType::s8);
  EXPECT_EQ(quantized.value.shape(), weight.value.shape());
  ASSERT_EQ(quantized.scale.size(), 16U);
  expect_close(weight, quantized);
  for (std::size_t c = 0; c < 16; ++c) {
    int largest = 0;
    for (std::size_t i = 0; i < 27; ++i) {
      largest = std::max(largest, std::abs(static_cast<int>(quantized.value.as<std::int8_t>()[c * 27 + i])));
    }
    EXPECT_EQ(largest, 127);  // every channel uses its whole range
  }
}

// Of 127.5 steps the largest weight takes 127: it errs by half a step, as any other may.
TEST(Weights, SaturateAtTheEndOfWiderGrids) {
  const Parameter weight = weight_of({2, 3}, {1, -0.5F, 0.25F, -2, 1.999F, 0});
  const Parameter quantized = quantize_weight(weight, {}, kSource, 127.5).value();
  EXPECT_FLOAT_EQ(quantized.scale[0], 1 / 127.5F);
  EXPECT_EQ(quantized.value.as<std::int8_t>()[0], 127);
  EXPECT_EQ(quantized.value.as<std::int8_t>()[3], -127);
  expect_close(weight, quantized);
}

TEST(Weights, OnAnInt8GridAreExact) {
  std::vector<float> values;
  for (int i = -127; i <= 127; ++i) values.push_back(static_cast<float>(i) * 0.0375F);
  const Parameter quantized = quantize_weight(weight_of({1, 255}, values), {}, kSource).value();
  for (int i = -127; i <= 127; ++i) {
    EXPECT_EQ(quantized.value.as<std::int8_t>()[static_cast<std::size_t>(i + 127)], i);
  }
}

// Filters of zeros (94 of them in one SSD) still carry a bias.
TEST(Weights, ZeroFiltersKeepTheirBias) {
  const std::vector<float> bias{0, 3.5F, -1e-9F, 1e6F};
  const Parameter quantized = quantize_weight(weight_of({4, 2}, std::vector<float>(8, 0.0F)), bias, kSource).value();
  for (std::size_t c = 0; c < 4; ++c) {
    const double scale = quantized.scale[c];
    EXPECT_TRUE(std::isnormal(quantized.scale[c]) && scale > 0);
    EXPECT_EQ(quantized.value.as<std::int8_t>()[2 * c], 0);
    const double unit = static_cast<double>(kSource.scale) * scale;
    EXPECT_NEAR(std::nearbyint(bias[c] / unit) * unit, bias[c], std::fabs(bias[c]) * 1e-6);
  }
}

TEST(Weights, LargeBiasesRaiseTheScaleOfTheirChannelOnly) {
  const std::vector<float> bias{0.1F, 5e4F, -7e6F, std::numeric_limits<float>::min()};
  const std::vector<float> values{0.01F, -0.02F, 0.01F, -0.02F, 1e-6F, 2e-6F, 1e-14F, 0};
  const Parameter weight = weight_of({4, 2}, values);
  const Parameter quantized = quantize_weight(weight, bias, kSource).value();
  expect_close(weight, quantized);
  for (std::size_t c = 0; c < 4; ++c) {
    const double stored = bias[c] / (static_cast<double>(kSource.scale) * static_cast<double>(quantized.scale[c]));
    EXPECT_LE(std::fabs(stored), 1073741824.0 * 1.000001) << c;
  }
  EXPECT_EQ(quantized.scale[0], 0.02F / 127);
  EXPECT_GT(quantized.scale[2], 2e-6F / 127);
}

TEST(Weights, SumsCannotOverflow) {
  const std::size_t n = 200000;  // 255 * 127 * n is three times the s32 range
  const Parameter weight = weight_of({1, static_cast<std::int64_t>(n)}, std::vector<float>(n, 1.0F));
  const std::vector<float> bias{20};
  const Parameter quantized = quantize_weight(weight, bias, kSource).value();
  double sum = 0;
  for (const std::int8_t q : quantized.value.as<std::int8_t>()) sum += 255.0 * q;
  sum += std::fabs(bias[0] / (static_cast<double>(kSource.scale) * static_cast<double>(quantized.scale[0])));
  EXPECT_LE(sum, 2147483647.0);
  EXPECT_GT(sum, 1e9);
}

TEST(Weights, BadNumbersAreErrors) {
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {nan, inf, -inf, 1e20F}) {
    EXPECT_FALSE(quantize_weight(weight_of({1, 2}, {1, bad}), {}, kSource));
    const std::vector<float> bias{bad};
    EXPECT_FALSE(quantize_weight(weight_of({1, 2}, {1, 2}), bias, kSource));
  }
  EXPECT_FALSE(quantize_weight({"w", {}, {}}, {}, kSource));
}

}  // namespace
}  // namespace octet
