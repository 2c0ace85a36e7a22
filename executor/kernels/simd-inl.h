// Vector building blocks of the kernels, compiled once per instruction set (Highway). Only
// multiplications, additions and divisions that IEEE 754 defines are used, never a fused
// multiply-add or an approximate reciprocal, so that every target computes the same bits.
#if defined(OCTET_EXECUTOR_KERNELS_SIMD_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef OCTET_EXECUTOR_KERNELS_SIMD_INL_H_
#undef OCTET_EXECUTOR_KERNELS_SIMD_INL_H_
#else
#define OCTET_EXECUTOR_KERNELS_SIMD_INL_H_
#endif

#include <hwy/highway.h>

#include <cstddef>
#include <cstdint>

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// Calls body(tag, i) for i in [0, count): full vectors, then four elements, then one at a time.
template <class Body>
HWY_INLINE void for_each_vector(std::size_t count, const Body& body) {
  const hn::ScalableTag<float> d;
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) body(d, i);
  if (hn::Lanes(d) > 4) {
    for (; i + 4 <= count; i += 4) body(hn::CappedTag<float, 4>(), i);
  }
  for (; i < count; ++i) body(hn::CappedTag<float, 1>(), i);
}

/// The stored number as a float.
template <class D>
HWY_INLINE hn::Vec<D> load_stored(D d, const float* src) {
  return hn::LoadU(d, src);
}
template <class D, class T>
HWY_INLINE hn::Vec<D> load_stored(D d, const T* src) {
  const auto stored = hn::LoadU(hn::Rebind<T, D>(), src);
  return hn::ConvertTo(d, hn::PromoteTo(hn::RebindToSigned<D>(), stored));
}

template <class D>
HWY_INLINE hn::Vec<D> load_real(D d, const float* src, hn::Vec<D> /*scale*/) {
  return hn::LoadU(d, src);
}
template <class D, class T>
HWY_INLINE hn::Vec<D> load_real(D d, const T* src, hn::Vec<D> scale) {
  return hn::Mul(load_stored(d, src), scale);
}

/// saturate(round_half_even(q)), NaN becomes 0; q itself for f32.
template <class D>
HWY_INLINE void store_steps(D d, hn::Vec<D> q, float* dst) {
  hn::StoreU(q, d, dst);
}
template <class D, class T>
HWY_INLINE void store_steps(D d, hn::Vec<D> q, T* dst) {
  const hn::Rebind<T, D> narrow;
  const auto low = hn::Set(d, static_cast<float>(hwy::LimitsMin<T>()));
  const auto high = hn::Set(d, static_cast<float>(hwy::LimitsMax<T>()));
  q = hn::IfThenZeroElse(hn::IsNaN(q), q);
  q = hn::Min(hn::Max(q, low), high);
  hn::StoreU(hn::DemoteTo(narrow, hn::NearestInt(q)), narrow, dst);
}

#if HWY_TARGET <= HWY_AVX3
// The same in one conversion and one saturating store. What leaves 32 bits becomes the smallest
// number, which is the largest unsigned one: each type has to be limited on one side only.
HWY_INLINE void store_steps(hn::Full512<float> /*d*/, hn::Vec512<float> q, std::uint8_t* dst) {
  const __m512 raised = _mm512_max_ps(q.raw, _mm512_setzero_ps());  // the second operand where q is NaN
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm512_cvtusepi32_epi8(_mm512_cvtps_epi32(raised)));
}
HWY_INLINE void store_steps(hn::Full512<float> /*d*/, hn::Vec512<float> q, std::int8_t* dst) {
  const __mmask16 number = _mm512_cmp_ps_mask(q.raw, q.raw, _CMP_ORD_Q);
  const __m512 lowered = _mm512_maskz_min_ps(number, q.raw, _mm512_set1_ps(127.0F));
  _mm_storeu_si128(reinterpret_cast<__m128i*>(dst), _mm512_cvtsepi32_epi8(_mm512_cvtps_epi32(lowered)));
}
#endif

template <class D>
HWY_INLINE void store_real(D d, hn::Vec<D> x, hn::Vec<D> /*scale*/, float* dst) {
  hn::StoreU(x, d, dst);
}
/// saturate(round_half_even(x / scale)), NaN becomes 0.
template <class D, class T>
HWY_INLINE void store_real(D d, hn::Vec<D> x, hn::Vec<D> scale, T* dst) {
  store_steps(d, hn::Div(x, scale), dst);
}

