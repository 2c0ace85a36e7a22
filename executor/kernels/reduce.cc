#include "octet/executor/kernels/reduce.h"

#include <algorithm>
#include <limits>

namespace octet::kernels {
namespace {

bool sums(ReduceKind kind) noexcept { return kind == ReduceKind::mean || kind == ReduceKind::sum; }

float join(ReduceKind kind, float a, float b) noexcept {
  if (sums(kind)) return a + b;
  if (kind == ReduceKind::max) return b > a ? b : a;
  return b < a ? b : a;
}

float along(ReduceKind kind, const float* src, std::int64_t count) noexcept {
  if (sums(kind)) {
    double sum = 0;
    for (std::int64_t i = 0; i < count; ++i) sum += src[i];
    return static_cast<float>(sum);
  }
  float best = src[0];
  for (std::int64_t i = 1; i < count; ++i) best = join(kind, best, src[i]);
  return best;
}

}  // namespace

ReduceView reduce_view(std::span<const std::int64_t> shape, std::span<const char> reduced, Order order) noexcept {
  static constexpr std::array<std::size_t, 4> kNhwc{0, 2, 3, 1};
  ReduceView view;
  view.rank = shape.size();
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const std::size_t axis = order == Order::nhwc ? kNhwc[k] : k;
    view.sizes[k] = shape[axis];
    view.reduced[k] = reduced[axis] != 0;
  }
  return view;
}

void reduce(ReduceKind kind, const ReduceView& view, const float* src, float* dst) noexcept {
  std::array<std::int64_t, max_rank> strides{}, index{};
  std::int64_t kept = 1, folded = 1;
  for (std::size_t k = view.rank; k-- > 0;) {
    strides[k] = view.reduced[k] ? 0 : kept;
    (view.reduced[k] ? folded : kept) *= view.sizes[k];
  }
  const float none = sums(kind)                ? 0.0F
                     : kind == ReduceKind::max ? -std::numeric_limits<float>::infinity()
                                               : std::numeric_limits<float>::infinity();
  std::fill(dst, dst + kept, none);
  const std::size_t inner = view.rank - 1;
  const std::int64_t count = view.sizes[inner];
  float* at = dst;
  for (bool more = true; more; src += count) {
    if (view.reduced[inner]) {
      *at = join(kind, *at, along(kind, src, count));
    } else {
      for (std::int64_t i = 0; i < count; ++i) at[i] = join(kind, at[i], src[i]);
    }
    more = false;
    for (std::size_t axis = inner; axis-- > 0 && !more;) {
      at += strides[axis];
      more = ++index[axis] < view.sizes[axis];
      if (more) break;
      at -= strides[axis] * view.sizes[axis];
      index[axis] = 0;
    }
  }
  if (kind != ReduceKind::mean) return;
  for (std::int64_t i = 0; i < kept; ++i) dst[i] /= static_cast<float>(folded);
}

}  // namespace octet::kernels
