#include "octet/executor/int8_weights.h"

#include <algorithm>  // std::clamp
#include <cmath>      // std::nearbyint
#include <cstdlib>    // std::abs
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::int32_t kMaxBias = 1 << 30;

/// Half of each weight, within [-limit, limit]. Odd ones go up or down so that the errors cancel along the channel.
void halve(std::span<std::int8_t> weights, int limit) noexcept {
  int drift = 0;  // sum of 2 * half - weight so far
  for (std::int8_t& weight : weights) {
    const int w = weight;  // NOLINT(bugprone-signed-char-misuse): weights are signed numbers
    const int up = (w + (w & 1)) / 2;
    const int half = std::clamp((w & 1) != 0 && drift > 0 ? up - 1 : up, -limit, limit);
    drift += 2 * half - w;
    weight = static_cast<std::int8_t>(half);
  }
}

/// Number of weights of one output channel; 0 when the tensor has no channels.
std::size_t channel_size(const Tensor& weight) noexcept {
  if (weight.shape().empty() || weight.shape()[0] <= 0) return 0;
  return weight.elements() / static_cast<std::size_t>(weight.shape()[0]);
}

Error fault(const Node& node, std::string message) {
  return Error{ErrorCode::invalid_model, node.name, std::move(message)};
}

Result<void> check_weight(const Node& node, const Parameter& weight) {
  const auto values = weight.value.as<std::int8_t>();
  const std::size_t size = channel_size(weight.value);
  if (values.empty() || size == 0) return fault(node, "weight " + weight.name + " is not s8");
  if (weight.scale.size() * size != values.size()) {
    return fault(node, "weight " + weight.name + " needs one scale per output channel");
  }
  for (std::size_t c = 0; c < weight.scale.size(); ++c) {
    if (!(weight.scale[c] > 0) || !std::isfinite(weight.scale[c])) {
      return fault(node, "scale " + std::to_string(c) + " of weight " + weight.name + " is not positive");
    }
    std::int64_t total = 0;
    for (const std::int8_t w : values.subspan(c * size, size)) total += std::abs(int{w});
    if (total * 255 > std::numeric_limits<std::int32_t>::max()) {
      return fault(node, "weight " + weight.name + " has more inputs than 32 bits can sum");
    }
  }
  return {};
}

bool is_depthwise(const Node& node, const Parameter& weight) noexcept {
  const auto* convolution = node.as<ConvolutionOp>();
  return convolution != nullptr && convolution->groups == convolution->num_filter && weight.value.shape().size() == 4 &&
         weight.value.shape()[1] == 1;
}

}  // namespace

float sum_scale(const Value& operand, const Value& dst) noexcept {
  if (!operand.quantized()) return 1;
  return static_cast<float>(static_cast<double>(operand.scale) / dst.scale);
}

bool pairs_can_saturate(std::span<const std::int8_t> weights) noexcept {
  int high = 0, next_high = 0, low = 0, next_low = 0;  // the two largest and the two smallest, 0 included
  for (const std::int8_t weight : weights) {
    const int w = weight;  // NOLINT(bugprone-signed-char-misuse): weights are signed numbers
    next_high = std::max(next_high, std::min(high, w));
    high = std::max(high, w);
    next_low = std::min(next_low, std::max(low, w));
    low = std::min(low, w);
  }
  return 255 * (high + next_high) > std::numeric_limits<std::int16_t>::max() ||
         255 * (low + next_low) < std::numeric_limits<std::int16_t>::min();
}

Result<Parameter> adjust_weight(const Parameter& weight, DType source, bool depthwise, bool int8_dot_product) {
  if (int8_dot_product || (source == DType::u8 && depthwise)) return weight;
  Parameter adjusted = weight;
  const std::span<std::int8_t> values = adjusted.value.mutable_as<std::int8_t>();
  const std::size_t size = channel_size(adjusted.value);
  for (std::size_t c = 0; c < adjusted.scale.size(); ++c) {
    const std::span<std::int8_t> channel = values.subspan(c * size, size);
    if (source == DType::s8) {
      halve(channel, 63);
      for (std::int8_t& w : channel) w = static_cast<std::int8_t>(2 * w);
    } else if (pairs_can_saturate(channel)) {
      halve(channel, 64);
      adjusted.scale[c] *= 2;
    }
  }
  return adjusted;
}

Result<Int8Layer> int8_layer(const Node& node, const Value& src, const Value& dst, bool int8_dot_product) {
  if (node.params.empty()) return fault(node, "has no weight");
  OCTET_CHECK(check_weight(node, node.params[0]));
  Int8Layer layer;
  const bool depthwise = is_depthwise(node, node.params[0]);
  OCTET_TRY(layer.weight, adjust_weight(node.params[0], src.dtype, depthwise, int8_dot_product));
  const std::size_t channels = layer.weight.scale.size();
  std::span<const float> bias;
  if (node.params.size() > 1) {
    bias = node.params[1].value.as<float>();
    if (bias.size() != channels) return fault(node, "bias " + node.params[1].name + " does not fit the weight");
  }
  layer.output_scale.resize(channels);
  layer.bias.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double step = static_cast<double>(src.scale) * layer.weight.scale[c];
    layer.output_scale[c] = static_cast<float>(dst.quantized() ? step / dst.scale : step);
    const double steps = bias.empty() ? 0 : std::nearbyint(bias[c] / step);
    if (!(std::abs(steps) <= kMaxBias)) {
      return fault(node, "bias " + std::to_string(c) + " of " + node.params[1].name + " is beyond 2^30 steps");
    }
    layer.bias[c] = static_cast<std::int32_t>(steps);
  }
  return layer;
}

}  // namespace octet
