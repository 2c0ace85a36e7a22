#include "octet/executor/kernels/pooling.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "octet/executor/kernels/convert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/pooling.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

#ifndef OCTET_EXECUTOR_KERNELS_POOLING_CC_
#define OCTET_EXECUTOR_KERNELS_POOLING_CC_
namespace octet::kernels {

/// One axis of a window: first element and number of elements inside, and extent for the divisor.
struct Extent {
  std::int64_t first, inside, counted;
};

inline Extent extent(std::int64_t position, std::int64_t size, std::int64_t kernel, std::int64_t stride,
                     std::int64_t pad, bool include_pad) noexcept {
  const std::int64_t start = position * stride - pad;
  const std::int64_t first = std::max<std::int64_t>(start, 0);
  const std::int64_t inside = std::min(start + kernel, size) - first;
  return {first, inside, include_pad ? std::min(start + kernel, size + pad) - start : inside};
}

/// The elements of one window that lie inside the picture: the first one, and steps in elements.
template <class T>
struct Window {
  const T* first;
  std::int64_t rows, cols;
  std::size_t row_step, col_step;
  double divisor;  ///< of avg; 1 otherwise
};

/// Sums of 8-bit numbers over windows up to these sizes fit 16 and 32 bits.
constexpr std::int64_t kShortWindow = 256;
constexpr std::int64_t kWideWindow = std::int64_t{1} << 23;

}  // namespace octet::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

/// Calls body(tag, c) for c in [0, count), the tag's type being T: full vectors, then 16 elements,
/// then one at a time.
template <class T, class Body>
HWY_INLINE void for_each_wide(std::size_t count, const Body& body) {
  const hn::ScalableTag<T> d;
  std::size_t c = 0;
  for (; c + hn::Lanes(d) <= count; c += hn::Lanes(d)) body(d, c);
  if (hn::Lanes(d) > 16) {
    for (; c + 16 <= count; c += 16) body(hn::CappedTag<T, 16>(), c);
  }
  for (; c < count; ++c) body(hn::CappedTag<T, 1>(), c);
}

/// Calls body(pixel) for the window's pixels in row-major order.
template <class T, class Body>
HWY_INLINE void for_each_pixel(const Window<T>& window, const Body& body) {
  const T* row = window.first;
  for (std::int64_t y = 0; y < window.rows; ++y, row += window.row_step) {
    const T* pixel = row;
    for (std::int64_t x = 0; x < window.cols; ++x, pixel += window.col_step) body(pixel);
  }
}

/// Maximum of channel c and its neighbours.
template <class T, class D>
HWY_INLINE hn::Vec<D> largest(D d, const Window<T>& window, std::size_t c) {
  auto best = hn::LoadU(d, window.first + c);
  for_each_pixel(window, [&](const T* pixel) HWY_ATTR {
    const auto next = hn::LoadU(d, pixel + c);
    if constexpr (std::is_same_v<T, float>) {
      best = hn::IfThenElse(hn::Lt(best, next), next, best);
    } else {
      best = hn::Max(best, next);
    }
  });
  return best;
}

template <class T>
void max_window(const Window<T>& window, std::size_t channels, Element src_type, void* dst, Element dst_type) {
  if (src_type.same_as(dst_type)) {
    auto* to = static_cast<T*>(dst);
    return for_each_wide<T>(channels,
                            [&](auto d, std::size_t c) HWY_ATTR { hn::StoreU(largest(d, window, c), d, to + c); });
  }
  T best[64];
  for (std::size_t c = 0; c < channels; c += 64) {
    const std::size_t n = std::min<std::size_t>(64, channels - c);
    const Window<T> part{window.first + c, window.rows, window.cols, window.row_step, window.col_step, 1};
    for_each_wide<T>(n, [&](auto d, std::size_t k) HWY_ATTR { hn::StoreU(largest(d, part, k), d, best + k); });
    convert(n, best, src_type, static_cast<std::byte*>(dst) + c * dst_type.bytes(), dst_type);
  }
}

