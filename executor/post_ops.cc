#include "octet/executor/post_ops.h"

#include <limits>   // std::numeric_limits
#include <utility>  // std::move

#include "octet/executor/int8_weights.h"
#include "octet/executor/kernels/convert.h"
#include "octet/executor/kernels/eltwise.h"
#include "octet/executor/layout.h"

namespace octet {
namespace {

bool can_fuse(const PostOp& op, const Value& dst, const Value* operand, bool own) noexcept {
  if (op.kind == PostOp::Kind::sum) return operand != nullptr && operand->quantized() == dst.quantized();
  const EltwiseKind kind = op.eltwise.kind;
  if (!dst.quantized() && !own) return onednn::has_eltwise(kind);
  if (kind == EltwiseKind::linear) return op.eltwise.alpha == 1;  // adds a constant
  return kind == EltwiseKind::relu || kind == EltwiseKind::leaky_relu || kind == EltwiseKind::clip;
}

onednn::FusedOp in_dst_units(const PostOp& op, const Value& dst, const Value* operand) noexcept {
  onednn::FusedOp fused;
  fused.sum = op.kind == PostOp::Kind::sum;
  if (fused.sum) {
    fused.sum_scale = sum_scale(*operand, dst);
    fused.sum_dtype = operand->dtype;
    return fused;
  }
  fused.eltwise = op.eltwise;
  if (op.eltwise.kind == EltwiseKind::relu) fused.eltwise.alpha = fused.eltwise.beta = 0;
  if (op.eltwise.kind == EltwiseKind::clip && dst.quantized()) {
    fused.eltwise.alpha /= dst.scale;
    fused.eltwise.beta /= dst.scale;
  }
  if (op.eltwise.kind == EltwiseKind::linear && dst.quantized()) fused.eltwise.beta /= dst.scale;
  return fused;
}

bool is_relu(EltwiseKind kind) noexcept { return kind == EltwiseKind::relu || kind == EltwiseKind::leaky_relu; }

/// oneDNN 2.6 gives all post-ops of one algorithm the parameters of one of them.
bool clash(const EltwiseOp& a, const EltwiseOp& b) noexcept {
  const bool same_algorithm = a.kind == b.kind || (is_relu(a.kind) && is_relu(b.kind));
  return same_algorithm && (a.alpha != b.alpha || a.beta != b.beta);
}

/// relu as a clip, which yields the same bits.
void make_clip(EltwiseOp& op) noexcept { op = {EltwiseKind::clip, 0, std::numeric_limits<float>::max()}; }

/// Appends `next` unless that would make it, or an earlier function, wrong.
bool append(std::vector<onednn::FusedOp>& fused, onednn::FusedOp next) {
  for (onednn::FusedOp& earlier : fused) {
    if (next.sum || earlier.sum || !clash(earlier.eltwise, next.eltwise)) continue;
    if (fused.size() > 2) return false;  // a third function might be a clip already
    if (earlier.eltwise.kind == EltwiseKind::relu) {
      make_clip(earlier.eltwise);
    } else if (next.eltwise.kind == EltwiseKind::relu) {
      make_clip(next.eltwise);
    } else {
      return false;
    }
  }
  fused.push_back(next);
  return true;
}

/// The longest run of post-ops from the first on that the primitive can do, and its length.
std::size_t fuse(const Node& node, const Value& dst, const Value* operand, bool own,
                 std::vector<onednn::FusedOp>& fused) {
  fused.clear();
  std::size_t count = 0;
  for (const PostOp& op : node.post_ops) {
    if (!can_fuse(op, dst, operand, own)) break;
    const bool relu = op.kind == PostOp::Kind::eltwise && op.eltwise.kind == EltwiseKind::relu;
    const bool done_by_type = relu && dst.dtype == DType::u8 && count + 1 == node.post_ops.size();
    if (!done_by_type && !append(fused, in_dst_units(op, dst, operand))) break;
    ++count;
  }
  return count;
}

}  // namespace

PostOpSplit split_post_ops(const Node& node, bool integer, const Value* operand, bool own) {
  PostOpSplit split;
  split.primitive_dst = node.outputs[0];
  const bool direct = integer || !split.primitive_dst.quantized();
  std::size_t count = direct ? fuse(node, split.primitive_dst, operand, own, split.fused) : 0;
  if (!direct || count < node.post_ops.size()) {
    split.primitive_dst.dtype = DType::f32;
    split.primitive_dst.scale = 0;
    count = fuse(node, split.primitive_dst, operand, own, split.fused);
  }
  const auto first = node.post_ops.begin() + static_cast<std::ptrdiff_t>(count);
  split.rest.assign(first, node.post_ops.end());
  for (const onednn::FusedOp& op : split.fused) split.sum_in_primitive |= op.sum;
  return split;
}

TailFunction make_tail(const PostOpSplit& split, const Value& dst, const Value* operand) {
  const kernels::Element to = element_of(dst);
  const std::size_t count = bytes_of(dst) / size_of(dst.dtype);
  std::vector<EltwiseOp> before, after;
  bool sum = false;
  for (const PostOp& op : split.rest) {
    if (op.kind == PostOp::Kind::sum) {
      sum = true;
    } else {
      (sum ? after : before).push_back(op.eltwise);
    }
  }
  const kernels::Element with = sum ? element_of(*operand) : kernels::Element{};
  return [=](float* work, const void* summand, void* out) {
    for (const EltwiseOp& op : before) kernels::eltwise(op, count, work, work);
    if (sum) {
      kernels::add(count, work, {}, summand, with, after, out, to);
    } else if (work != out) {
      kernels::convert(count, work, {}, out, to);
    }
  };
}

}  // namespace octet
