// What the kernel tests share: random data, an independent quantiser, and a loop over SIMD targets.
#pragma once

#include <hwy/targets.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "octet/executor/kernels/types.h"

namespace octet::test {

using kernels::Element;

/// Elements of any storage, as the kernels see them: bytes.
using Bytes = std::vector<std::byte>;

inline const Element f32{};
inline constexpr float nan = std::numeric_limits<float>::quiet_NaN();

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  std::int64_t integer(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(engine_);
  }
  float real(float low, float high) { return std::uniform_real_distribution<float>(low, high)(engine_); }
  std::vector<float> reals(std::size_t count, float low, float high) {
    std::vector<float> values(count);
    for (float& value : values) value = real(low, high);
    return values;
  }
  /// f32 in [-4, 4], or any 8-bit patterns.
  Bytes elements(std::size_t count, Element type) {
    Bytes bytes(count * type.bytes());
    if (type.quantized()) {
      for (std::byte& b : bytes) b = static_cast<std::byte>(integer(0, 255));
    } else {
      const auto values = reals(count, -4, 4);
      if (count != 0) std::memcpy(bytes.data(), values.data(), bytes.size());
    }
    return bytes;
  }
  Element element() {
    switch (integer(0, 2)) {
      case 0: return f32;
      case 1: return {DType::u8, real(0.01F, 0.1F)};
      default: return {DType::s8, real(0.01F, 0.1F)};
    }
  }

 private:
  std::mt19937 engine_;
};

/// The stored number: 0..255, -128..127, or the float itself.
inline float stored(const Bytes& bytes, std::size_t index, Element type) {
  if (type.dtype == DType::u8) return static_cast<float>(static_cast<std::uint8_t>(bytes[index]));
  if (type.dtype == DType::s8) return static_cast<float>(static_cast<std::int8_t>(bytes[index]));
  float value = 0;
  std::memcpy(&value, bytes.data() + index * 4, 4);
  return value;
}

inline float real(const Bytes& bytes, std::size_t index, Element type) {
  return type.quantized() ? stored(bytes, index, type) * type.scale : stored(bytes, index, type);
}

/// round_half_even spelled out, saturated to the type's range.
inline float rounded(float q, Element type) {
  const float low = type.dtype == DType::u8 ? 0.0F : -128.0F;
  const float high = type.dtype == DType::u8 ? 255.0F : 127.0F;
  if (std::isnan(q)) return 0;
  if (q <= low) return low;
  if (q >= high) return high;
  const float below = std::floor(q);
  const float rest = q - below;
  if (rest == 0.5F) return std::fmod(below, 2.0F) == 0 ? below : below + 1;
  return rest < 0.5F ? below : below + 1;
}

/// What a kernel must store for the real value x.
inline float to_stored(float x, Element type) { return type.quantized() ? rounded(x / type.scale, type) : x; }

/// Runs `body` once per instruction set that this machine has, with that one chosen.
template <class Body>
void for_each_target(const Body& body) {
  for (const std::int64_t target : hwy::SupportedAndGeneratedTargets()) {
    hwy::SetSupportedTargetsForTest(target);
    body(std::string(hwy::TargetName(target)));
  }
  hwy::SetSupportedTargetsForTest(0);
}

}  // namespace octet::test
