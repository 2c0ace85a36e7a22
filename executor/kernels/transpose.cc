#include "octet/executor/kernels/transpose.h"

#include <algorithm>
#include <cstring>

namespace octet::kernels {

namespace {

/// One axis of a copy: how many steps, and how far a step goes on either side, in elements.
struct Loop {
  std::int64_t size, src_step, dst_step;
};

struct Loops {
  std::array<Loop, max_rank> loop{};
  std::size_t rank = 0;
};

/// The k-th axis from the outermost in memory of a value described in the graph's order.
std::size_t described_axis(std::size_t k, Order order) {
  constexpr std::array<std::size_t, 4> nhwc{0, 2, 3, 1};
  return order == Order::nhwc ? nhwc[k] : k;
}

/// Steps in elements of each described axis.
std::array<std::int64_t, max_rank> steps_of(std::span<const std::int64_t> shape, Order order) {
  std::array<std::int64_t, max_rank> steps{};
  std::int64_t step = 1;
  for (std::size_t k = shape.size(); k-- > 0;) {
    const std::size_t axis = described_axis(k, order);
    steps[axis] = step;
    step *= shape[axis];
  }
  return steps;
}

/// The loops of a transposition in the destination's memory order, without axes of size 1, and with
/// axes merged that are neighbours on both sides. No loop at all means a single element.
Loops plan_loops(std::span<const std::int64_t> shape, std::span<const std::int64_t> axes, Order src_order,
                 Order dst_order) {
  std::array<std::int64_t, max_rank> dst_sizes{};
  for (std::size_t k = 0; k < shape.size(); ++k) dst_sizes[k] = shape[static_cast<std::size_t>(axes[k])];
  const auto src_steps = steps_of(shape, src_order);
  const auto dst_steps = steps_of(std::span(dst_sizes.data(), shape.size()), dst_order);
  Loops loops;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const std::size_t axis = described_axis(k, dst_order);
    const Loop next{dst_sizes[axis], src_steps[static_cast<std::size_t>(axes[axis])], dst_steps[axis]};
    if (next.size == 1) continue;
    if (loops.rank > 0 && loops.loop[loops.rank - 1].src_step == next.size * next.src_step) {
      Loop& last = loops.loop[loops.rank - 1];
      last = {last.size * next.size, next.src_step, next.dst_step};
    } else {
      loops.loop[loops.rank++] = next;
    }
  }
  return loops;
}

bool is_copy(const Loops& loops) { return loops.rank == 0 || (loops.rank == 1 && loops.loop[0].src_step == 1); }

/// Copies a matrix of rows x cols; source rows are consecutive elements, destination columns are.
/// Tiles keep both sides in L1.
template <class T>
void transpose_matrix(std::int64_t rows, std::int64_t cols, const T* src, std::int64_t src_step, T* dst,
                      std::int64_t dst_step) {
  constexpr std::int64_t tile = 32;
  for (std::int64_t row = 0; row < rows; row += tile) {
    const std::int64_t row_end = std::min(rows, row + tile);
    for (std::int64_t col = 0; col < cols; col += tile) {
      const std::int64_t col_end = std::min(cols, col + tile);
      for (std::int64_t c = col; c < col_end; ++c) {
        T* to = dst + c * dst_step;
        const T* from = src + c;
        for (std::int64_t r = row; r < row_end; ++r) to[r] = from[r * src_step];
      }
    }
  }
}

template <class T>
void copy_loops(const Loop* loop, std::size_t rank, const T* src, T* dst) {
  if (rank == 1) {
    if (loop->src_step == 1) {
      std::copy_n(src, loop->size, dst);
    } else {
      for (std::int64_t i = 0; i < loop->size; ++i) dst[i] = src[i * loop->src_step];
    }
    return;
  }
  // The destination's innermost loop always has step 1: an outer one that is the source's innermost
  // makes a matrix.
  if (rank == 2 && loop[0].src_step == 1) {
    return transpose_matrix(loop[1].size, loop[0].size, src, loop[1].src_step, dst, loop[0].dst_step);
  }
  for (std::int64_t i = 0; i < loop->size; ++i) {
    copy_loops(loop + 1, rank - 1, src + i * loop->src_step, dst + i * loop->dst_step);
  }
}

template <class T>
void transpose_as(const Loops& loops, const void* src, void* dst) {
  const T* from = static_cast<const T*>(src);
  T* to = static_cast<T*>(dst);
  if (loops.rank == 0) {
    *to = *from;
  } else {
    copy_loops(loops.loop.data(), loops.rank, from, to);
  }
}

}  // namespace

void transpose(std::span<const std::int64_t> shape, std::span<const std::int64_t> axes, std::size_t element_bytes,
               const void* src, Order src_order, void* dst, Order dst_order) noexcept {
  for (const std::int64_t size : shape) {
    if (size == 0) return;
  }
  const Loops loops = plan_loops(shape, axes, src_order, dst_order);
  if (element_bytes == 1) {
    transpose_as<std::uint8_t>(loops, src, dst);
  } else {
    transpose_as<std::uint32_t>(loops, src, dst);
  }
}

bool transpose_is_copy(std::span<const std::int64_t> shape, std::span<const std::int64_t> axes, Order src_order,
                       Order dst_order) noexcept {
  return is_copy(plan_loops(shape, axes, src_order, dst_order));
}

}  // namespace octet::kernels
