// The integer arithmetic of a quantised Convolution or FullyConnected: what the primitive is given.
//
// A layer with source scale s_in, weight scales s_w[c] and destination scale s_out computes, per
// output channel c and in this order (each line one float operation; measured to hold bit for bit
// for oneDNN 2.6's brgconv, brgemm, jit and gemm implementations on AVX2 .. AVX512-VNNI):
//   acc = sum of source * weight                             s32, exact
//   t   = (float(acc) + float(bias[c])) * output_scale[c]
//   sum:        t = fma(float(operand), sum_scale, t)        ("ref" implementations: multiply, then add)
//   relu:       t = t > 0 ? t : 0
//   leaky_relu: t = t > 0 ? t : alpha * t
//   clip:       t = min(max(t, alpha / s_out), beta / s_out) bounds divided in float; f32 out: as they are
//   dst = saturate(round_half_even(t)); f32 out: dst = t
// Every other function behind a quantised layer runs on the real (f32) result in octet's own kernels.
#pragma once

#include <cstdint>  // std::int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/graph/graph.h"

namespace octet {

struct Int8Layer {
  Parameter weight;                 ///< s8 and its scales, adjusted to the machine (see adjust_weight)
  std::vector<float> output_scale;  ///< float(s_in * s_w[c] / s_out); f32 destination: float(s_in * s_w[c])
  std::vector<std::int32_t> bias;   ///< round_half_even(b[c] / (s_in * s_w[c])) in double; zeros without bias
};

/// Quantised operand of a fused sum: float(s_operand / s_out) in double; 1 for f32.
float sum_scale(const Value& operand, const Value& dst) noexcept;

/// True when two of the weights, multiplied by u8 sources, can leave the 16 bits in which machines
/// without an int8 dot product add them: 255 * (a + b) outside [-32768, 32767].
bool pairs_can_saturate(std::span<const std::int8_t> weights) noexcept;

/// The weights that a machine can multiply without loss. With `int8_dot_product` the parameter itself.
/// Without: sources u8: channels whose pairs can saturate get half the weights and twice the scale, except
/// depthwise ones, which oneDNN does not add in pairs. Sources s8: all channels get even weights within
/// [-126, 126] and keep their scale, because oneDNN halves them itself there. Halves of odd weights are
/// rounded up or down so that their errors cancel along the channel, neighbour against neighbour: inputs
/// next to each other are alike, so most of the error of the sum goes.
Result<Parameter> adjust_weight(const Parameter& weight, DType source, bool depthwise, bool int8_dot_product);

/// The numbers of quantised `node` for source `src` and destination `dst` (f32 when the result is
/// needed in real units). Error(invalid_model), naming the node: weights without a positive scale per
/// channel, a bias beyond 2^30 steps, or more inputs than 32 bits can sum.
Result<Int8Layer> int8_layer(const Node& node, const Value& src, const Value& dst, bool int8_dot_product);

}  // namespace octet