/// 2^n for n in [-126, 127].
template <class D, class VI>
HWY_INLINE hn::Vec<D> power_of_two(D d, VI n) {
  const hn::RebindToSigned<D> di;
  return hn::BitCast(d, hn::ShiftLeft<23>(hn::Add(n, hn::Set(di, 127))));
}

/// exp(x) = 2^n * (1 + m), with n an integer and m = expm1 of the rest r = x - n ln 2,
/// |r| <= ln(2) / 2: r + r^2 times the minimax polynomial of degree 5 of the Cephes library.
template <class D>
struct ExpParts {
  hn::Vec<D> m, scale_low, scale_high;  ///< 2^n = scale_low * scale_high
  hn::Mask<D> no_scale;                 ///< n == 0
};

template <class D>
HWY_INLINE ExpParts<D> exp_parts(D d, hn::Vec<D> x) {
  const hn::RebindToSigned<D> di;
  const auto limited = hn::Min(hn::Max(x, hn::Set(d, -88.0F)), hn::Set(d, 89.0F));
  const auto n = hn::NearestInt(hn::Mul(limited, hn::Set(d, 1.44269504F)));
  const auto nf = hn::ConvertTo(d, n);
  // ln 2 in two parts; the first has 9 significant bits, so that its product with n is exact.
  auto r = hn::Sub(limited, hn::Mul(nf, hn::Set(d, 0.693359375F)));
  r = hn::Sub(r, hn::Mul(nf, hn::Set(d, -2.12194440e-4F)));
  auto p = hn::Set(d, 1.9875691500e-4F);
  p = hn::Add(hn::Mul(p, r), hn::Set(d, 1.3981999507e-3F));
  p = hn::Add(hn::Mul(p, r), hn::Set(d, 8.3334519073e-3F));
  p = hn::Add(hn::Mul(p, r), hn::Set(d, 4.1665795894e-2F));
  p = hn::Add(hn::Mul(p, r), hn::Set(d, 1.6666665459e-1F));
  p = hn::Add(hn::Mul(p, r), hn::Set(d, 5.0000001201e-1F));
  const auto half = hn::ShiftRight<1>(n);
  return {hn::Add(hn::Mul(p, hn::Mul(r, r)), r), power_of_two(d, half), power_of_two(d, hn::Sub(n, half)),
          hn::RebindMask(d, hn::Eq(n, hn::Zero(di)))};
}

/// exp(x): relative error below 2e-7; 0 below -87.3, infinite above 88.7, NaN stays.
template <class D>
HWY_INLINE hn::Vec<D> exp(D d, hn::Vec<D> x) {
  const auto parts = exp_parts(d, x);
  auto y = hn::Mul(hn::Mul(hn::Add(parts.m, hn::Set(d, 1.0F)), parts.scale_low), parts.scale_high);
  y = hn::IfThenZeroElse(hn::Lt(x, hn::Set(d, -87.3F)), y);
  return hn::IfThenElse(hn::IsNaN(x), x, y);
}

/// exp(x) - 1 for x <= 0, accurate near 0.
template <class D>
HWY_INLINE hn::Vec<D> expm1_negative(D d, hn::Vec<D> x) {
  const auto parts = exp_parts(d, x);
  const auto one = hn::Set(d, 1.0F);
  const auto far = hn::Sub(hn::Mul(hn::Mul(hn::Add(parts.m, one), parts.scale_low), parts.scale_high), one);
  return hn::IfThenElse(hn::IsNaN(x), x, hn::IfThenElse(parts.no_scale, parts.m, far));
}

/// log(1 + u) for u in [0, 1]: 2 atanh(s), s = u / (2 + u) <= 1/3, by its series.
template <class D>
HWY_INLINE hn::Vec<D> log1p_unit(D d, hn::Vec<D> u) {
  const auto s = hn::Div(u, hn::Add(u, hn::Set(d, 2.0F)));
  const auto z = hn::Mul(s, s);
  auto p = hn::Set(d, 2.0F / 13);
  p = hn::Add(hn::Mul(p, z), hn::Set(d, 2.0F / 11));
  p = hn::Add(hn::Mul(p, z), hn::Set(d, 2.0F / 9));
  p = hn::Add(hn::Mul(p, z), hn::Set(d, 2.0F / 7));
  p = hn::Add(hn::Mul(p, z), hn::Set(d, 2.0F / 5));
  p = hn::Add(hn::Mul(p, z), hn::Set(d, 2.0F / 3));
  p = hn::Add(hn::Mul(p, z), hn::Set(d, 2.0F));
  return hn::Mul(p, s);
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#endif
