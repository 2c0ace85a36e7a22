#include "octet/graph/lowering.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "octet/graph/ops.h"

namespace octet {
namespace {

class Lowering {
 public:
  explicit Lowering(Graph& graph) : graph_(graph) {
    for (const Node& node : graph.nodes) names_.insert(node.output_name);
  }

  void run() {
    for (Node& node : graph_.nodes) {
      std::vector<Shape> shapes;
      for (ValueRef& input : node.inputs) {
        input.node = moved_[static_cast<std::size_t>(input.node)];
        shapes.push_back(nodes_[static_cast<std::size_t>(input.node)].outputs[0].shape);
      }
      lower(node, shapes);
      moved_.push_back(append(std::move(node)).node);
    }
    for (ValueRef& output : graph_.outputs) output.node = moved_[static_cast<std::size_t>(output.node)];
    graph_.nodes = std::move(nodes_);
  }

 private:
  void lower(Node& node, const std::vector<Shape>& shapes) {
    if (node.as<AddNOp>() != nullptr) {
      lower_add_n(node);
    } else if (const auto* binary = node.as<BinaryOp>()) {
      // What is one for all images (anchors) is repeated, which a sum of one shape does not do.
      const bool alike = shapes[0] == shapes[1] && follows_input(node.inputs[0]) == follows_input(node.inputs[1]);
      if (binary->kind == BinaryKind::add && alike) node.op = AddOp{};
    } else if (node.as<ExpandDimsOp>() != nullptr || node.as<SqueezeOp>() != nullptr) {
      node.op = ReshapeOp{codes_for(shapes[0], node.outputs[0].shape), false};
    } else if (const auto* reduce = node.as<ReduceOp>()) {
      lower_reduce(node, *reduce, shapes[0]);
    }
  }

  /// Axes up to the first that differs are copied, so that the batch may have any size.
  static std::vector<std::int64_t> codes_for(const Shape& from, const Shape& to) {
    std::vector<std::int64_t> codes = to;
    for (std::size_t k = 0; k < std::min(from.size(), to.size()) && from[k] == to[k]; ++k) codes[k] = 0;
    return codes;
  }

  void lower_add_n(Node& node) {
    if (node.inputs.size() == 1) {
      node.op = IdentityOp{};
      return;
    }
    ValueRef sum = node.inputs[0];
    for (std::size_t k = 1; k + 1 < node.inputs.size(); ++k) {
      sum = insert(node, "_sum" + std::to_string(k), AddOp{}, {sum, node.inputs[k]});
    }
    node.inputs = {sum, node.inputs.back()};
    node.op = AddOp{};
  }

  void lower_reduce(Node& node, const ReduceOp& op, const Shape& shape) {
    const auto reduced = reduced_axes(op, shape.size());
    if (!reduced || *reduced != std::vector<char>{0, 0, 1, 1} || op.kind != ReduceKind::mean) return;
    PoolingOp pool;
    pool.kind = PoolKind::avg;
    pool.global = true;
    if (op.keep_dims) {
      node.op = pool;
      return;
    }
    node.inputs = {insert(node, "_pool", pool, node.inputs)};
    node.op = FlattenOp{};
  }

  /// A node before `node`, of one output that is shaped later.
  ValueRef insert(const Node& node, const std::string& suffix, Op op, std::vector<ValueRef> inputs) {
    Node added;
    added.name = node.name + suffix;
    while (!names_.insert(added.name).second) added.name += '_';
    added.output_name = added.name;
    added.op = std::move(op);
    added.inputs = std::move(inputs);
    added.outputs.resize(1);
    return append(std::move(added));
  }

  ValueRef append(Node node) {
    const bool follows = node.as<InputOp>() != nullptr ||
                         std::ranges::any_of(node.inputs, [&](ValueRef input) { return follows_input(input); });
    follows_.push_back(follows ? 1 : 0);
    nodes_.push_back(std::move(node));
    return {static_cast<NodeId>(nodes_.size() - 1), 0};
  }

  [[nodiscard]] bool follows_input(ValueRef value) const { return follows_[static_cast<std::size_t>(value.node)] != 0; }

  Graph& graph_;
  std::vector<Node> nodes_;
  std::vector<char> follows_;  ///< whether the node's value depends on the image
  std::vector<NodeId> moved_;
  std::set<std::string> names_;
};

}  // namespace

void lower(Graph& graph) { Lowering(graph).run(); }

}  // namespace octet
