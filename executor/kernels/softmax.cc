#include "octet/executor/kernels/softmax.h"

#include <algorithm>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/softmax.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

/// dst = exp((src - max) / temperature), element by element; `max` has one entry per element or is
/// one for all (max_step 1 or 0).
HWY_INLINE void exponentials(std::size_t count, const float* src, const float* max, std::size_t max_step,
                             float temperature, float* dst) {
  for_each_vector(count, [=](auto d, std::size_t i) HWY_ATTR {
    const auto top = max_step == 0 ? hn::Set(d, *max) : hn::LoadU(d, max + i);
    const auto x = hn::Div(hn::Sub(hn::LoadU(d, src + i), top), hn::Set(d, temperature));
    hn::StoreU(exp(d, x), d, dst + i);
  });
}

/// One contiguous row. The sum has 16 partial sums, whatever the vector length, so that it is the
/// same for every target.
void softmax_row(std::size_t count, float temperature, const float* src, float* dst) {
  constexpr std::size_t lanes = 16;
  float max = src[0];
  for (std::size_t i = 1; i < count; ++i) max = max < src[i] ? src[i] : max;
  exponentials(count, src, &max, 0, temperature, dst);
  float partial[lanes] = {};
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) {
    for (std::size_t l = 0; l < lanes; ++l) partial[l] += dst[i + l];
  }
  for (std::size_t l = 0; i < count; ++i, ++l) partial[l] += dst[i];
  for (std::size_t width = lanes / 2; width > 0; width /= 2) {
    for (std::size_t l = 0; l < width; ++l) partial[l] += partial[l + width];
  }
  const float sum = partial[0];
  for (std::size_t k = 0; k < count; ++k) dst[k] /= sum;
}

/// `width` neighbouring columns of a matrix with `count` rows that are `step` apart.
void softmax_columns(std::size_t count, std::size_t step, std::size_t width, float temperature, const float* src,
                     float* dst) {
  constexpr std::size_t block = 256;
  float max[block];
  float sum[block];
  for (std::size_t first = 0; first < width; first += block, src += block, dst += block) {
    const std::size_t n = std::min(block, width - first);
    for (std::size_t i = 0; i < n; ++i) max[i] = src[i];
    for (std::size_t a = 1; a < count; ++a) {
      const float* row = src + a * step;
      for (std::size_t i = 0; i < n; ++i) max[i] = max[i] < row[i] ? row[i] : max[i];
    }
    for (std::size_t i = 0; i < n; ++i) sum[i] = 0;
    for (std::size_t a = 0; a < count; ++a) {
      float* row = dst + a * step;
      exponentials(n, src + a * step, max, 1, temperature, row);
      for (std::size_t i = 0; i < n; ++i) sum[i] += row[i];
    }
    for (std::size_t a = 0; a < count; ++a) {
      float* row = dst + a * step;
      for (std::size_t i = 0; i < n; ++i) row[i] /= sum[i];
    }
  }
}

void softmax_all(const AxisView& view, float temperature, const float* src, float* dst) {
  const auto count = static_cast<std::size_t>(view.axis);
  const auto inner = static_cast<std::size_t>(view.inner);
  for (std::int64_t o = 0; o < view.outer; ++o, src += count * inner, dst += count * inner) {
    if (inner == 1) {
      softmax_row(count, temperature, src, dst);
    } else {
      softmax_columns(count, inner, inner, temperature, src, dst);
    }
  }
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(softmax_all);

AxisView softmax_view(const SoftmaxOp& op, std::span<const std::int64_t> shape, Order order) noexcept {
  if (op.per_sample) {
    AxisView view;
    if (!shape.empty()) view.outer = shape[0];
    for (std::size_t k = 1; k < shape.size(); ++k) view.axis *= shape[k];
    return view;
  }
  const auto rank = static_cast<std::int64_t>(shape.size());
  return axis_view(shape, static_cast<std::size_t>(op.axis < 0 ? op.axis + rank : op.axis), order);
}

void softmax(const AxisView& view, float temperature, const float* src, float* dst) noexcept {
  if (view.outer < 1 || view.axis < 1 || view.inner < 1) return;
  HWY_DYNAMIC_DISPATCH(softmax_all)(view, temperature, src, dst);
}

}  // namespace octet::kernels
#endif
