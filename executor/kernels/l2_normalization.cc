#include "octet/executor/kernels/l2_normalization.h"

#include <array>
#include <cmath>
#include <cstdint>
#include <type_traits>

#include "octet/executor/kernels/convert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/l2_normalization.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include <hwy/highway.h>

#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

constexpr std::size_t kLanes = 16;  ///< partial sums: the order does not depend on the machine's vectors

double sum_of_squares(std::size_t count, const float* HWY_RESTRICT x) {
  std::array<float, kLanes> sums{};
  std::size_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) sums[k] += x[i + k] * x[i + k];
  }
  for (std::size_t k = 0; i < count; ++i, ++k) sums[k] += x[i] * x[i];
  double sum = 0;
  for (const float part : sums) sum += part;
  return sum;
}

/// Exact: at most 2^16 squares of at most 2^16 fit into an accumulator of 32 bits.
template <class T>
double sum_of_squares(std::size_t count, const T* HWY_RESTRICT x) {
  constexpr std::size_t kBlock = std::size_t{1} << 16;
  std::uint64_t sum = 0;
  for (std::size_t start = 0; start < count; start += kBlock) {
    const std::size_t n = count - start < kBlock ? count - start : kBlock;
    std::uint32_t part = 0;
    for (std::size_t i = 0; i < n; ++i) {
      const std::int32_t v = x[start + i];
      part += static_cast<std::uint32_t>(v * v);
    }
    sum += part;
  }
  return static_cast<double>(sum);
}

template <class S, class D>
void scale_row(std::size_t count, const S* src, float factor, const float* scale, D* dst, float dst_scale) {
  for_each_vector(count, [&](auto d, std::size_t i) HWY_ATTR {
    auto x = load_real(d, src + i, hn::Set(d, factor));
    if constexpr (std::is_same_v<S, float>) x = hn::Mul(x, hn::Set(d, factor));
    if (scale != nullptr) x = hn::Mul(x, hn::LoadU(d, scale + i));
    store_real(d, x, hn::Set(d, dst_scale), dst + i);
  });
}

/// The channel sum of an NHWC value: rows of all channels.
template <class S, class D>
void normalize_rows(std::int64_t rows, std::size_t channels, const float* scale, float eps, const S* src,
                    float src_scale, D* dst, float dst_scale) {
  const double unit = std::is_same_v<S, float> ? 1.0 : static_cast<double>(src_scale);
  for (std::int64_t row = 0; row < rows; ++row, src += channels, dst += channels) {
    const double root = std::sqrt(sum_of_squares(channels, src) * unit * unit + static_cast<double>(eps));
    scale_row(channels, src, root > 0 ? static_cast<float>(unit / root) : 0.0F, scale, dst, dst_scale);
  }
}

void normalize_channels(std::int64_t rows, std::size_t channels, const float* scale, float eps, const void* src,
                        const Element& src_type, void* dst, const Element& dst_type) {
  const auto to = [&](const auto* from) {
    const float in = src_type.scale, out = dst_type.scale;
    if (dst_type.dtype == DType::u8) {
      normalize_rows(rows, channels, scale, eps, from, in, static_cast<std::uint8_t*>(dst), out);
    } else if (dst_type.dtype == DType::s8) {
      normalize_rows(rows, channels, scale, eps, from, in, static_cast<std::int8_t*>(dst), out);
    } else {
      normalize_rows(rows, channels, scale, eps, from, in, static_cast<float*>(dst), out);
    }
  };
  if (src_type.dtype == DType::u8) return to(static_cast<const std::uint8_t*>(src));
  if (src_type.dtype == DType::s8) return to(static_cast<const std::int8_t*>(src));
  to(static_cast<const float*>(src));
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(normalize_channels);

namespace {

float real(const void* src, const Element& type, std::size_t i) {
  if (type.dtype == DType::u8) return static_cast<float>(static_cast<const std::uint8_t*>(src)[i]);
  if (type.dtype == DType::s8) return static_cast<float>(static_cast<const std::int8_t*>(src)[i]);
  return static_cast<const float*>(src)[i];
}

/// Any view, one sum after the other; for the modes and layouts that no known network is slow with.
void normalize_any(const L2View& view, const float* scale, float eps, const void* src, const Element& src_type,
                   void* dst, const Element& dst_type) {
  const auto axis = static_cast<std::size_t>(view.view.axis), inner = static_cast<std::size_t>(view.view.inner);
  const double unit = src_type.quantized() ? static_cast<double>(src_type.scale) : 1.0;
  for (std::size_t start = 0; start < static_cast<std::size_t>(view.view.outer) * axis * inner; start += axis * inner) {
    for (std::size_t i = start; i < start + inner; ++i) {
      double sum = 0;
      for (std::size_t a = 0; a < axis; ++a) {
        const double x = real(src, src_type, i + a * inner);
        sum += x * x;
      }
      const double root = std::sqrt(sum * unit * unit + static_cast<double>(eps));
      const float factor = root > 0 ? static_cast<float>(unit / root) : 0.0F;
      for (std::size_t a = 0; a < axis; ++a) {
        const std::size_t at = i + a * inner;
        float y = real(src, src_type, at) * factor;
        const auto channel =
            at / static_cast<std::size_t>(view.channel_inner) % static_cast<std::size_t>(view.channels);
        if (scale != nullptr) y *= scale[channel];
        convert(1, &y, {}, static_cast<std::byte*>(dst) + at * dst_type.bytes(), dst_type);
      }
    }
  }
}

}  // namespace

L2View l2_view(const L2NormalizationOp& op, std::span<const std::int64_t> shape, Order order) noexcept {
  L2View result;
  const AxisView channel = axis_view(shape, 1, order);
  result.channels = channel.axis;
  result.channel_inner = channel.inner;
  std::int64_t rest = 1;
  for (std::size_t k = 2; k < shape.size(); ++k) rest *= shape[k];
  if (op.mode == L2Mode::channel) {
    result.view = channel;
  } else if (op.mode == L2Mode::instance) {
    result.view = {shape[0], shape[1] * rest, 1};
  } else if (channel.inner == 1) {
    result.view = {shape[0], rest, shape[1]};
  } else {
    result.view = {shape[0] * shape[1], rest, 1};
  }
  return result;
}

void l2_normalization(const L2NormalizationOp& op, const L2View& view, const float* scale, const void* src,
                      Element src_type, void* dst, Element dst_type) noexcept {
  if (view.view.outer < 1 || view.view.axis < 1 || view.view.inner < 1) return;
  if (op.mode == L2Mode::channel && view.view.inner == 1) {
    HWY_DYNAMIC_DISPATCH(normalize_channels)
    (view.view.outer, static_cast<std::size_t>(view.view.axis), scale, op.eps, src, src_type, dst, dst_type);
  } else {
    normalize_any(view, scale, op.eps, src, src_type, dst, dst_type);
  }
}

}  // namespace octet::kernels
#endif
