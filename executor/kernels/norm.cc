#include "octet/executor/kernels/norm.h"

#include <algorithm>
#include <cmath>

#include "octet/executor/kernels/convert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/norm.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

template <class Src, class Dst>
void prelu_as(const AxisView& view, const float* slopes, const Src* src, float src_scale, Dst* dst, float dst_scale) {
  const auto channels = static_cast<std::size_t>(view.axis), inner = static_cast<std::size_t>(view.inner);
  const auto apply = [=](auto d, auto slope, const Src* from, Dst* to) HWY_ATTR {
    const auto x = load_real(d, from, hn::Set(d, src_scale));
    const auto y = hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, slope), x);
    store_real(d, y, hn::Set(d, dst_scale), to);
  };
  for (std::int64_t o = 0; o < view.outer; ++o) {
    if (inner == 1) {
      for_each_vector(channels,
                      [=](auto d, std::size_t c) HWY_ATTR { apply(d, hn::LoadU(d, slopes + c), src + c, dst + c); });
      src += channels;
      dst += channels;
      continue;
    }
    for (std::size_t c = 0; c < channels; ++c, src += inner, dst += inner) {
      const float slope = slopes[c];
      for_each_vector(inner, [=](auto d, std::size_t i) HWY_ATTR { apply(d, hn::Set(d, slope), src + i, dst + i); });
    }
  }
}

template <class Src>
void prelu_from(const AxisView& view, const float* slopes, const void* src, float src_scale, void* dst,
                Element dst_type) {
  const auto* from = static_cast<const Src*>(src);
  if (dst_type.dtype == DType::u8) {
    return prelu_as(view, slopes, from, src_scale, static_cast<std::uint8_t*>(dst), dst_type.scale);
  }
  if (dst_type.dtype == DType::s8) {
    return prelu_as(view, slopes, from, src_scale, static_cast<std::int8_t*>(dst), dst_type.scale);
  }
  prelu_as(view, slopes, from, src_scale, static_cast<float*>(dst), 1);
}

void prelu_any(const AxisView& view, const float* slopes, const void* src, Element src_type, void* dst,
               Element dst_type) {
  if (src_type.dtype == DType::s8) {
    return prelu_from<std::int8_t>(view, slopes, src, src_type.scale, dst, dst_type);
  }
  prelu_from<float>(view, slopes, src, 1, dst, dst_type);
}

/// 1 / base^beta with what IEEE 754 rounds the same everywhere, for the usual betas.
template <class D>
HWY_INLINE hn::Vec<D> inverse_root(D d, hn::Vec<D> base, bool three_quarters) {
  const auto root = hn::Sqrt(base);
  return hn::Div(hn::Set(d, 1.0F), three_quarters ? hn::Mul(root, hn::Sqrt(root)) : root);
}

void lrn_f32(const LrnOp& op, std::size_t pixels, std::size_t channels, const float* src, float* dst, float* squares) {
  const auto size = static_cast<std::size_t>(op.nsize), half = size / 2;
  const float factor = op.alpha / static_cast<float>(op.nsize), knorm = op.knorm;
  const bool roots = op.beta == 0.75F || op.beta == 0.5F;
  for (std::size_t p = 0; p < pixels; ++p, src += channels, dst += channels) {
    for_each_vector(channels, [=](auto d, std::size_t c) HWY_ATTR {
      const auto x = hn::LoadU(d, src + c);
      hn::StoreU(hn::Mul(x, x), d, squares + half + c);
    });
    for_each_vector(channels, [=, &op](auto d, std::size_t c) HWY_ATTR {
      auto sum = hn::Zero(d);
      for (std::size_t k = 0; k < size; ++k) sum = hn::Add(sum, hn::LoadU(d, squares + c + k));
      const auto base = hn::Add(hn::Set(d, knorm), hn::Mul(hn::Set(d, factor), sum));
      if (roots) {
        hn::StoreU(hn::Mul(hn::LoadU(d, src + c), inverse_root(d, base, op.beta == 0.75F)), d, dst + c);
      } else {
        hn::StoreU(base, d, dst + c);
      }
    });
    if (roots) continue;
    for (std::size_t c = 0; c < channels; ++c) dst[c] = src[c] * std::pow(dst[c], -op.beta);
  }
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(prelu_any);
HWY_EXPORT(lrn_f32);

void prelu(const AxisView& view, const float* slopes, const void* src, Element src_type, void* dst,
           Element dst_type) noexcept {
  if (src_type.dtype == DType::u8) {  // never negative
    return convert(static_cast<std::size_t>(view.outer * view.axis * view.inner), src, src_type, dst, dst_type);
  }
  HWY_DYNAMIC_DISPATCH(prelu_any)(view, slopes, src, src_type, dst, dst_type);
}

std::size_t lrn_scratch(const LrnOp& op, std::size_t channels) noexcept {
  return channels + static_cast<std::size_t>(op.nsize);
}

void lrn(const LrnOp& op, std::size_t pixels, std::size_t channels, const float* src, float* dst,
         float* scratch) noexcept {
  std::fill(scratch, scratch + lrn_scratch(op, channels), 0.0F);  // what lies beside the channels is 0
  HWY_DYNAMIC_DISPATCH(lrn_f32)(op, pixels, channels, src, dst, scratch);
}

void instance_norm(const InstanceNormOp& op, std::size_t images, std::size_t pixels, std::size_t channels,
                   const float* gamma, const float* beta, const float* src, float* dst, double* scratch) noexcept {
  double *mean = scratch, *scale = scratch + channels;
  const auto count = static_cast<double>(pixels);
  for (std::size_t n = 0; n < images; ++n, src += pixels * channels, dst += pixels * channels) {
    std::fill(scratch, scratch + 2 * channels, 0.0);
    for (std::size_t i = 0; i < pixels * channels; ++i) mean[i % channels] += src[i];
    for (std::size_t c = 0; c < channels; ++c) mean[c] /= count;
    for (std::size_t i = 0; i < pixels * channels; ++i) {
      const double off = src[i] - mean[i % channels];
      scale[i % channels] += off * off;
    }
    for (std::size_t c = 0; c < channels; ++c) scale[c] = gamma[c] / std::sqrt(scale[c] / count + op.eps);
    for (std::size_t i = 0; i < pixels * channels; ++i) {
      const std::size_t c = i % channels;
      dst[i] = static_cast<float>((src[i] - mean[c]) * scale[c] + beta[c]);
    }
  }
}

}  // namespace octet::kernels
#endif