/// Sums of float windows over their divisor.
void sum_window(const Window<float>& window, std::size_t channels, float* dst) {
  const auto divisor = static_cast<float>(window.divisor);
  for_each_vector(channels, [&](auto d, std::size_t c) HWY_ATTR {
    auto sum = hn::Zero(d);
    for_each_pixel(window, [&](const float* pixel) HWY_ATTR { sum = hn::Add(sum, hn::LoadU(d, pixel + c)); });
    hn::StoreU(hn::Div(sum, hn::Set(d, divisor)), d, dst + c);
  });
}

#if HWY_TARGET != HWY_SCALAR
/// Whole vectors of 16-bit sums; returns how many channels that are.
template <class T, class Dst>
std::size_t sum_short_window(const Window<T>& window, std::size_t channels, float factor, Dst* dst) {
  using Sum = std::conditional_t<std::is_signed_v<T>, std::int16_t, std::uint16_t>;
  const hn::ScalableTag<Sum> d16;
  const hn::Rebind<T, decltype(d16)> narrow;
  const hn::Repartition<float, decltype(d16)> d;
  const hn::RebindToSigned<decltype(d)> wide;
  const auto scale = hn::Set(d, factor);
  std::size_t c = 0;
  for (; c + hn::Lanes(d16) <= channels; c += hn::Lanes(d16)) {
    auto sum = hn::Zero(d16);
    for_each_pixel(
        window, [&](const T* pixel) HWY_ATTR { sum = hn::Add(sum, hn::PromoteTo(d16, hn::LoadU(narrow, pixel + c))); });
    const auto low = hn::PromoteTo(wide, hn::LowerHalf(sum));
    const auto high = hn::PromoteTo(wide, hn::UpperHalf(hn::Half<decltype(d16)>(), sum));
    store_steps(d, hn::Mul(hn::ConvertTo(d, low), scale), dst + c);
    store_steps(d, hn::Mul(hn::ConvertTo(d, high), scale), dst + c + hn::Lanes(d));
  }
  return c;
}
#endif

template <class T, class Dst>
void sum_window(const Window<T>& whole, std::size_t channels, float factor, Dst* dst) {
  Window<T> window = whole;
#if HWY_TARGET != HWY_SCALAR
  if (window.rows * window.cols <= kShortWindow) {
    const std::size_t done = sum_short_window(window, channels, factor, dst);
    window.first += done;
    dst += done;
    channels -= done;
  }
#endif
  if (window.rows * window.cols > kWideWindow) {
    for (std::size_t c = 0; c < channels; ++c) {
      std::int64_t sum = 0;
      for_each_pixel(window, [&](const T* pixel) { sum += pixel[c]; });
      const hn::CappedTag<float, 1> d;
      store_steps(d, hn::Set(d, static_cast<float>(sum) * factor), dst + c);
    }
    return;
  }
  for_each_vector(channels, [&](auto d, std::size_t c) HWY_ATTR {
    const hn::RebindToSigned<decltype(d)> wide;
    const hn::Rebind<T, decltype(d)> narrow;
    auto sum = hn::Zero(wide);
    for_each_pixel(window, [&](const T* pixel)
                               HWY_ATTR { sum = hn::Add(sum, hn::PromoteTo(wide, hn::LoadU(narrow, pixel + c))); });
    store_steps(d, hn::Mul(hn::ConvertTo(d, sum), hn::Set(d, factor)), dst + c);
  });
}

template <class T>
void pool_window(PoolKind kind, const Window<T>& window, std::size_t channels, Element src_type, void* dst,
                 Element dst_type) {
  if (window.rows <= 0 || window.cols <= 0) {
    std::memset(dst, 0, channels * dst_type.bytes());
  } else if (kind == PoolKind::max) {
    max_window(window, channels, src_type, dst, dst_type);
  } else if constexpr (std::is_same_v<T, float>) {
    sum_window(window, channels, static_cast<float*>(dst));
  } else {
    const double dst_scale = dst_type.quantized() ? dst_type.scale : 1.0;
    const auto factor = static_cast<float>(src_type.scale / (dst_scale * window.divisor));
    if (dst_type.dtype == DType::u8) return sum_window(window, channels, factor, static_cast<std::uint8_t*>(dst));
    if (dst_type.dtype == DType::s8) return sum_window(window, channels, factor, static_cast<std::int8_t*>(dst));
    sum_window(window, channels, factor, static_cast<float*>(dst));
  }
}

