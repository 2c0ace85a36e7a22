#include "octet/graph/weights.h"

#include <algorithm>  // std::max
#include <cmath>      // std::fabs

namespace octet {
namespace {

constexpr double kMaxWeight = 1e15;           // products of scales stay finite floats
constexpr float kSmallestWeight = 1e-15F;     // and normal ones
constexpr double kMaxBias = 1073741824.0;     // 2^30 units of the accumulator
constexpr double kMaxSum = 2147483647.0 - 1;  // the s32 range, less the bias's rounding

/// Scale of one channel; see quantize_weight.
float channel_scale(std::span<const float> row, double bias, SourceScale source, double levels) {
  float largest = 0;
  double sum = 0;
  for (const float w : row) {
    largest = std::max(largest, std::fabs(w));
    sum += std::fabs(static_cast<double>(w));
  }
  const double bias_units = std::fabs(bias) / static_cast<double>(source.scale);
  if (largest < kSmallestWeight) {
    return bias_units > 0 ? static_cast<float>(std::max(bias_units / 1048576.0, 1e-15)) : 1.0F;
  }
  double scale = static_cast<double>(largest) / levels;
  scale = std::max(scale, bias_units / kMaxBias);
  // Rounding adds at most half a step to each |q|.
  const double headroom = kMaxSum - 0.5 * source.limit * static_cast<double>(row.size());
  if (headroom > 0) scale = std::max(scale, (source.limit * sum + bias_units) / headroom);
  auto result = static_cast<float>(scale);
  // The float below `scale` would break the bound by one unit in the last place.
  if (static_cast<double>(result) < scale) result = std::nextafter(result, 1e30F);
  return result;
}

}  // namespace

Result<Parameter> quantize_weight(const Parameter& weight, std::span<const float> bias, SourceScale source,
                                  double levels) {
  const std::span<const float> values = weight.value.as<float>();
  const Shape& shape = weight.value.shape();
  if (values.empty() || shape.empty() || shape[0] <= 0) {
    return Error{ErrorCode::invalid_model, weight.name, "weights must be float32 and have an output axis"};
  }
  const auto absurd = [](float x) { return !(std::fabs(static_cast<double>(x)) <= kMaxWeight); };
  if (std::any_of(values.begin(), values.end(), absurd) || std::any_of(bias.begin(), bias.end(), absurd)) {
    return Error{ErrorCode::invalid_model, weight.name, "weights or biases are not finite or larger than 1e15"};
  }
  const auto channels = static_cast<std::size_t>(shape[0]);
  const std::size_t row_size = values.size() / channels;
  Parameter result{weight.name, {}, std::vector<float>(channels)};
  OCTET_TRY(result.value, Tensor::create(DType::s8, shape));
  const std::span<std::int8_t> q = result.value.mutable_as<std::int8_t>();
  for (std::size_t c = 0; c < channels; ++c) {
    const std::span<const float> row = values.subspan(c * row_size, row_size);
    const float scale = channel_scale(row, bias.empty() ? 0 : static_cast<double>(bias[c]), source, levels);
    result.scale[c] = scale;
    for (std::size_t i = 0; i < row_size; ++i) {
      const double x = std::nearbyint(static_cast<double>(row[i]) / static_cast<double>(scale));
      q[c * row_size + i] = static_cast<std::int8_t>(std::clamp(x, -127.0, 127.0));
    }
  }
  return result;
}

std::vector<double> dequantized(const Parameter& weight) {
  const std::span<const std::int8_t> q = weight.value.as<std::int8_t>();
  std::vector<double> values(q.size());
  const std::size_t row_size = weight.scale.empty() ? 1 : q.size() / weight.scale.size();
  for (std::size_t i = 0; i < q.size(); ++i) {
    values[i] = static_cast<double>(q[i]) * static_cast<double>(weight.scale[i / row_size]);
  }
  return values;
}

}  // namespace octet
