#include "octet/graph/resolve.h"

#include <utility>

#include "octet/graph/anchors.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

/// The cut from `src` to the smaller `dst`, at the front of every axis. The axis of the images stays whole
/// whatever their number.
SliceOp cut_to(const Shape& src, const Shape& dst) {
  SliceOp op{0, {}, {}, {}};
  for (std::size_t i = 0; i < src.size(); ++i) {
    op.begin.emplace_back();
    op.end.push_back(src[i] == dst[i] ? std::nullopt : std::optional(dst[i]));
    op.step.push_back(1);
  }
  return op;
}

Result<void> resolve(const Graph& graph, Node& node) {
  if (node.as<SliceLikeOp>() != nullptr) {
    node.op = cut_to(graph.value(node.inputs[0]).shape, node.outputs[0].shape);
    node.inputs.resize(1);
  } else if (const auto* split = node.as<SplitOp>()) {
    const Shape& out = node.outputs[0].shape;
    OCTET_TRY(const std::int64_t axis, resolve_axis(split->axis, out.size()));
    const std::int64_t size = out[static_cast<std::size_t>(axis)], begin = split->part * size;
    node.op = SliceOp{axis, {begin}, {begin + size}, {1}};
  } else if (const auto* prior = node.as<MultiBoxPriorOp>()) {
    const Shape& map = graph.value(node.inputs[0]).shape;
    OCTET_TRY(Tensor anchors, multibox_prior(*prior, map[2], map[3]));
    node.op = ConstantOp{std::move(anchors)};
    node.inputs.clear();
  }
  return {};
}

}  // namespace

Result<void> resolve_shapes(Graph& graph) {
  for (Node& node : graph.nodes) {
    if (auto resolved = resolve(graph, node); !resolved) {
      return Error{resolved.error().code, "node '" + node.name + "'", resolved.error().message};
    }
  }
  return {};
}

}  // namespace octet