template <class T>
void pool_image(const PoolingOp& op, const PoolingShape& shape, const void* src, Element src_type, void* dst,
                Element dst_type) {
  const auto* picture = static_cast<const T*>(src);
  auto* to = static_cast<std::byte*>(dst);
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t col_step = shape.src_step != 0 ? static_cast<std::size_t>(shape.src_step) : channels;
  const std::size_t row_step = static_cast<std::size_t>(shape.width) * col_step;
  const std::size_t dst_step = (shape.dst_step != 0 ? static_cast<std::size_t>(shape.dst_step) : channels);
  for (std::int64_t y = 0; y < shape.out_height; ++y) {
    const Extent rows = op.global
                            ? Extent{0, shape.height, shape.height}
                            : extent(y, shape.height, op.kernel[0], op.stride[0], op.pad[0], op.count_include_pad);
    for (std::int64_t x = 0; x < shape.out_width; ++x, to += dst_step * dst_type.bytes()) {
      const Extent cols = op.global
                              ? Extent{0, shape.width, shape.width}
                              : extent(x, shape.width, op.kernel[1], op.stride[1], op.pad[1], op.count_include_pad);
      const double divisor =
          op.kind == PoolKind::avg ? static_cast<double>(rows.counted) * static_cast<double>(cols.counted) : 1.0;
      const bool empty = rows.inside <= 0 || cols.inside <= 0;
      const T* first = empty ? picture
                             : picture + static_cast<std::size_t>(rows.first) * row_step +
                                   static_cast<std::size_t>(cols.first) * col_step;
      const Window<T> window{first, rows.inside, cols.inside, row_step, col_step, divisor};
      pool_window(op.kind, window, channels, src_type, to, dst_type);
    }
  }
}

void pool_one(const PoolingOp& op, const PoolingShape& shape, const void* src, Element src_type, void* dst,
              Element dst_type) {
  if (src_type.dtype == DType::u8) return pool_image<std::uint8_t>(op, shape, src, src_type, dst, dst_type);
  if (src_type.dtype == DType::s8) return pool_image<std::int8_t>(op, shape, src, src_type, dst, dst_type);
  pool_image<float>(op, shape, src, src_type, dst, dst_type);
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(pool_one);

std::int64_t pooled_size(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         PoolConvention convention) noexcept {
  const std::int64_t room = size + 2 * pad - kernel;
  if (room < 0 || stride < 1) return 0;
  return (convention == PoolConvention::full ? (room + stride - 1) / stride : room / stride) + 1;
}

void pooling(const PoolingOp& op, const PoolingShape& shape, const void* src, Element src_type, void* dst,
             Element dst_type) noexcept {
  const std::int64_t src_step = shape.src_step != 0 ? shape.src_step : shape.channels;
  const std::int64_t dst_step = shape.dst_step != 0 ? shape.dst_step : shape.channels;
  const auto picture_bytes = static_cast<std::size_t>(shape.height * shape.width * src_step) * src_type.bytes();
  const auto result_bytes = static_cast<std::size_t>(shape.out_height * shape.out_width * dst_step) * dst_type.bytes();
  for (std::int64_t n = 0; n < shape.images; ++n) {
    const auto image = static_cast<std::size_t>(n);
    HWY_DYNAMIC_DISPATCH(pool_one)
    (op, shape, static_cast<const std::byte*>(src) + image * picture_bytes, src_type,
     static_cast<std::byte*>(dst) + image * result_bytes, dst_type);
  }
}

}  // namespace octet::kernels
#endif
