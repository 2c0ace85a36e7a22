#include <hwy/base.h>
#include <immintrin.h>

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "octet/executor/kernels/depthwise_isa.h"

HWY_PUSH_ATTRIBUTES("avx2")

#undef OCTET_DEPTHWISE_NAMESPACE
#define OCTET_DEPTHWISE_NAMESPACE depthwise_ymm
#undef OCTET_EXECUTOR_KERNELS_DEPTHWISE_INL_H_
#include "octet/executor/kernels/depthwise-inl.h"

namespace octet::kernels::depthwise_ymm {

/// As depthwise_vnni.cc's, with half the vector. Products are added in pairs of 16-bit numbers, taps 0 and
/// 2 and taps 1 and 3, which cannot saturate: |u8 * s8 + u8 * s8| < 2^17 is summed in 32 bits.
struct Simd {
  using Bytes = __m256i;
  using Ints = __m256i;
  using Floats = __m256;
  struct Weights {
    __m256i even, odd;
  };
  static constexpr std::int64_t kBytes = 32, kWeightBytes = 64;

  static HWY_INLINE __m256i load_aligned(const std::byte* from) {
    return _mm256_load_si256(reinterpret_cast<const __m256i*>(from));
  }
  static HWY_INLINE Bytes zero() { return _mm256_setzero_si256(); }
  static HWY_INLINE Bytes load(const std::uint8_t* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
  }
  static HWY_INLINE Bytes load_part(const std::uint8_t* from, std::int64_t first, std::int64_t end) {
    alignas(32) std::uint8_t bytes[32] = {};
    std::memcpy(bytes + first, from + first, static_cast<std::size_t>(end - first));
    return load(bytes);
  }
  static HWY_INLINE Bytes flip(Bytes x) { return _mm256_xor_si256(x, _mm256_set1_epi8(-128)); }
  static HWY_INLINE void interleave(const Bytes* r, std::byte* to) {
    const Bytes low01 = _mm256_unpacklo_epi8(r[0], r[1]), high01 = _mm256_unpackhi_epi8(r[0], r[1]);
    const Bytes low23 = _mm256_unpacklo_epi8(r[2], r[3]), high23 = _mm256_unpackhi_epi8(r[2], r[3]);
    auto* out = reinterpret_cast<__m256i*>(to);
    _mm256_store_si256(out, _mm256_unpacklo_epi16(low01, low23));
    _mm256_store_si256(out + 1, _mm256_unpackhi_epi16(low01, low23));
    _mm256_store_si256(out + 2, _mm256_unpacklo_epi16(high01, high23));
    _mm256_store_si256(out + 3, _mm256_unpackhi_epi16(high01, high23));
  }
  static HWY_INLINE Ints load_ints(const std::byte* from) { return load_aligned(from); }
  static HWY_INLINE Floats load_floats(const std::byte* from) {
    return _mm256_load_ps(reinterpret_cast<const float*>(from));
  }
  static HWY_INLINE Weights load_weights(const std::byte* from) {
    return {load_aligned(from), load_aligned(from + 32)};
  }
  static HWY_INLINE Ints dot(Ints sum, Ints x, Weights w) {
    const __m256i even = _mm256_and_si256(x, _mm256_set1_epi16(255)), odd = _mm256_srli_epi16(x, 8);
    const __m256i pairs = _mm256_add_epi32(_mm256_madd_epi16(even, w.even), _mm256_madd_epi16(odd, w.odd));
    return _mm256_add_epi32(sum, pairs);
  }
  static HWY_INLINE Floats to_floats(Ints x) { return _mm256_cvtepi32_ps(x); }
  static HWY_INLINE Floats add(Floats a, Floats b) { return _mm256_add_ps(a, b); }
  static HWY_INLINE Floats mul(Floats a, Floats b) { return _mm256_mul_ps(a, b); }
  static HWY_INLINE Floats limit(Floats t, float low, float high) {
    return _mm256_min_ps(_mm256_max_ps(t, _mm256_set1_ps(low)), _mm256_set1_ps(high));
  }
  template <class Dst>
  static HWY_INLINE Bytes pack(const Floats* t) {
    const __m256i low = _mm256_packs_epi32(_mm256_cvtps_epi32(t[0]), _mm256_cvtps_epi32(t[1]));
    const __m256i high = _mm256_packs_epi32(_mm256_cvtps_epi32(t[2]), _mm256_cvtps_epi32(t[3]));
    return std::is_signed_v<Dst> ? _mm256_packs_epi16(low, high) : _mm256_packus_epi16(low, high);
  }
  static HWY_INLINE void store(Bytes x, std::byte* to) { _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), x); }
  static HWY_INLINE void store_part(Bytes x, std::int64_t count, std::byte* to) {
    alignas(32) std::byte bytes[32];
    store(x, bytes);
    std::memcpy(to, bytes, static_cast<std::size_t>(count));
  }
  static HWY_INLINE void store_floats(const Floats* t, std::int64_t count, float* to) {
    const Floats parts[4] = {_mm256_permute2f128_ps(t[0], t[1], 0x20), _mm256_permute2f128_ps(t[2], t[3], 0x20),
                             _mm256_permute2f128_ps(t[0], t[1], 0x31), _mm256_permute2f128_ps(t[2], t[3], 0x31)};
    alignas(32) float whole[32];
    float* out = count == kBytes ? to : whole;
    for (int k = 0; k < 4; ++k) _mm256_storeu_ps(out + 8 * k, parts[k]);
    if (count != kBytes) std::memcpy(to, whole, static_cast<std::size_t>(count) * sizeof(float));
  }
};

}  // namespace octet::kernels::depthwise_ymm

namespace octet::kernels {

void depthwise_avx2(const DepthwisePlan& plan, const std::byte* packed, const std::uint8_t* src, std::byte* dst,
                    std::byte* scratch) noexcept {
  depthwise_ymm::depthwise_image<depthwise_ymm::Simd>(plan, packed, src, dst, scratch);
}

}  // namespace octet::kernels

HWY_POP_ATTRIBUTES
