#include "octet/calibrator/lift.h"

#include <algorithm>  // std::find
#include <cmath>      // std::nearbyint
#include <utility>    // std::move

namespace octet {
namespace {

bool is_lift_layer(const Node& node) {
  return node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
}

bool ends_leaky(const Node& node) {
  if (node.post_ops.empty() || node.post_ops.back().kind != PostOp::Kind::eltwise) return false;
  const EltwiseOp& last = node.post_ops.back().eltwise;
  return last.kind == EltwiseKind::leaky_relu && last.alpha > 0 && last.alpha < 1;
}

/// Yields only numbers that it reads, whatever they are.
bool only_selects(const Node& node) {
  if (const auto* op = node.as<PoolingOp>()) {
    if (op->kind != PoolKind::max) return false;
    if (op->global) return true;
    // No window lies in the padding alone.
    return op->pad[0] + op->stride[0] <= op->kernel[0] && op->pad[1] + op->stride[1] <= op->kernel[1];
  }
  const auto* concat = node.as<ConcatOp>();
  return (concat != nullptr && concat->axis == 1) || node.as<FlattenOp>() != nullptr ||
         node.as<UpSamplingOp>() != nullptr;
}

class Lifter {
 public:
  Lifter(const Regions& regions, Graph& graph) : regions_(regions), graph_(graph) {}

  Lift raise(int group, double lift);
  /// Pad nodes before the readers that pad.
  void insert_pads(std::vector<Lift>& lifts, std::vector<NodeId>& moved);

 private:
  [[nodiscard]] int group_of(NodeId id) const { return regions_.group[static_cast<std::size_t>(id)]; }

  const Regions& regions_;
  Graph& graph_;
};

/// bias -= by * (sum of the filter's weights).
void take_from_bias(Node& reader, double by) {
  const Tensor& weight = reader.params[0].value;
  const std::span<const float> w = weight.as<float>();
  const auto filters = static_cast<std::size_t>(weight.shape()[0]);
  const std::size_t size = w.size() / filters;
  if (reader.params.size() < 2) {
    reader.params.push_back({reader.name + "_bias", Tensor::create(DType::f32, {weight.shape()[0]}).value(), {}});
  }
  const std::span<float> bias = reader.params[1].value.mutable_as<float>();
  for (std::size_t f = 0; f < filters; ++f) {
    double sum = 0;
    for (const float x : w.subspan(f * size, size)) sum += static_cast<double>(x);
    bias[f] = static_cast<float>(static_cast<double>(bias[f]) - by * sum);
  }
}

Lift Lifter::raise(int group, double lift) {
  Lift result;
  result.lift = lift;
  result.sources = regions_.sources[static_cast<std::size_t>(group)];
  for (const NodeId id : result.sources) {
    std::vector<PostOp>& posts = graph_.nodes[static_cast<std::size_t>(id)].post_ops;
    posts.push_back({PostOp::Kind::eltwise, {EltwiseKind::linear, 1, static_cast<float>(lift)}});
    posts.push_back({PostOp::Kind::eltwise, {EltwiseKind::relu, 0, 0}});
  }
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    Node& node = graph_.nodes[i];
    if (!is_lift_layer(node) || group_of(node.inputs[0].node) != group) continue;
    take_from_bias(node, lift);
    result.readers.push_back(static_cast<NodeId>(i));
  }
  return result;
}

/// A node that pads `source` with `value`, as `convolution` did with 0.
Node padding_of(const Graph& graph, ValueRef source, const Node& reader, float value) {
  const Padding& p = reader.as<ConvolutionOp>()->pad;
  Node node;
  node.name = node.output_name = reader.name + "_padded";
  node.op = PadOp{PadMode::constant, {0, 0, p.top, p.left}, {0, 0, p.bottom, p.right}, value};
  node.inputs = {source};
  node.outputs = {graph.value(source)};
  node.outputs[0].shape[2] += p.top + p.bottom;
  node.outputs[0].shape[3] += p.left + p.right;
  return node;
}

void Lifter::insert_pads(std::vector<Lift>& lifts, std::vector<NodeId>& moved) {
  std::vector<Lift*> lift_of(graph_.nodes.size());
  for (Lift& lift : lifts) {
    for (const NodeId reader : lift.readers) lift_of[static_cast<std::size_t>(reader)] = &lift;
  }
  Graph result;
  moved.clear();
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    Node node = std::move(graph_.nodes[i]);
    for (ValueRef& input : node.inputs) input.node = moved[static_cast<std::size_t>(input.node)];
    auto* convolution = node.as<ConvolutionOp>();
    if (lift_of[i] != nullptr && convolution != nullptr && convolution->pad != Padding{}) {
      result.nodes.push_back(padding_of(result, node.inputs[0], node, static_cast<float>(lift_of[i]->lift)));
      node.inputs[0] = {static_cast<NodeId>(result.nodes.size()) - 1, 0};
      convolution->pad = {};
      lift_of[i]->pads.push_back(node.inputs[0].node);
    }
    result.nodes.push_back(std::move(node));
    moved.push_back(static_cast<NodeId>(result.nodes.size()) - 1);
  }
  for (const ValueRef output : graph_.outputs) {
    result.outputs.push_back({moved[static_cast<std::size_t>(output.node)], output.output});
  }
  for (Lift& lift : lifts) {
    for (NodeId& id : lift.sources) id = moved[static_cast<std::size_t>(id)];
    for (NodeId& id : lift.readers) id = moved[static_cast<std::size_t>(id)];
  }
  graph_ = std::move(result);
}

