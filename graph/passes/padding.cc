#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

/// Zeros around height and width, as a convolution's own padding.
bool is_window_padding(const PadOp& op) {
  return op.mode == PadMode::constant && op.value == 0 && op.before.size() == 4 && op.after.size() == 4 &&
         op.before[0] == 0 && op.before[1] == 0 && op.after[0] == 0 && op.after[1] == 0;
}

}  // namespace

Result<void> fold_padding(Graph& graph) {
  OCTET_CHECK(validate(graph));
  Rewriter rewriter(graph);
  for (NodeId id = 0; id < rewriter.size(); ++id) {
    Node& node = rewriter.visit(id);
    auto* convolution = node.as<ConvolutionOp>();
    if (convolution == nullptr) continue;
    const ValueRef source = node.inputs[0];
    const Node& pad = rewriter.producer(source);
    const auto* op = pad.as<PadOp>();
    if (op == nullptr || !is_window_padding(*op) || !is_float(pad)) continue;
    convolution->pad.top += op->before[2];
    convolution->pad.left += op->before[3];
    convolution->pad.bottom += op->after[2];
    convolution->pad.right += op->after[3];
    node.fused.push_back(pad.name);
    node.fused.insert(node.fused.end(), pad.fused.begin(), pad.fused.end());
    rewriter.rewire(id, 0, pad.inputs[0]);
    if (rewriter.uses(source.node) == 0) rewriter.remove(source.node);
  }
  rewriter.finish();
  return validate(graph);
}

}  // namespace octet
