#include "octet/executor/kernels/pooling.h"

#include <algorithm>
#include <cstring>
#include <limits>
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

/// The elements of one window that lie inside the picture, and the divisor of avg.
struct Window {
  std::int64_t top, left, rows, cols;
  double divisor;
};

/// Channels that are pooled together: their partial results stay in registers or L1.
constexpr std::size_t channel_block = 64;

}  // namespace octet::kernels
#endif

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

// Plain loops that the compiler vectorises for each target. `Count` is a constant for full blocks of
// channels (std::integral_constant) and a number for the rest.

template <class T, class Count>
HWY_INLINE void max_block(const T* src, std::int64_t rows, std::int64_t cols, std::size_t row_step,
                          std::size_t col_step, Count count, T* HWY_RESTRICT best) {
  for (std::size_t c = 0; c < count; ++c) best[c] = src[c];
  for (std::int64_t y = 0; y < rows; ++y) {
    const T* pixel = src + static_cast<std::size_t>(y) * row_step;
    for (std::int64_t x = 0; x < cols; ++x, pixel += col_step) {
      for (std::size_t c = 0; c < count; ++c) best[c] = best[c] < pixel[c] ? pixel[c] : best[c];
    }
  }
}

template <class Count>
HWY_INLINE void sum_block(const float* src, std::int64_t rows, std::int64_t cols, std::size_t row_step,
                          std::size_t col_step, Count count, float* HWY_RESTRICT sum) {
  for (std::size_t c = 0; c < count; ++c) sum[c] = 0;
  for (std::int64_t y = 0; y < rows; ++y) {
    const float* pixel = src + static_cast<std::size_t>(y) * row_step;
    for (std::int64_t x = 0; x < cols; ++x, pixel += col_step) {
      for (std::size_t c = 0; c < count; ++c) sum[c] += pixel[c];
    }
  }
}

/// Sums of up to 256 8-bit numbers fit 16 bits; whole sums are kept in 64.
template <class T, class Count>
HWY_INLINE void sum_block(const T* src, std::int64_t rows, std::int64_t cols, std::size_t row_step,
                          std::size_t col_step, Count count, std::int64_t* HWY_RESTRICT sum) {
  using Narrow = std::conditional_t<std::is_signed_v<T>, std::int16_t, std::uint16_t>;
  Narrow partial[channel_block] = {};
  int added = 0;
  for (std::size_t c = 0; c < count; ++c) sum[c] = 0;
  for (std::int64_t y = 0; y < rows; ++y) {
    const T* pixel = src + static_cast<std::size_t>(y) * row_step;
    for (std::int64_t x = 0; x < cols; ++x, pixel += col_step) {
      for (std::size_t c = 0; c < count; ++c) partial[c] = static_cast<Narrow>(partial[c] + pixel[c]);
      if (++added < 256) continue;
      added = 0;
      for (std::size_t c = 0; c < count; ++c) {
        sum[c] += partial[c];
        partial[c] = 0;
      }
    }
  }
  for (std::size_t c = 0; c < count; ++c) sum[c] += partial[c];
}

template <class T, class Count>
void pool_block(PoolKind kind, const Window& window, const T* src, Element src_type, std::size_t row_step,
                std::size_t col_step, Count count, std::byte* dst, Element dst_type) {
  if (kind == PoolKind::max) {
    T best[channel_block];
    max_block(src, window.rows, window.cols, row_step, col_step, count, best);
    return convert(count, best, src_type, dst, dst_type);
  }
  float result[channel_block];
  if constexpr (std::is_same_v<T, float>) {
    sum_block(src, window.rows, window.cols, row_step, col_step, count, result);
    const auto divisor = static_cast<float>(window.divisor);
    for (std::size_t c = 0; c < count; ++c) result[c] /= divisor;
  } else {
    std::int64_t sum[channel_block];
    sum_block(src, window.rows, window.cols, row_step, col_step, count, sum);
    const double dst_scale = dst_type.quantized() ? dst_type.scale : 1.0;
    const auto factor = static_cast<float>(src_type.scale / (dst_scale * window.divisor));
    for (std::size_t c = 0; c < count; ++c) result[c] = static_cast<float>(sum[c]) * factor;
  }
  // The factor has already brought quantised results to the destination's scale.
  convert(count, result, {}, dst, {dst_type.dtype, 1});
}

