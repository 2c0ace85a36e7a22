// From integer sums to stored values, and signed sources made unsigned: what surrounds the primitives of quantised
// layers on machines without an int8 dot product (see int8_weights.h).
#pragma once

#include <cstdint>  // std::int32_t
#include <vector>   // std::vector

#include "octet/executor/kernels/types.h"

namespace octet::kernels {

/// Filters of one block either all have a second row of weights or all have none.
inline constexpr std::int64_t kSplitBlock = 16;

/// One pixel's sums: for each group those of its filters, then those of second rows, which are added to them.
struct SumsLayout {
  std::int64_t groups = 1, filters = 0, seconds = 0;  ///< the last two per group
  std::vector<std::int64_t> second_of;                ///< per block of filters: the first of its second rows, or -1
  [[nodiscard]] std::int64_t row() const noexcept { return groups * (filters + seconds); }
};

struct Requantize {
  /// A function behind the scaled sum t, in the destination's units.
  struct Function {
    enum class Kind : std::uint8_t {
      sum,   ///< t = fma(float(operand), a, t)
      relu,  ///< t = t > 0 ? t : a * t
      clip,  ///< t = min(max(t, a), b)
      add,   ///< t = t + a
    };
    Kind kind = Kind::relu;
    float a = 0, b = 0;
  };
  SumsLayout layout;
  std::vector<std::int32_t> offset, bias;  ///< per filter of all groups; bias may be empty
  std::vector<float> scale;                ///< likewise
  std::vector<Function> functions;
  DType operand = DType::f32, dst = DType::f32;
};

/// Per pixel and filter: t = (float(sum + offset) + float(bias)) * scale, then the functions in order, then
/// saturate(round_half_even(t)), or t for an f32 destination. `operand` (null without a sum) and `dst` are dense NHWC
/// and may be equal when their elements have the same size.
void requantize(const Requantize& r, std::size_t pixels, const std::int32_t* sums, const void* operand,
                void* dst) noexcept;

/// NHWC images of `width` pixels of `channels` s8 numbers each, in a frame.
struct Frame {
  std::int64_t images = 1, height = 1, width = 1, channels = 1;
  std::int64_t top = 0, left = 0, bottom = 0, right = 0;
};

/// dst = src + 128 as u8, with a frame of 128 (0 before) around each image.
void make_unsigned(const Frame& frame, const std::int8_t* src, std::uint8_t* dst) noexcept;

}  // namespace octet::kernels
