// Transposition of any rank up to max_rank, also between memory orders; padding.
#pragma once

#include <span>

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// dst.shape[k] = shape[axes[k]], as numpy.transpose; `shape` and `axes` are in the graph's (NCHW)
/// order, `axes` is a permutation (not empty). The orders say how either side lies in memory
/// (Order::nhwc for rank 4 only). With the identity permutation this is a plain change of memory
/// order: axes 0, 1, 2, 3 from nhwc to row_major is NHWC -> NCHW, what Flatten and Reshape of an
/// image value need. `element_bytes` is 1 or 4. Where nothing moves it is one memcpy.
void transpose(std::span<const std::int64_t> shape, std::span<const std::int64_t> axes, std::size_t element_bytes,
               const void* src, Order src_order, void* dst, Order dst_order) noexcept;

/// True when `transpose` with these arguments copies the bytes unchanged: the caller may alias.
bool transpose_is_copy(std::span<const std::int64_t> shape, std::span<const std::int64_t> axes, Order src_order,
                       Order dst_order) noexcept;

/// Pads every axis by op.before[k] and op.after[k] (>= 0, NCHW order, one per axis; rank <= max_rank).
/// constant: op.value, stored as `type` stores it; edge: the nearest element; reflect: mirrored
/// without repeating the edge (before, after < size of the axis). Source and destination lie in the
/// same `order`.
void pad(const PadOp& op, std::span<const std::int64_t> shape, Order order, const void* src, void* dst,
         Element type) noexcept;

}  // namespace octet::kernels
