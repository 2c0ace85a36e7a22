#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

bool to_channels_last(const Node& node) {
  const auto* op = node.as<TransposeOp>();
  return op != nullptr && op->axes == std::vector<std::int64_t>{0, 2, 3, 1} && is_float(node);
}

}  // namespace

Result<void> fuse_transposed_flatten(Graph& graph) {
  OCTET_CHECK(validate(graph));
  Rewriter rewriter(graph);
  for (NodeId id = 0; id < rewriter.size(); ++id) {
    Node& node = rewriter.visit(id);
    auto* flatten = node.as<FlattenOp>();
    if (flatten == nullptr || flatten->channels_last || !is_float(node)) continue;
    const ValueRef source = node.inputs[0];
    const Node& transpose = rewriter.producer(source);
    if (!to_channels_last(transpose)) continue;
    flatten->channels_last = true;
    node.fused.push_back(transpose.name);
    node.fused.insert(node.fused.end(), transpose.fused.begin(), transpose.fused.end());
    rewriter.rewire(id, 0, transpose.inputs[0]);
    if (rewriter.uses(source.node) == 0) rewriter.remove(source.node);
  }
  rewriter.finish();
  return validate(graph);
}

}  // namespace octet
