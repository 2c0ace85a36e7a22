// Steps of detection networks that octet's own kernels compute: slices, normalisation and boxes.
#include <utility>  // std::move
#include <vector>   // std::vector

#include "octet/executor/kernel.h"
#include "octet/executor/kernels/box_nms.h"
#include "octet/executor/kernels/l2_normalization.h"
#include "octet/executor/kernels/multibox.h"
#include "octet/executor/kernels/slice.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

/// Boxes and their scores are computed in f32.
Result<void> need_floats(const StepBuilder& b, NodeId id) {
  const Node& node = b.node(id);
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    if (b.input(id, k).quantized()) return unsupported(node, "needs f32 inputs");
  }
  if (b.output(id).quantized()) return unsupported(node, "yields f32 only");
  return {};
}

Result<Kernel> slice_kernel(const StepBuilder& b, NodeId id, const SliceOp& op) {
  const Value &src = b.input(id, 0), &dst = b.output(id);
  if (!element_of(src).same_as(element_of(dst))) return unsupported(b.node(id), "cannot change how values are stored");
  OCTET_TRY(const auto cuts, slice_cuts(op, src.shape));
  std::vector<kernels::AxisPart> parts;
  for (const AxisCut& cut : cuts) parts.push_back({cut.begin, cut.step, cut.count});
  return Kernel{"octet:slice",
                [shape = src.shape, parts = std::move(parts), order = order_of(src.shape), bytes = size_of(src.dtype)](
                    auto in, void* out, void*) { kernels::slice(shape, parts, order, bytes, in[0], out); }};
}

Result<Kernel> l2_normalization_kernel(const StepBuilder& b, NodeId id, const L2NormalizationOp& op) {
  const Value &src = b.input(id, 0), &dst = b.output(id);
  const kernels::L2View view = kernels::l2_view(op, src.shape, order_of(src.shape));
  std::vector<float> scale;
  if (!b.node(id).params.empty()) {
    const auto values = b.node(id).params[0].value.as<float>();
    if (values.size() != static_cast<std::size_t>(view.channels)) {
      return unsupported(b.node(id), "needs one f32 scale per channel");
    }
    scale.assign(values.begin(), values.end());
  }
  return Kernel{"octet:l2_normalization",
                [=, scale = std::move(scale), from = element_of(src), to = element_of(dst)](auto in, void* out, void*) {
                  kernels::l2_normalization(op, view, scale.empty() ? nullptr : scale.data(), in[0], from, out, to);
                }};
}

Result<Kernel> multibox_kernel(const StepBuilder& b, NodeId id, const MultiBoxDetectionOp& op) {
  OCTET_CHECK(need_floats(b, id));
  const Shape& scores = b.input(id, 0).shape;
  const kernels::MultiBoxShape shape{scores[0], scores[1], scores[2]};
  return Kernel{"octet:multibox_detection",
                [=](auto in, void* out, void* temporary) {
                  const auto at = [&](std::size_t k) { return static_cast<const float*>(in[k]); };
                  kernels::multibox_detection(op, shape, at(0), at(1), at(2), static_cast<float*>(out), temporary);
                },
                kernels::multibox_detection_scratch_bytes(shape)};
}

Result<Kernel> box_nms_kernel(const StepBuilder& b, NodeId id, const BoxNmsOp& op) {
  OCTET_CHECK(need_floats(b, id));
  const Shape& x = b.input(id, 0).shape;
  if (x.size() < 2 || order_of(x) != kernels::Order::row_major) {
    return unsupported(b.node(id), "needs rows of boxes of two, three or more than four axes");
  }
  kernels::BoxNmsShape shape{1, x[x.size() - 2], x.back()};
  for (std::size_t k = 0; k + 2 < x.size(); ++k) shape.images *= x[k];
  return Kernel{"octet:box_nms",
                [=](auto in, void* out, void* temporary) {
                  kernels::box_nms(op, shape, static_cast<const float*>(in[0]), static_cast<float*>(out), temporary);
                },
                kernels::box_nms_scratch_bytes(shape)};
}

Result<Kernel> box_detection_kernel(const StepBuilder& b, NodeId id, const BoxDetectionOp& op) {
  OCTET_CHECK(need_floats(b, id));
  const Shape& scores = b.input(id, 0).shape;
  const kernels::BoxDetectionShape shape{scores[0], scores[1], scores[2]};
  return Kernel{"octet:box_detection",
                [=](auto in, void* out, void* temporary) {
                  const auto at = [&](std::size_t k) { return static_cast<const float*>(in[k]); };
                  kernels::box_detection(op, shape, at(0), at(1), at(2), static_cast<float*>(out), temporary);
                },
                kernels::box_detection_scratch_bytes(op, shape)};
}

}  // namespace

Result<Kernel> make_detection_kernel(const StepBuilder& b, NodeId id) {
  const Node& node = b.node(id);
  if (const auto* slice = node.as<SliceOp>()) return slice_kernel(b, id, *slice);
  if (const auto* l2 = node.as<L2NormalizationOp>()) return l2_normalization_kernel(b, id, *l2);
  if (const auto* multibox = node.as<MultiBoxDetectionOp>()) return multibox_kernel(b, id, *multibox);
  if (const auto* nms = node.as<BoxNmsOp>()) return box_nms_kernel(b, id, *nms);
  if (const auto* detection = node.as<BoxDetectionOp>()) return box_detection_kernel(b, id, *detection);
  return unsupported(node, "has no implementation");
}

}  // namespace octet
