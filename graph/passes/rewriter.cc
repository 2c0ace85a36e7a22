#include "octet/graph/passes/rewriter.h"

#include <algorithm>
#include <utility>

#include "octet/graph/passes.h"

namespace octet {

Rewriter::Rewriter(Graph& graph)
    : graph_(graph), uses_(graph.nodes.size()), moved_to_(graph.nodes.size()), dead_(graph.nodes.size()) {
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    moved_to_[id] = static_cast<NodeId>(id);
    for (const ValueRef& input : graph.nodes[id].inputs) ++uses_[static_cast<std::size_t>(input.node)];
    for (const Parameter& param : graph.nodes[id].params) param_names_.insert(param.name);
  }
  for (const ValueRef& output : graph.outputs) ++uses_[static_cast<std::size_t>(output.node)];
}

Node& Rewriter::visit(NodeId id) {
  Node& node = graph_.nodes[static_cast<std::size_t>(id)];
  for (ValueRef& input : node.inputs) input.node = moved_to_[static_cast<std::size_t>(input.node)];
  return node;
}

void Rewriter::merge_names(Node& into, const Node& absorbed) {
  into.fused.push_back(absorbed.name);
  into.fused.insert(into.fused.end(), absorbed.fused.begin(), absorbed.fused.end());
}

void Rewriter::bypass(NodeId absorbed, NodeId into) {
  merge_names(graph_.nodes[static_cast<std::size_t>(into)], graph_.nodes[static_cast<std::size_t>(absorbed)]);
  uses_[static_cast<std::size_t>(into)] += uses(absorbed) - 1;
  moved_to_[static_cast<std::size_t>(absorbed)] = into;
  remove(absorbed);
}

void Rewriter::absorb(NodeId absorbed, NodeId into) {
  bypass(absorbed, into);
  graph_.nodes[static_cast<std::size_t>(into)].output_name =
      graph_.nodes[static_cast<std::size_t>(absorbed)].output_name;
}

void Rewriter::move_into(NodeId node, NodeId absorbed) {
  Node& moved = graph_.nodes[static_cast<std::size_t>(node)];
  Node& place = graph_.nodes[static_cast<std::size_t>(absorbed)];
  merge_names(moved, place);
  moved.output_name = place.output_name;
  std::swap(moved, place);
  remove(node);
}

void Rewriter::rewire(NodeId reader, std::size_t index, ValueRef to) {
  ValueRef& input = graph_.nodes[static_cast<std::size_t>(reader)].inputs[index];
  --uses_[static_cast<std::size_t>(input.node)];
  ++uses_[static_cast<std::size_t>(to.node)];
  input = to;
}

std::string Rewriter::unique_param_name(const std::string& wanted) {
  std::string name = wanted;
  for (int i = 2; param_names_.contains(name); ++i) name = wanted + "_" + std::to_string(i);
  param_names_.insert(name);
  return name;
}

void Rewriter::finish() {
  for (ValueRef& output : graph_.outputs) output.node = moved_to_[static_cast<std::size_t>(output.node)];
  compact(graph_, dead_);
}

bool is_float(const Node& node) noexcept {
  return std::none_of(node.outputs.begin(), node.outputs.end(), [](const Value& value) { return value.quantized(); });
}

void compact(Graph& graph, std::span<const char> dead) {
  std::vector<NodeId> moved(graph.nodes.size());
  std::vector<Node> kept;
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    moved[id] = static_cast<NodeId>(kept.size());
    if (dead[id] == 0) kept.push_back(std::move(graph.nodes[id]));
  }
  for (Node& node : kept) {
    for (ValueRef& input : node.inputs) input.node = moved[static_cast<std::size_t>(input.node)];
  }
  for (ValueRef& output : graph.outputs) output.node = moved[static_cast<std::size_t>(output.node)];
  graph.nodes = std::move(kept);
}

void replace_uses(Graph& graph, ValueRef from, ValueRef to) {
  for (Node& node : graph.nodes) std::replace(node.inputs.begin(), node.inputs.end(), from, to);
  std::replace(graph.outputs.begin(), graph.outputs.end(), from, to);
}

}  // namespace octet
