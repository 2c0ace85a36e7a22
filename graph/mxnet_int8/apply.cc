// From the float graph with its seams to the INT8 graph.
#include <cmath>
#include <utility>
#include <vector>

#include "octet/graph/mxnet_int8.h"
#include "octet/graph/passes.h"
#include "octet/graph/weights.h"

namespace octet {
namespace {

std::size_t index(NodeId id) { return static_cast<std::size_t>(id); }

/// Identity nodes become what they stand for.
Result<void> open_seams(Graph& graph, const MxnetInt8& int8) {
  std::size_t found = 0;
  for (Node& node : graph.nodes) {
    const auto seam = int8.seams.find(node.output_name);
    if (seam == int8.seams.end()) continue;
    if (node.as<IdentityOp>() == nullptr) {
      return Error{ErrorCode::internal, node.name, "is not the seam that it was"};
    }
    ++found;
    const Value& value = seam->second;
    node.op = value.quantized() ? Op(QuantizeOp{}) : Op(DequantizeOp{});
    node.outputs[0].dtype = value.dtype;
    node.outputs[0].scale = value.scale;
  }
  if (found == int8.seams.size()) return {};
  return Error{ErrorCode::internal, "", "seams between float and INT8 were lost"};
}

/// Lets INT8 nodes read and yield quantised values themselves. What seams are left join float nodes.
class Absorber {
 public:
  Absorber(Graph& graph, const MxnetInt8& int8)
      : graph_(graph),
        int8_(int8),
        moved_(graph.nodes.size(), -1),
        uses_(graph.nodes.size()),
        reader_(graph.nodes.size(), -1) {
    for (const ValueRef& output : graph.outputs) ++uses_[index(output.node)];
    for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
      for (const ValueRef& input : graph.nodes[id].inputs) {
        ++uses_[index(input.node)];
        reader_[index(input.node)] = static_cast<NodeId>(id);
      }
    }
  }

  Result<void> run() {
    for (std::size_t id = 0; id < graph_.nodes.size(); ++id) {
      Node& node = graph_.nodes[id];
      if (moved_[id] < 0) moved_[id] = static_cast<NodeId>(id);
      for (ValueRef& input : node.inputs) input.node = moved_[index(input.node)];
      const bool int8 = int8_.int8.contains(node.name);
      if (int8 || node.as<NormalizeOp>() != nullptr) take_result(static_cast<NodeId>(id));
      if (int8) OCTET_CHECK(take_inputs(node));
    }
    for (ValueRef& output : graph_.outputs) output.node = moved_[index(output.node)];
    return {};
  }

 private:
  /// The node stores its result as the seam behind it does, when that is its only reader.
  void take_result(NodeId id) {
    const NodeId seam = reader_[index(id)];
    if (uses_[index(id)] != 1 || seam < 0) return;
    if (graph_.nodes[index(seam)].as<QuantizeOp>() == nullptr) return;
    Value& value = graph_.nodes[index(id)].outputs[0];
    const Value& stored = graph_.nodes[index(seam)].outputs[0];
    value.dtype = stored.dtype;
    value.scale = stored.scale;
    moved_[index(seam)] = id;
  }

  Result<void> take_inputs(Node& node) {
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const Node& seam = graph_.nodes[index(node.inputs[k].node)];
      // A sum in f32 reads its operand in f32.
      const bool operand = node.has_sum() && k + 1 == node.inputs.size();
      if (seam.as<DequantizeOp>() == nullptr || (operand && !node.outputs[0].quantized())) continue;
      node.inputs[k] = seam.inputs[0];
    }
    const bool weighted = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
    return weighted ? quantize_params(node) : Result<void>();
  }

  Result<void> quantize_params(Node& node) {
    const Value& source = graph_.value(node.inputs[0]);
    if (!source.quantized()) return {};
    const std::span<const float> bias =
        node.params.size() > 1 ? node.params[1].value.as<float>() : std::span<const float>();
    if (use_stored_weight(node, bias, source)) return {};
    const SourceScale scale{source.scale, source.dtype == DType::u8 ? 255 : 128};
    auto weight = quantize_weight(node.params[0], bias, scale, int8_.weight_levels);
    if (!weight) return Error{weight.error().code, "node '" + node.name + "'", weight.error().message};
    node.params[0] = *std::move(weight);
    return {};
  }

  /// Weights that were stored as int8 are used as they are, unless a bias or sum could then overflow.
  bool use_stored_weight(Node& node, std::span<const float> bias, const Value& source) const;

  Graph& graph_;
  const MxnetInt8& int8_;
  std::vector<NodeId> moved_;  ///< seam -> the node that now does its work; others: themselves
  std::vector<int> uses_;
  std::vector<NodeId> reader_;  ///< the last reader among the nodes
};

bool Absorber::use_stored_weight(Node& node, std::span<const float> bias, const Value& source) const {
  Parameter& weight = node.params[0];
  const auto found = int8_.weight_step.find(weight.name);
  if (found == int8_.weight_step.end()) return false;
  const auto step = static_cast<double>(found->second);
  const std::span<const float> values = weight.value.as<float>();
  const auto channels = static_cast<std::size_t>(weight.value.shape()[0]);
  auto stored = Tensor::create(DType::s8, weight.value.shape());
  if (!stored) return false;
  const std::span<std::int8_t> q = stored->mutable_as<std::int8_t>();
  std::vector<double> sums(channels);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double exact = static_cast<double>(values[i]) / step, rounded = std::nearbyint(exact);
    // A BatchNorm that was folded in since makes other weights of them.
    if (!(std::fabs(exact - rounded) < 1e-3) || rounded < -128 || rounded > 127) return false;
    q[i] = static_cast<std::int8_t>(rounded);
    sums[i * channels / values.size()] += 255 * std::fabs(rounded);
  }
  for (std::size_t c = 0; c < channels; ++c) {
    const double bias_steps = bias.empty() ? 0 : std::fabs(static_cast<double>(bias[c])) / (step * source.scale);
    if (!(bias_steps <= 1073741823.0) || sums[c] + bias_steps > 2147483646.0) return false;
  }
  weight.value = *std::move(stored);
  weight.scale.assign(channels, found->second);
  return true;
}

}  // namespace

Result<void> apply_int8(Graph& graph, const MxnetInt8& int8) {
  OCTET_CHECK(open_seams(graph, int8));
  OCTET_CHECK(optimize(graph));
  OCTET_CHECK(Absorber(graph, int8).run());
  OCTET_CHECK(remove_dead_nodes(graph));
  return infer_shapes(graph, 1);
}

}  // namespace octet
