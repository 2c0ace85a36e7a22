#include <algorithm>  // std::any_of
#include <cmath>      // std::sqrt
#include <optional>   // std::optional

#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

/// y = x * scale + shift, channel by channel.
struct Affine {
  std::vector<double> scale, shift;
};

/// A scalar operator is the same for all channels.
bool is_affine(const Node& node) {
  const auto* eltwise = node.as<EltwiseOp>();
  return node.as<BatchNormOp>() != nullptr || (eltwise != nullptr && eltwise->kind == EltwiseKind::linear);
}

Result<Affine> affine_of(const Node& node, std::size_t channels) {
  if (const auto* linear = node.as<EltwiseOp>()) {
    return Affine{std::vector<double>(channels, linear->alpha), std::vector<double>(channels, linear->beta)};
  }
  const auto& op = *node.as<BatchNormOp>();
  const auto gamma = node.params[0].value.as<float>(), beta = node.params[1].value.as<float>();
  const auto mean = node.params[2].value.as<float>(), variance = node.params[3].value.as<float>();
  if (gamma.size() != beta.size() || mean.size() != beta.size() || variance.size() != beta.size()) {
    return Error{ErrorCode::invalid_model, "node '" + node.name + "' (BatchNorm)", "parameters of different sizes"};
  }
  Affine affine;
  for (std::size_t c = 0; c < beta.size(); ++c) {
    const double scale = (op.fix_gamma ? 1.0 : gamma[c]) / std::sqrt(variance[c] + op.eps);
    const double shift = beta[c] - mean[c] * scale;
    if (!std::isfinite(scale) || !std::isfinite(shift)) {
      return Error{ErrorCode::invalid_model, "node '" + node.name + "' (BatchNorm)",
                   "channel " + std::to_string(c) + " has no finite scale: variance " + std::to_string(variance[c])};
    }
    affine.scale.push_back(scale);
    affine.shift.push_back(shift);
  }
  return affine;
}

/// The axis of the producer's output that its weights' first axis makes.
bool on_channel_axis(const Node& norm, const Node& producer) {
  if (producer.outputs.empty()) return false;
  if (norm.as<BatchNormOp>() == nullptr) return true;
  const auto rank = static_cast<std::int64_t>(producer.outputs[0].shape.size());
  const std::int64_t axis = norm.as<BatchNormOp>()->axis;
  const std::int64_t resolved = axis < 0 ? axis + rank : axis;
  return resolved == (producer.as<FullyConnectedOp>() != nullptr ? rank - 1 : 1);
}

bool has_float_weights(const Node& node) {
  const bool weighted = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
  if (!weighted || !is_float(node)) return false;
  const Tensor& weight = node.params[0].value;
  if (weight.dtype() != DType::f32 || weight.shape().empty()) return false;
  return node.params.size() < 2 || node.params[1].value.shape() == Shape{weight.shape()[0]};
}

bool takes_batch_norm(const Node& node) { return has_float_weights(node) && node.post_ops.empty(); }

/// What is fused behind a layer does not mind, unless it reads the same value.
bool takes_batch_norm_before(const Node& node) {
  return has_float_weights(node) && std::count(node.inputs.begin(), node.inputs.end(), node.inputs[0]) == 1;
}

/// Makes weight and bias the node's own: a tensor that another node uses too gets another name, now
/// that it will differ, and there is a bias.
Result<void> own_params(Rewriter& rewriter, Node& node, std::int64_t outputs) {
  for (Parameter& param : node.params) {
    if (!rewriter.owns_param_name(param.name)) param.name = rewriter.unique_param_name(node.name + "_" + param.name);
  }
  if (node.params.size() < 2) {
    OCTET_TRY(Tensor zero, Tensor::create(DType::f32, {outputs}));
    node.params.push_back({rewriter.unique_param_name(node.name + "_bias"), std::move(zero), {}});
  }
  return {};
}

/// w' = w * scale, b' = b * scale + shift.
Result<void> fold_into_weights(Rewriter& rewriter, Node& node, const Affine& affine) {
  OCTET_CHECK(own_params(rewriter, node, static_cast<std::int64_t>(affine.scale.size())));
  const auto weight = node.params[0].value.mutable_as<float>();
  const auto bias = node.params[1].value.mutable_as<float>();
  const std::size_t filter = weight.size() / affine.scale.size();
  for (std::size_t c = 0; c < affine.scale.size(); ++c) {
    for (std::size_t i = c * filter; i < (c + 1) * filter; ++i) {
      weight[i] = static_cast<float>(weight[i] * affine.scale[c]);
    }
    bias[c] = static_cast<float>(bias[c] * affine.scale[c] + affine.shift[c]);
  }
  return {};
}

/// (x - mean) / std * scale + shift = (x - mean') / std', where std' = std / scale and
/// mean' = mean - shift * std'. Only for scales above zero, so that std' is one.
bool fold_into_normalize(NormalizeOp& op, const Affine& affine) {
  NormalizeOp folded = op;
  for (std::size_t c = 0; c < op.std.size(); ++c) {
    const double std = op.std[c] / affine.scale[c];
    const double mean = op.mean[c] - affine.shift[c] * std;
    folded.std[c] = static_cast<float>(std);
    folded.mean[c] = static_cast<float>(mean);
    if (!(affine.scale[c] > 0) || !std::isfinite(folded.std[c]) || !(folded.std[c] > 0) ||
        !std::isfinite(folded.mean[c])) {
      return false;
    }
  }
  op = std::move(folded);
  return true;
}