template <class T>
void pool_window(PoolKind kind, const Window& window, const PoolingShape& shape, const void* picture, Element src_type,
                 std::byte* dst, Element dst_type) {
  const auto channels = static_cast<std::size_t>(shape.channels);
  if (window.rows <= 0 || window.cols <= 0) {
    std::memset(dst, 0, channels * dst_type.bytes());
    return;
  }
  const std::size_t row_step = static_cast<std::size_t>(shape.width) * channels;
  const T* src = static_cast<const T*>(picture) + static_cast<std::size_t>(window.top) * row_step +
                 static_cast<std::size_t>(window.left) * channels;
  std::size_t c = 0;
  for (; c + channel_block <= channels; c += channel_block) {
    pool_block(kind, window, src + c, src_type, row_step, channels,
               std::integral_constant<std::size_t, channel_block>(), dst + c * dst_type.bytes(), dst_type);
  }
  if (c < channels) {
    pool_block(kind, window, src + c, src_type, row_step, channels, channels - c, dst + c * dst_type.bytes(), dst_type);
  }
}

void pool_one(PoolKind kind, const Window& window, const PoolingShape& shape, const void* picture, Element src_type,
              std::byte* dst, Element dst_type) {
  if (src_type.dtype == DType::u8) {
    return pool_window<std::uint8_t>(kind, window, shape, picture, src_type, dst, dst_type);
  }
  if (src_type.dtype == DType::s8) {
    return pool_window<std::int8_t>(kind, window, shape, picture, src_type, dst, dst_type);
  }
  pool_window<float>(kind, window, shape, picture, src_type, dst, dst_type);
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(pool_one);

namespace {

/// One axis of a window: first element and number of elements inside, and extent for the divisor.
struct Extent {
  std::int64_t first, inside, counted;
};

Extent extent(std::int64_t position, std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
              bool include_pad) {
  const std::int64_t start = position * stride - pad;
  const std::int64_t first = std::max<std::int64_t>(start, 0);
  const std::int64_t inside = std::min(start + kernel, size) - first;
  return {first, inside, include_pad ? std::min(start + kernel, size + pad) - start : inside};
}

}  // namespace

std::int64_t pooled_size(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         PoolConvention convention) noexcept {
  const std::int64_t room = size + 2 * pad - kernel;
  if (room < 0 || stride < 1) return 0;
  return (convention == PoolConvention::full ? (room + stride - 1) / stride : room / stride) + 1;
}

void pooling(const PoolingOp& op, const PoolingShape& shape, const void* src, Element src_type, void* dst,
             Element dst_type) noexcept {
  const auto picture_bytes = static_cast<std::size_t>(shape.height * shape.width * shape.channels) * src_type.bytes();
  const auto pixel_bytes = static_cast<std::size_t>(shape.channels) * dst_type.bytes();
  const auto* picture = static_cast<const std::byte*>(src);
  auto* to = static_cast<std::byte*>(dst);
  for (std::int64_t n = 0; n < shape.images; ++n, picture += picture_bytes) {
    for (std::int64_t y = 0; y < shape.out_height; ++y) {
      const Extent rows = op.global
                              ? Extent{0, shape.height, shape.height}
                              : extent(y, shape.height, op.kernel[0], op.stride[0], op.pad[0], op.count_include_pad);
      for (std::int64_t x = 0; x < shape.out_width; ++x, to += pixel_bytes) {
        const Extent cols = op.global
                                ? Extent{0, shape.width, shape.width}
                                : extent(x, shape.width, op.kernel[1], op.stride[1], op.pad[1], op.count_include_pad);
        const double divisor =
            op.kind == PoolKind::avg ? static_cast<double>(rows.counted) * static_cast<double>(cols.counted) : 1.0;
        HWY_DYNAMIC_DISPATCH(pool_one)
        (op.kind, {rows.first, cols.first, rows.inside, cols.inside, divisor}, shape, picture, src_type, to, dst_type);
      }
    }
  }
}

}  // namespace octet::kernels
#endif
