#include "octet/executor/int8_weights.h"

#include <algorithm>  // std::min
#include <cmath>      // std::nearbyint
#include <cstdlib>    // std::abs
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

namespace octet {
namespace {

constexpr std::int32_t kMaxBias = 1 << 30;

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

/// Where each group's filters have second rows: in the blocks in which any filter of any group needs one.
kernels::SumsLayout split_layout(const Node& node, const LayerPairs& pairs) {
  const auto* convolution = node.as<ConvolutionOp>();
  const Tensor& weight = node.params[0].value;
  const auto values = weight.as<std::int8_t>();
  const std::size_t size = channel_size(weight);
  kernels::SumsLayout layout;
  layout.groups = convolution != nullptr ? convolution->groups : 1;
  layout.filters = weight.shape()[0] / layout.groups;
  for (std::int64_t first = 0; first < layout.filters; first += kernels::kSplitBlock) {
    const std::int64_t end = std::min(first + kernels::kSplitBlock, layout.filters);
    bool needed = false;
    for (std::int64_t g = 0; g < layout.groups; ++g) {
      for (std::int64_t f = g * layout.filters + first; f < g * layout.filters + end; ++f) {
        needed = needed || pairs_can_saturate(values.subspan(static_cast<std::size_t>(f) * size, size), pairs.inputs);
      }
    }
    layout.second_of.push_back(needed ? layout.seconds : -1);
    if (needed) layout.seconds += end - first;
  }
  return layout;
}

/// Rows in the order of `layout`: w - h and h where there are two, with h = w / 2 rounded towards 0.
Result<Tensor> split_weight(const Tensor& weight, const kernels::SumsLayout& layout) {
  Shape shape = weight.shape();
  shape[0] = layout.row();
  OCTET_TRY(Tensor result, Tensor::create(DType::s8, shape));
  const auto from = weight.as<std::int8_t>();
  const auto to = result.mutable_as<std::int8_t>();
  const std::size_t size = channel_size(weight);
  for (std::int64_t g = 0; g < layout.groups; ++g) {
    for (std::int64_t f = 0; f < layout.filters; ++f) {
      const std::int64_t second = layout.second_of[static_cast<std::size_t>(f / kernels::kSplitBlock)];
      const std::int64_t first_row = g * (layout.filters + layout.seconds) + f;
      const std::int64_t second_row = first_row - f + layout.filters + second + f % kernels::kSplitBlock;
      for (std::size_t i = 0; i < size; ++i) {
        const int w = from[static_cast<std::size_t>(g * layout.filters + f) * size + i];
        const int half = second < 0 ? 0 : w / 2;
        to[static_cast<std::size_t>(first_row) * size + i] = static_cast<std::int8_t>(w - half);
        if (second >= 0) to[static_cast<std::size_t>(second_row) * size + i] = static_cast<std::int8_t>(half);
      }
    }
  }
  return result;
}

}  // namespace

float sum_scale(const Value& operand, const Value& dst) noexcept {
  if (!operand.quantized()) return 1;
  return static_cast<float>(static_cast<double>(operand.scale) / dst.scale);
}

bool pairs_can_saturate(std::span<const std::int8_t> filter, std::int64_t inputs) noexcept {
  const auto channels = static_cast<std::size_t>(std::max<std::int64_t>(inputs, 1));
  const std::size_t positions = filter.size() / channels, all = positions * channels;
  const auto at = [&](std::size_t k) { return int{filter[k % channels * positions + k / channels]}; };
  for (std::size_t k = 0; k + 1 < all; k += channels % 2 == 0 ? 2 : 1) {
    const int pair = 255 * (at(k) + at(k + 1));
    if (pair > std::numeric_limits<std::int16_t>::max() || pair < std::numeric_limits<std::int16_t>::min()) return true;
  }
  return false;
}

bool needs_split(const Node& node, const LayerPairs& pairs) noexcept {
  if (pairs.int8_dot_product || node.params.empty() || is_depthwise(node, node.params[0])) return false;
  const auto weights = node.params[0].value.as<std::int8_t>();
  const std::size_t size = channel_size(node.params[0].value);
  for (std::size_t first = 0; size > 0 && first + size <= weights.size(); first += size) {
    if (pairs_can_saturate(weights.subspan(first, size), pairs.inputs)) return true;
  }
  return false;
}

Result<Int8Layer> int8_layer(const Node& node, const Value& src, const Value& dst, const LayerPairs& pairs) {
  if (node.params.empty()) return fault(node, "has no weight");
  OCTET_CHECK(check_weight(node, node.params[0]));
  const Parameter& weight = node.params[0];
  Int8Layer layer;
  layer.weight = weight.value;
  const std::size_t channels = weight.scale.size();
  std::span<const float> bias;
  if (node.params.size() > 1) {
    bias = node.params[1].value.as<float>();
    if (bias.size() != channels) return fault(node, "bias " + node.params[1].name + " does not fit the weight");
  }
  layer.output_scale.resize(channels);
  layer.bias.resize(channels);
  for (std::size_t c = 0; c < channels; ++c) {
    const double step = static_cast<double>(src.scale) * weight.scale[c];
    layer.output_scale[c] = static_cast<float>(dst.quantized() ? step / dst.scale : step);
    const double steps = bias.empty() ? 0 : std::nearbyint(bias[c] / step);
    if (!(std::abs(steps) <= kMaxBias)) {
      return fault(node, "bias " + std::to_string(c) + " of " + node.params[1].name + " is beyond 2^30 steps");
    }
    layer.bias[c] = static_cast<std::int32_t>(steps);
  }
  layer.unsigned_copy = !pairs.int8_dot_product && src.dtype == DType::s8;
  layer.offset.resize(channels);
  if (layer.unsigned_copy) {
    const auto values = weight.value.as<std::int8_t>();
    const std::size_t size = channel_size(weight.value);
    for (std::size_t i = 0; i < values.size(); ++i) layer.offset[i / size] -= 128 * values[i];
  }
  if (needs_split(node, pairs)) {
    layer.split = split_layout(node, pairs);
    OCTET_TRY(layer.weight, split_weight(weight.value, *layer.split));
  }
  return layer;
}

}  // namespace octet
