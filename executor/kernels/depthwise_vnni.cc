#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <type_traits>

#include "octet/executor/kernels/depthwise_isa.h"

HWY_DIAGNOSTICS(push)
#if HWY_COMPILER_GCC_ACTUAL  // GCC 12 warns of its own header's undefined operands (PR 105593)
HWY_DIAGNOSTICS_OFF(disable : 4701, ignored "-Wmaybe-uninitialized")
#endif
HWY_PUSH_ATTRIBUTES("avx512f,avx512bw,avx512dq,avx512vl,avx512vnni")

#undef OCTET_DEPTHWISE_NAMESPACE
#define OCTET_DEPTHWISE_NAMESPACE depthwise_vnni
#undef OCTET_EXECUTOR_KERNELS_DEPTHWISE_INL_H_
#include "octet/executor/kernels/depthwise-inl.h"

namespace octet::kernels::depthwise_vnni {

/// Vectors are interleaved and packed within their 128-bit lanes: vector k of four holds the channels
/// 16 * lane + 4 * k .. + 3, in each lane.
struct Simd {
  using Bytes = __m512i;
  using Ints = __m512i;
  using Floats = __m512;
  using Weights = __m512i;
  static constexpr std::int64_t kBytes = 64, kWeightBytes = 64;

  static HWY_INLINE Bytes zero() { return _mm512_setzero_si512(); }
  static HWY_INLINE Bytes load(const std::uint8_t* from) { return _mm512_loadu_si512(from); }
  /// Bytes [first, end), zeros around them.
  static HWY_INLINE Bytes load_part(const std::uint8_t* from, std::int64_t first, std::int64_t end) {
    return _mm512_maskz_loadu_epi8((~__mmask64{0} >> (64 - end)) & (~__mmask64{0} << first), from);
  }
  static HWY_INLINE Bytes flip(Bytes x) { return _mm512_xor_si512(x, _mm512_set1_epi8(-128)); }
  static HWY_INLINE void interleave(const Bytes* r, std::byte* to) {
    const Bytes low01 = _mm512_unpacklo_epi8(r[0], r[1]), high01 = _mm512_unpackhi_epi8(r[0], r[1]);
    const Bytes low23 = _mm512_unpacklo_epi8(r[2], r[3]), high23 = _mm512_unpackhi_epi8(r[2], r[3]);
    _mm512_store_si512(to, _mm512_unpacklo_epi16(low01, low23));
    _mm512_store_si512(to + 64, _mm512_unpackhi_epi16(low01, low23));
    _mm512_store_si512(to + 128, _mm512_unpacklo_epi16(high01, high23));
    _mm512_store_si512(to + 192, _mm512_unpackhi_epi16(high01, high23));
  }
  static HWY_INLINE Ints load_ints(const std::byte* from) { return _mm512_load_si512(from); }
  static HWY_INLINE Floats load_floats(const std::byte* from) { return _mm512_load_ps(from); }
  static HWY_INLINE Weights load_weights(const std::byte* from) { return _mm512_load_si512(from); }
  static HWY_INLINE Ints dot(Ints sum, Ints x, Weights w) { return _mm512_dpbusd_epi32(sum, x, w); }
  static HWY_INLINE Floats to_floats(Ints x) { return _mm512_cvtepi32_ps(x); }
  static HWY_INLINE Floats add(Floats a, Floats b) { return _mm512_add_ps(a, b); }
  static HWY_INLINE Floats mul(Floats a, Floats b) { return _mm512_mul_ps(a, b); }
  static HWY_INLINE Floats limit(Floats t, float low, float high) {
    return _mm512_min_ps(_mm512_max_ps(t, _mm512_set1_ps(low)), _mm512_set1_ps(high));
  }
  template <class Dst>
  static HWY_INLINE Bytes pack(const Floats* t) {
    const __m512i low = _mm512_packs_epi32(_mm512_cvtps_epi32(t[0]), _mm512_cvtps_epi32(t[1]));
    const __m512i high = _mm512_packs_epi32(_mm512_cvtps_epi32(t[2]), _mm512_cvtps_epi32(t[3]));
    return std::is_signed_v<Dst> ? _mm512_packs_epi16(low, high) : _mm512_packus_epi16(low, high);
  }
  static HWY_INLINE void store(Bytes x, std::byte* to) { _mm512_storeu_si512(to, x); }
  static HWY_INLINE void store_part(Bytes x, std::int64_t count, std::byte* to) {
    _mm512_mask_storeu_epi8(to, ~__mmask64{0} >> (64 - count), x);
  }
  static HWY_INLINE void store_floats(const Floats* t, std::int64_t count, float* to) {
    const Floats a = _mm512_shuffle_f32x4(t[0], t[1], 0x44), b = _mm512_shuffle_f32x4(t[2], t[3], 0x44);
    const Floats c = _mm512_shuffle_f32x4(t[0], t[1], 0xEE), d = _mm512_shuffle_f32x4(t[2], t[3], 0xEE);
    const Floats parts[4] = {_mm512_shuffle_f32x4(a, b, 0x88), _mm512_shuffle_f32x4(a, b, 0xDD),
                             _mm512_shuffle_f32x4(c, d, 0x88), _mm512_shuffle_f32x4(c, d, 0xDD)};
    for (int k = 0; k < 4; ++k) {
      const std::int64_t left = count - 16 * k;
      if (left > 0) _mm512_mask_storeu_ps(to + 16 * k, left < 16 ? (1U << left) - 1 : 0xFFFFU, parts[k]);
    }
  }
};

}  // namespace octet::kernels::depthwise_vnni

namespace octet::kernels {

void depthwise_avx512_vnni(const DepthwisePlan& plan, const std::byte* packed, const std::uint8_t* src, std::byte* dst,
                           std::byte* scratch) noexcept {
  depthwise_vnni::depthwise_image<depthwise_vnni::Simd>(plan, packed, src, dst, scratch);
}

}  // namespace octet::kernels

HWY_POP_ATTRIBUTES
HWY_DIAGNOSTICS(pop)
