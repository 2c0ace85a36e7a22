#include "octet/executor/slices.h"

#include <algorithm>  // std::count

namespace octet {
namespace {

bool is_image(const Value& value) { return value.shape.size() == 4; }

bool joins_channels(const Node& node) {
  const auto* op = node.as<ConcatOp>();
  return op != nullptr && is_image(node.outputs[0]) && (op->axis == 1 || op->axis == -3);
}

/// Nodes whose kernels read and write images with gaps between the pixels.
bool handles_gaps(const Graph& graph, const Node& node) {
  return joins_channels(node) || is_channel_affine(graph, node) || node.as<PoolingOp>() != nullptr;
}

class Finder {
 public:
  explicit Finder(const Graph& graph) : graph_(graph), slices_(graph.nodes.size()), gaps_(graph.nodes.size()) {
    for (std::size_t i = 0; i < gaps_.size(); ++i) gaps_[i] = handles_gaps(graph, graph.nodes[i]) ? 1 : 0;
    // A value may have gaps when all its readers can deal with them.
    for (std::size_t i = 0; i < gaps_.size(); ++i) {
      if (handles_gaps(graph, graph.nodes[i])) continue;
      for (const ValueRef input : graph.nodes[i].inputs) gaps_[static_cast<std::size_t>(input.node)] = 0;
    }
    for (const ValueRef output : graph.outputs) gaps_[static_cast<std::size_t>(output.node)] = 0;
  }

  std::vector<Slice> find() {
    for (auto id = static_cast<NodeId>(graph_.nodes.size()); id-- > 0;) {  // outer ones first
      if (joins_channels(graph_.nodes[static_cast<std::size_t>(id)])) divide(id);
    }
    return std::move(slices_);
  }

 private:
  void divide(NodeId id) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(id)];
    Slice place = slices_[static_cast<std::size_t>(id)];
    if (place.root < 0) place = {id, 0, node.outputs[0].shape[1]};
    bool used = false;
    for (const ValueRef input : node.inputs) {
      Slice& slice = slices_[static_cast<std::size_t>(input.node)];
      if (can_place(node, input) && slice.root < 0) {
        slice = place;
        used = true;
      }
      place.channel += graph_.value(input).shape[1];
    }
    Slice& own = slices_[static_cast<std::size_t>(id)];
    if (used && own.root < 0) own = {id, 0, node.outputs[0].shape[1]};
  }

  [[nodiscard]] bool can_place(const Node& concat, ValueRef input) const {
    const Value &value = graph_.value(input), &result = concat.outputs[0];
    return gaps_[static_cast<std::size_t>(input.node)] != 0 && value.dtype == result.dtype &&
           value.scale == result.scale && std::count(concat.inputs.begin(), concat.inputs.end(), input) == 1;
  }

  const Graph& graph_;
  std::vector<Slice> slices_;
  std::vector<char> gaps_;
};

}  // namespace

bool is_channel_affine(const Graph& graph, const Node& node) {
  const auto* op = node.as<BatchNormOp>();
  if (op == nullptr || !is_image(graph.value(node.inputs[0])) || (op->axis != 1 && op->axis != -3)) return false;
  return node.post_ops.empty() || (node.post_ops.size() == 1 && node.post_ops[0].eltwise.kind == EltwiseKind::relu);
}

std::vector<Slice> find_slices(const Graph& graph) { return Finder(graph).find(); }

}  // namespace octet
