// L2 normalisation.
#pragma once

#include <span>  // std::span

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// A value as L2 normalisation sees it: sums of squares run over `view.axis`; element (o, a, i) belongs to channel
/// (its index in memory / channel_inner) % channels.
struct L2View {
  AxisView view;
  std::int64_t channels = 1, channel_inner = 1;
};

/// View of a value of `shape` (NCHW order, at least two axes) that lies in memory as `order`.
L2View l2_view(const L2NormalizationOp& op, std::span<const std::int64_t> shape, Order order) noexcept;

/// y = x * r * scale[c] with r = 1 / sqrt(sum of x^2 + eps); `scale` may be null (ones). Quantised sources:
/// x = stored * src.scale, and the sum of the stored squares is exact. r is computed in double and rounded once
/// (together with src.scale), products are in float, from left to right; the result is stored as `convert` does. Float
/// sums have a fixed order. f32 `src` may equal f32 `dst`. A sum of 0 with eps 0 yields 0.
void l2_normalization(const L2NormalizationOp& op, const L2View& view, const float* scale, const void* src,
                      Element src_type, void* dst, Element dst_type) noexcept;

}  // namespace octet::kernels
