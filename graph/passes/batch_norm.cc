#include <cmath>

#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

/// y = x * scale + shift, channel by channel.
struct Affine {
  std::vector<double> scale, shift;
};

Result<Affine> affine_of(const Node& node) {
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
  const auto rank = static_cast<std::int64_t>(producer.outputs[0].shape.size());
  const std::int64_t axis = norm.as<BatchNormOp>()->axis;
  const std::int64_t resolved = axis < 0 ? axis + rank : axis;
  return resolved == (producer.as<FullyConnectedOp>() != nullptr ? rank - 1 : 1);
}

bool takes_batch_norm(const Node& node) {
  const bool weighted = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
  if (!weighted || !node.post_ops.empty() || !is_float(node)) return false;
  const Tensor& weight = node.params[0].value;
  if (weight.dtype() != DType::f32 || weight.shape().empty()) return false;
  return node.params.size() < 2 || node.params[1].value.shape() == Shape{weight.shape()[0]};
}

/// w' = w * scale, b' = b * scale + shift.
Result<void> fold_into_weights(Rewriter& rewriter, Node& node, const Affine& affine) {
  // A tensor that another node uses too gets a name of its own, now that it differs.
  for (Parameter& param : node.params) {
    if (!rewriter.owns_param_name(param.name)) param.name = rewriter.unique_param_name(node.name + "_" + param.name);
  }
  if (node.params.size() < 2) {
    OCTET_TRY(Tensor zero, Tensor::create(DType::f32, {static_cast<std::int64_t>(affine.scale.size())}));
    node.params.push_back({rewriter.unique_param_name(node.name + "_bias"), std::move(zero), {}});
  }
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

Result<bool> fold(Rewriter& rewriter, const Node& norm) {
  Node& producer = rewriter.producer(norm.inputs[0]);
  if (rewriter.uses(norm.inputs[0].node) != 1 || !is_float(norm) || !on_channel_axis(norm, producer)) return false;
  auto* normalize = producer.as<NormalizeOp>();
  if (normalize == nullptr && !takes_batch_norm(producer)) return false;
  OCTET_TRY(const Affine affine, affine_of(norm));
  const std::size_t channels =
      normalize != nullptr ? normalize->std.size() : static_cast<std::size_t>(producer.params[0].value.shape()[0]);
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
    if (node.as<BatchNormOp>() == nullptr) continue;
    OCTET_TRY(const bool folded, fold(rewriter, node));
    if (folded) rewriter.absorb(id, node.inputs[0].node);
  }
  rewriter.finish();
  return validate(graph);
}

}  // namespace octet