/// The lift that a node's own functions add; 0: none.
double own_lift(const Node& node) {
  const std::size_t n = node.post_ops.size();
  if (n < 3 || node.post_ops[n - 1].kind != PostOp::Kind::eltwise) return 0;
  const EltwiseOp &last = node.post_ops[n - 1].eltwise, &linear = node.post_ops[n - 2].eltwise;
  const bool lifted = last.kind == EltwiseKind::relu && node.post_ops[n - 2].kind == PostOp::Kind::eltwise &&
                      linear.kind == EltwiseKind::linear && linear.alpha == 1;
  return lifted ? static_cast<double>(linear.beta) : 0;
}

}  // namespace

std::vector<char> liftable_groups(const Regions& regions, std::span<const DType> dtypes, const Graph& graph) {
  const auto group_of = [&](NodeId id) { return regions.group[static_cast<std::size_t>(id)]; };
  std::vector<char> fits(regions.sources.size());
  for (std::size_t g = 0; g < fits.size(); ++g) {
    fits[g] = dtypes[g] == DType::s8 && !regions.sources[g].empty() ? 1 : 0;
    for (const NodeId id : regions.sources[g]) {
      const Node& source = graph.nodes[static_cast<std::size_t>(id)];
      const bool int8 = regions.int8[static_cast<std::size_t>(id)] != 0;
      if (!int8 || !is_lift_layer(source) || !ends_leaky(source)) fits[g] = 0;
    }
  }
  const auto reject = [&](NodeId id) {
    if (group_of(id) >= 0) fits[static_cast<std::size_t>(group_of(id))] = 0;
  };
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool int8 = regions.int8[i] != 0;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const NodeId input = node.inputs[k].node;
      const bool member = int8 && only_selects(node) && group_of(static_cast<NodeId>(i)) == group_of(input);
      const bool layer = int8 && is_lift_layer(node) && k == 0 &&
                         (node.params.size() < 2 || !node.params[1].value.as<float>().empty());
      if (!member && !layer) reject(input);
    }
  }
  for (const ValueRef output : graph.outputs) reject(output.node);
  return fits;
}

std::vector<Lift> lift_values(const Regions& regions, std::span<const DType> dtypes, std::span<const float> min,
                              std::span<const float> max, Graph& graph, std::vector<NodeId>& moved) {
  Lifter lifter(regions, graph);
  const std::vector<char> fits = liftable_groups(regions, dtypes, graph);
  std::vector<Lift> lifts;
  for (std::size_t g = 0; g < fits.size(); ++g) {
    if (fits[g] == 0) continue;
    double low = 0, high = 0;
    for (const NodeId id : regions.sources[g]) {
      low = std::max(low, -static_cast<double>(min[static_cast<std::size_t>(id)]));
      high = std::max(high, static_cast<double>(max[static_cast<std::size_t>(id)]));
    }
    if (low > 0 && low < 0.5 * high) lifts.push_back(lifter.raise(static_cast<int>(g), low));
  }
  lifter.insert_pads(lifts, moved);
  return lifts;
}

void round_lifts(const Regions& regions, std::span<const Storage> groups, std::vector<Lift>& lifts, Graph& graph) {
  for (Lift& lift : lifts) {
    const int group = regions.group[static_cast<std::size_t>(lift.sources[0])];
    if (group < 0) continue;
    const auto scale = static_cast<double>(groups[static_cast<std::size_t>(group)].scale);
    const double rounded = std::nearbyint(lift.lift / scale) * scale;
    const auto value = static_cast<float>(rounded);
    for (const NodeId id : lift.sources) {
      std::vector<PostOp>& posts = graph.nodes[static_cast<std::size_t>(id)].post_ops;
      posts[posts.size() - 2].eltwise.beta = value;
    }
    for (const NodeId id : lift.pads) graph.nodes[static_cast<std::size_t>(id)].as<PadOp>()->value = value;
    for (const NodeId id : lift.readers) {
      take_from_bias(graph.nodes[static_cast<std::size_t>(id)], rounded - lift.lift);
    }
    lift.lift = rounded;
  }
}

std::vector<double> lifts_of(const Graph& graph) {
  std::vector<double> lifts(graph.nodes.size());
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool moves = !node.inputs.empty() && (only_selects(node) || node.as<PadOp>() != nullptr);
    lifts[i] = moves ? lifts[static_cast<std::size_t>(node.inputs[0].node)] : own_lift(node);
  }
  return lifts;
}

}  // namespace octet
