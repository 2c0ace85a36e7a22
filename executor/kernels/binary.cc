#include "octet/executor/kernels/binary.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/binary.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

/// The innermost axis; a side of stride 0 is one number.
template <class Function>
HWY_INLINE void row(std::size_t count, const float* left, bool left_repeats, const float* right, bool right_repeats,
                    float* dst, const Function& function) {
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    const auto a = left_repeats ? hn::Set(d, *left) : hn::LoadU(d, left + i);
    const auto b = right_repeats ? hn::Set(d, *right) : hn::LoadU(d, right + i);
    hn::StoreU(function(a, b), d, dst + i);
  });
}

template <class Function>
void walk(const BroadcastView& view, const float* left, const float* right, float* dst, const Function& function) {
  const std::size_t inner = view.rank - 1;
  const auto count = static_cast<std::size_t>(view.sizes[inner]);
  std::array<std::int64_t, max_rank> index{};
  while (true) {
    row(count, left, view.left_strides[inner] == 0, right, view.right_strides[inner] == 0, dst, function);
    dst += count;
    std::size_t axis = inner;
    while (axis-- > 0) {
      left += view.left_strides[axis];
      right += view.right_strides[axis];
      if (++index[axis] < view.sizes[axis]) break;
      left -= view.left_strides[axis] * view.sizes[axis];
      right -= view.right_strides[axis] * view.sizes[axis];
      index[axis] = 0;
    }
    if (axis > inner) return;  // wrapped around below 0
  }
}

void where_f32(std::size_t count, const float* condition, const float* x, const float* y, float* dst) {
  for_each_vector(count, [=](auto d, std::size_t i) HWY_ATTR {
    const auto is_zero = hn::Eq(hn::LoadU(d, condition + i), hn::Zero(d));
    hn::StoreU(hn::IfThenElse(is_zero, hn::LoadU(d, y + i), hn::LoadU(d, x + i)), d, dst + i);
  });
}

void binary_f32(BinaryKind kind, const BroadcastView& view, const float* left, const float* right, float* dst) {
  switch (kind) {
    case BinaryKind::add: return walk(view, left, right, dst, [](auto a, auto b) HWY_ATTR { return hn::Add(a, b); });
    case BinaryKind::sub: return walk(view, left, right, dst, [](auto a, auto b) HWY_ATTR { return hn::Sub(a, b); });
    case BinaryKind::mul: return walk(view, left, right, dst, [](auto a, auto b) HWY_ATTR { return hn::Mul(a, b); });
    case BinaryKind::div: return walk(view, left, right, dst, [](auto a, auto b) HWY_ATTR { return hn::Div(a, b); });
    case BinaryKind::maximum:
      return walk(view, left, right, dst, [](auto a, auto b) HWY_ATTR { return hn::IfThenElse(hn::Gt(a, b), a, b); });
    case BinaryKind::minimum:
      return walk(view, left, right, dst, [](auto a, auto b) HWY_ATTR { return hn::IfThenElse(hn::Lt(a, b), a, b); });
  }
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(binary_f32);
HWY_EXPORT(where_f32);

BroadcastView broadcast_view(std::span<const std::int64_t> left, std::span<const std::int64_t> right,
                             Order order) noexcept {
  static constexpr std::array<std::size_t, 4> kNhwc{0, 2, 3, 1};
  BroadcastView view;
  std::int64_t left_step = 1, right_step = 1;
  // From the innermost axis outwards, so that strides are known; turned round at the end.
  for (std::size_t k = left.size(); k-- > 0;) {
    const std::size_t axis = order == Order::nhwc ? kNhwc[k] : k;
    const std::int64_t size = std::max(left[axis], right[axis]);
    const std::int64_t left_stride = left[axis] == 1 ? 0 : left_step, right_stride = right[axis] == 1 ? 0 : right_step;
    left_step *= left[axis];
    right_step *= right[axis];
    if (size == 1) continue;
    const std::size_t last = view.rank - 1;
    if (view.rank > 0 && (view.left_strides[last] == 0) == (left_stride == 0) &&
        (view.right_strides[last] == 0) == (right_stride == 0)) {
      view.sizes[last] *= size;
      continue;
    }
    view.sizes[view.rank] = size;
    view.left_strides[view.rank] = left_stride;
    view.right_strides[view.rank] = right_stride;
    ++view.rank;
  }
  if (view.rank == 0) view.sizes[view.rank++] = 1;
  const auto turn = [&](auto& array) { std::reverse(array.begin(), array.begin() + view.rank); };
  turn(view.sizes);
  turn(view.left_strides);
  turn(view.right_strides);
  return view;
}

void where(std::size_t count, const float* condition, const float* x, const float* y, float* dst) noexcept {
  HWY_DYNAMIC_DISPATCH(where_f32)(count, condition, x, y, dst);
}

void binary(BinaryKind kind, const BroadcastView& view, const float* left, const float* right, float* dst) noexcept {
  HWY_DYNAMIC_DISPATCH(binary_f32)(kind, view, left, right, dst);
}

}  // namespace octet::kernels
#endif
