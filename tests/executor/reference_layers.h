// Parts of the reference interpreter: what a value is, and the two layers with weights.
#pragma once

#include <cmath>

#include "executor/reference.h"

namespace octet::test {

/// A graph value with its elements.
struct RefValue {
  const Value& value;
  const Tensor& tensor;
  /// The stored number: 0..255, -128..127 or the float.
  [[nodiscard]] float stored(std::size_t i) const {
    if (value.dtype == DType::u8) return tensor.as<std::uint8_t>()[i];
    if (value.dtype == DType::s8) return tensor.as<std::int8_t>()[i];
    return tensor.as<float>()[i];
  }
  /// The real number: float(stored) * scale, in float.
  [[nodiscard]] float real(std::size_t i) const { return value.quantized() ? stored(i) * value.scale : stored(i); }
};

/// saturate(round_half_even(q)) to the range of u8 or s8; NaN becomes 0.
float saturated(float q, DType dtype);

/// Writes `x` as the type stores it without any scale: a float, or a saturated number.
void store(Tensor& dst, std::size_t i, float x);

/// Stores the real number x: as it is, or as saturated(x / scale).
void store_real(Tensor& dst, std::size_t i, float x, const Value& value);

/// f(x) in double.
double eltwise_function(const EltwiseOp& op, double x);

/// Convolution and FullyConnected with their post-ops, float and quantised.
Result<void> reference_layer(const Node& node, std::span<const RefValue> inputs, Tensor& dst);

}  // namespace octet::test
