// Elementwise functions of two float values with numpy's broadcasting, and the choice between two.
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// How two values of equal rank are walked together, in memory order from the outermost axis to the
/// innermost; neighbouring axes that repeat the same side are one. A stride of 0 repeats.
struct BroadcastView {
  std::size_t rank = 0;  ///< >= 1
  std::array<std::int64_t, max_rank> sizes{}, left_strides{}, right_strides{};
};

/// Shapes in the graph's (NCHW) order, which broadcast to each other.
BroadcastView broadcast_view(std::span<const std::int64_t> left, std::span<const std::int64_t> right,
                             Order order) noexcept;

/// dst[i] = condition[i] != 0 ? x[i] : y[i] (NaN counts as not 0). `dst` may equal any source.
void where(std::size_t count, const float* condition, const float* x, const float* y, float* dst) noexcept;

/// dst = f(left, right), each function one float operation; maximum and minimum yield the right side
/// for NaN. `dst` has the broadcast shape in the same order and overlaps neither side.
void binary(BinaryKind kind, const BroadcastView& view, const float* left, const float* right, float* dst) noexcept;

}  // namespace octet::kernels