/// Input channel of each weight of a layer behind an image or a row of `channels`: weights of shape
/// (outputs, inputs of a group, window), where a FullyConnected that flattens an image has one group
/// and a window of the whole image.
struct InputChannels {
  std::size_t window = 1, per_group = 1, outputs_per_group = 1;
  [[nodiscard]] std::size_t filter() const { return per_group * window; }
  [[nodiscard]] std::size_t operator()(std::size_t i) const {
    return i / filter() / outputs_per_group * per_group + i % filter() / window;
  }
};

/// How `layer` reads the channels that `norm` scales; nullopt when the two cannot become one: another
/// axis, weights that do not fit, or zero padding, which a shift would have to reach.
std::optional<InputChannels> input_channels(const Node& norm, const Node& layer, const Affine& affine) {
  if (norm.outputs.empty() || !takes_batch_norm_before(layer)) return std::nullopt;
  const Shape &x = norm.outputs[0].shape, &weight = layer.params[0].value.shape();
  const std::int64_t axis = norm.as<BatchNormOp>()->axis;
  const auto channels = affine.scale.size();
  if ((axis < 0 ? axis + static_cast<std::int64_t>(x.size()) : axis) != 1) return std::nullopt;
  InputChannels result;
  std::size_t groups = 1;
  if (const auto* convolution = layer.as<ConvolutionOp>()) {
    const bool shifts = std::any_of(affine.shift.begin(), affine.shift.end(), [](double s) { return s != 0; });
    if (x.size() != 4 || weight.size() != 4 || (shifts && convolution->pad != Padding{})) return std::nullopt;
    groups = static_cast<std::size_t>(convolution->groups);
    result.window = static_cast<std::size_t>(weight[2] * weight[3]);
  } else {
    const bool flattens = layer.as<FullyConnectedOp>()->flatten;
    if (weight.size() != 2 || (!flattens && x.size() != 2)) return std::nullopt;
    for (std::size_t k = 2; k < x.size(); ++k) result.window *= static_cast<std::size_t>(x[k]);
  }
  result.per_group = channels / groups;
  result.outputs_per_group = static_cast<std::size_t>(weight[0]) / groups;
  const bool fits = channels % groups == 0 && static_cast<std::size_t>(weight[0]) % groups == 0 &&
                    result.filter() * static_cast<std::size_t>(weight[0]) == layer.params[0].value.elements() &&
                    result.filter() > 0;
  return fits ? std::optional(result) : std::nullopt;
}

/// w' = w * scale[its input channel], b' = b + sum of w * shift[its input channel].
Result<bool> fold_into_next(Rewriter& rewriter, const Node& norm, Node& layer) {
  OCTET_TRY(const Affine affine, affine_of(norm, 0));
  const auto channel = input_channels(norm, layer, affine);
  if (!channel) return false;
  OCTET_CHECK(own_params(rewriter, layer, layer.params[0].value.shape()[0]));
  const auto weight = layer.params[0].value.mutable_as<float>();
  const auto bias = layer.params[1].value.mutable_as<float>();
  for (std::size_t o = 0; o < bias.size(); ++o) {
    double sum = bias[o];
    for (std::size_t i = o * channel->filter(); i < (o + 1) * channel->filter(); ++i) {
      sum += weight[i] * affine.shift[(*channel)(i)];
      weight[i] = static_cast<float>(weight[i] * affine.scale[(*channel)(i)]);
    }
    bias[o] = static_cast<float>(sum);
  }
  return true;
}

/// Node `id` reads a BatchNorm that stayed and that nobody else reads.
Result<void> take_norm_before(Rewriter& rewriter, NodeId id) {
  Node& layer = rewriter.producer({id, 0});
  const ValueRef source = layer.inputs[0];
  const Node& norm = rewriter.producer(source);
  if (norm.as<BatchNormOp>() == nullptr || !norm.post_ops.empty() || rewriter.uses(source.node) != 1) return {};
  if (!is_float(norm)) return {};
  OCTET_TRY(const bool folded, fold_into_next(rewriter, norm, layer));
  if (!folded) return {};
  layer.fused.push_back(norm.name);
  layer.fused.insert(layer.fused.end(), norm.fused.begin(), norm.fused.end());
  rewriter.rewire(id, 0, norm.inputs[0]);
  rewriter.remove(source.node);
  return {};
}

Result<bool> fold(Rewriter& rewriter, const Node& norm) {
  Node& producer = rewriter.producer(norm.inputs[0]);
  if (rewriter.uses(norm.inputs[0].node) != 1 || !is_float(norm) || !norm.post_ops.empty() ||
      !on_channel_axis(norm, producer))
    return false;
  auto* normalize = producer.as<NormalizeOp>();
  if (normalize == nullptr && !takes_batch_norm(producer)) return false;
  const std::size_t channels =
      normalize != nullptr ? normalize->std.size() : static_cast<std::size_t>(producer.params[0].value.shape()[0]);
  OCTET_TRY(const Affine affine, affine_of(norm, channels));
  if (channels != affine.scale.size()) return false;
  if (normalize != nullptr) return is_float(producer) && fold_into_normalize(*normalize, affine);
  OCTET_CHECK(fold_into_weights(rewriter, producer, affine));
  return true;
}

}  // namespace

Result<void> fold_batch_norm(Graph& graph) {
  OCTET_CHECK(validate(graph));
  Rewriter rewriter(graph);
  for (NodeId id = 0; id < rewriter.size(); ++id) {
    const Node& node = rewriter.visit(id);
    if (node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr) {
      OCTET_CHECK(take_norm_before(rewriter, id));
    }
    if (!is_affine(node)) continue;
    OCTET_TRY(const bool folded, fold(rewriter, node));
    if (folded) rewriter.absorb(id, node.inputs[0].node);
  }
  rewriter.finish();
  return validate(graph);
}

}  // namespace octet
