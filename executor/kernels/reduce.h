// Sums, means and extrema along axes.
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// Sizes in memory order, and which axes are reduced.
struct ReduceView {
  std::size_t rank = 0;
  std::array<std::int64_t, max_rank> sizes{};
  std::array<bool, max_rank> reduced{};
};

ReduceView reduce_view(std::span<const std::int64_t> shape, std::span<const char> reduced, Order order) noexcept;

/// dst holds the axes that stay, in the source's memory order. Elements are taken in memory order; runs
/// along a reduced innermost axis are summed in double, everything else in float; the mean divides the
/// float sum. NaN does not win a max or min.
void reduce(ReduceKind kind, const ReduceView& view, const float* src, float* dst) noexcept;

}  // namespace octet::kernels
