// Cutting parts out of values.
#pragma once

#include <span>  // std::span

#include "octet/executor/kernels/types.h"

namespace octet::kernels {

/// What is taken of one axis: `count` elements from `begin` on, `step` apart (may be negative).
struct AxisPart {
  std::int64_t begin = 0, step = 1, count = 1;
};

/// dst[i, j, ...] = src[begin + i * step, ...]; `shape` (of the source) and `parts` are in the graph's (NCHW)
/// order, one part per axis and inside it; both sides lie in the same `order`. `element_bytes` is 1 or 4.
void slice(std::span<const std::int64_t> shape, std::span<const AxisPart> parts, Order order, std::size_t element_bytes,
           const void* src, void* dst) noexcept;

}  // namespace octet::kernels
