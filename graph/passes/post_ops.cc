#include <algorithm>

#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

bool weighted(const Node& node) {
  return node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
}

bool ends_with_eltwise(const Node& node) {
  return !node.post_ops.empty() && node.post_ops.back().kind == PostOp::Kind::eltwise;
}

/// [eltwise] [sum] [eltwise] behind weights, [eltwise] behind an Add or a BatchNorm that stayed.
bool takes_eltwise(const Node& node) {
  if (!is_float(node) || ends_with_eltwise(node)) return false;
  return weighted(node) || node.as<AddOp>() != nullptr || node.as<BatchNormOp>() != nullptr;
}

bool takes_sum(const Node& node) { return weighted(node) && !node.has_sum() && is_float(node); }

bool fusible(const Node& node) {
  const auto* eltwise = node.as<EltwiseOp>();
  if (eltwise == nullptr || !is_float(node)) return false;
  switch (eltwise->kind) {
    case EltwiseKind::relu:
    case EltwiseKind::leaky_relu:
    case EltwiseKind::clip:
    case EltwiseKind::sigmoid:
    case EltwiseKind::tanh:
    case EltwiseKind::softrelu:
    case EltwiseKind::elu:
    case EltwiseKind::gelu: return true;
    default: return false;  // none of networks' activations, or without a counterpart in oneDNN
  }
}

/// The operand whose node computes the sum: the later one, as the other is there by then.
void fuse_sum(Rewriter& rewriter, NodeId id, Node& add) {
  const ValueRef left = add.inputs[0], right = add.inputs[1];
  const bool right_is_later = right.node > left.node;
  for (const bool take_right : {right_is_later, !right_is_later}) {
    const ValueRef into = take_right ? right : left, operand = take_right ? left : right;
    if (rewriter.uses(into.node) != 1 || !takes_sum(rewriter.producer(into))) continue;
    Node& node = rewriter.producer(into);
    node.inputs.push_back(operand);
    node.post_ops.push_back({PostOp::Kind::sum, {}});
    // At the place of the Add both operands are computed, whichever came later.
    rewriter.move_into(into.node, id);
    return;
  }
}

}  // namespace

Result<void> fuse_post_ops(Graph& graph) {
  OCTET_CHECK(validate(graph));
  Rewriter rewriter(graph);
  for (NodeId id = 0; id < rewriter.size(); ++id) {
    Node& node = rewriter.visit(id);
    if (fusible(node) && rewriter.uses(node.inputs[0].node) == 1) {
      Node& producer = rewriter.producer(node.inputs[0]);
      if (!takes_eltwise(producer)) continue;
      producer.post_ops.push_back({PostOp::Kind::eltwise, *node.as<EltwiseOp>()});
      rewriter.absorb(id, node.inputs[0].node);
    } else if (node.as<AddOp>() != nullptr && node.post_ops.empty() && is_float(node)) {
      fuse_sum(rewriter, id, node);
    }
  }
  rewriter.finish();
  return validate(graph);
}

Result<void> optimize(Graph& graph) {
  OCTET_CHECK(validate(graph));
  const NodeId input = graph.input();
  const auto& outputs = graph.nodes[static_cast<std::size_t>(input)].outputs;
  const std::int64_t batch = outputs.empty() || outputs[0].shape.empty() ? 1 : outputs[0].shape[0];
  OCTET_CHECK(remove_dead_nodes(graph));
  OCTET_CHECK(fold_constants(graph));
  OCTET_CHECK(fold_batch_norm(graph));
  OCTET_CHECK(fold_padding(graph));
  OCTET_CHECK(fuse_post_ops(graph));
  OCTET_CHECK(fuse_transposed_flatten(graph));
  return infer_shapes(graph, batch);
}

}  // namespace octet
