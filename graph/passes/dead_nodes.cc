#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

/// An identity whose output is stored as its input is: nothing to do at run time.
bool is_no_op(const Node& node, const Node& producer) {
  if (node.as<IdentityOp>() == nullptr) return false;
  if (node.outputs.empty() || producer.outputs.empty()) return true;
  return node.outputs[0].dtype == producer.outputs[0].dtype && node.outputs[0].scale == producer.outputs[0].scale;
}

}  // namespace

Result<void> remove_dead_nodes(Graph& graph) {
  OCTET_CHECK(validate(graph));
  Rewriter rewriter(graph);
  for (NodeId id = 0; id < rewriter.size(); ++id) {
    const Node& node = rewriter.visit(id);
    // The input stays even when an identity renames it: it is no value that a node computes.
    if (!node.inputs.empty() && is_no_op(node, rewriter.producer(node.inputs[0]))) {
      rewriter.bypass(id, node.inputs[0].node);
    }
  }
  rewriter.finish();

  std::vector<char> dead(graph.nodes.size(), 1);
  for (const ValueRef& output : graph.outputs) dead[static_cast<std::size_t>(output.node)] = 0;
  for (std::size_t id = graph.nodes.size(); id-- > 0;) {
    if (graph.nodes[id].as<InputOp>() != nullptr) dead[id] = 0;
    if (dead[id] != 0) continue;
    for (const ValueRef& input : graph.nodes[id].inputs) dead[static_cast<std::size_t>(input.node)] = 0;
  }
  compact(graph, dead);
  return validate(graph);
}

}  // namespace octet
