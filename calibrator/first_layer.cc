#include "octet/calibrator/first_layer.h"

#include <algorithm>  // std::any_of
#include <cmath>      // std::nearbyint
#include <utility>    // std::exchange

#include "octet/graph/weights.h"

namespace octet {
namespace {

constexpr SourceScale kPixels{1.0F, 255};

/// Input channel of weight element `i` of a convolution weight (num_filter, C / groups, kh, kw).
struct ChannelOf {
  std::size_t filter_size, window, filters_per_group, channels_per_group;
  std::size_t operator()(std::size_t i) const {
    const std::size_t group = i / filter_size / filters_per_group;
    return group * channels_per_group + i % filter_size / window;
  }
};

Result<ChannelOf> channels_of(const Node& node, std::size_t channels) {
  const auto& op = *node.as<ConvolutionOp>();
  const Shape& shape = node.params[0].value.shape();
  const auto groups = static_cast<std::size_t>(op.groups);
  const bool fits = shape.size() == 4 && shape[0] > 0 && shape[1] > 0 && shape[2] > 0 && shape[3] > 0 && groups > 0 &&
                    static_cast<std::size_t>(shape[0]) % groups == 0 &&
                    static_cast<std::size_t>(shape[1]) * groups == channels;
  if (!fits)
    return Error{ErrorCode::invalid_model, node.name, "weight " + to_string(shape) + " does not fit the input"};
  const auto window = static_cast<std::size_t>(shape[2] * shape[3]);
  return ChannelOf{static_cast<std::size_t>(shape[1]) * window, window, static_cast<std::size_t>(shape[0]) / groups,
                   static_cast<std::size_t>(shape[1])};
}

/// b - sum(w * mean) for every filter, for weights given in double.
std::vector<double> shifted_bias(const Node& node, const std::vector<double>& weight, const NormalizeOp& normalize,
                                 const ChannelOf& channel) {
  std::vector<double> bias(weight.size() / channel.filter_size);
  if (node.params.size() > 1) {
    const std::span<const float> old = node.params[1].value.as<float>();
    for (std::size_t f = 0; f < bias.size() && f < old.size(); ++f) bias[f] = static_cast<double>(old[f]);
  }
  for (std::size_t i = 0; i < weight.size(); ++i) {
    bias[i / channel.filter_size] -= weight[i] * static_cast<double>(normalize.mean[channel(i)]);
  }
  return bias;
}

Border take_padding(const NormalizeOp& normalize, ConvolutionOp& op) {
  Border border;
  if (std::none_of(normalize.mean.begin(), normalize.mean.end(), [](float m) { return m != 0; })) return border;
  const Padding pad = std::exchange(op.pad, {});
  border.top = pad.top;
  border.left = pad.left;
  border.bottom = pad.bottom;
  border.right = pad.right;
  if (border.empty()) return border;
  for (std::size_t c = 0; c < border.value.size(); ++c) {
    const float mean = normalize.mean[std::min(c, normalize.mean.size() - 1)];
    border.value[c] = static_cast<std::uint8_t>(std::clamp(std::nearbyint(mean), 0.0F, 255.0F));
  }
  return border;
}

}  // namespace

Result<FirstLayer> fold_normalize(const NormalizeOp& normalize, const Node& convolution) {
  FirstLayer first{convolution, {}};
  Node& node = first.convolution;
  OCTET_TRY(const ChannelOf channel, channels_of(node, normalize.mean.size()));
  Parameter weight = node.params[0];
  const std::span<float> values = weight.value.mutable_as<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(static_cast<double>(values[i]) / static_cast<double>(normalize.std[channel(i)]));
  }
  // The scale of a filter depends (rarely) on its bias and the bias on the quantised filter: the
  // bias of the float weights, which differs by rounding alone, decides the scale.
  const std::vector<double> exact(values.begin(), values.end());
  const std::vector<double> estimate = shifted_bias(node, exact, normalize, channel);
  std::vector<float> guard(estimate.size());
  std::transform(estimate.begin(), estimate.end(), guard.begin(),
                 [](double b) { return static_cast<float>(b * 1.001); });
  OCTET_TRY(Parameter quantized, quantize_weight(weight, guard, kPixels));
  const std::vector<double> bias = shifted_bias(node, dequantized(quantized), normalize, channel);
  const std::vector<float> rounded(bias.begin(), bias.end());
  Parameter new_bias{node.params.size() > 1 ? node.params[1].name : node.name + "_bias", {}, {}};
  OCTET_TRY(new_bias.value, Tensor::from({static_cast<std::int64_t>(rounded.size())}, rounded));
  node.params.clear();
  node.params.push_back(std::move(quantized));
  node.params.push_back(std::move(new_bias));
  first.border = take_padding(normalize, *node.as<ConvolutionOp>());
  return first;
}

}  // namespace octet
