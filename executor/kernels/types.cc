#include "octet/executor/kernels/types.h"

namespace octet::kernels {

AxisView axis_view(std::span<const std::int64_t> shape, std::size_t axis, Order order) noexcept {
  constexpr std::array<std::size_t, 4> nhwc{0, 2, 3, 1};
  AxisView view;
  bool passed = false;
  for (std::size_t k = 0; k < shape.size(); ++k) {
    const std::size_t described = order == Order::nhwc ? nhwc[k] : k;
    if (described == axis) {
      view.axis = shape[described];
      passed = true;
    } else {
      (passed ? view.inner : view.outer) *= shape[described];
    }
  }
  return view;
}

}  // namespace octet::kernels
