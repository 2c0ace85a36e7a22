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
//   linear:     t = t + beta / s_out                         with alpha 1 alone; f32 out: t + beta
//   clip:       t = min(max(t, alpha / s_out), beta / s_out) bounds divided in float; f32 out: as they are
//   dst = saturate(round_half_even(t)); f32 out: dst = t
// Every other function behind a quantised layer runs on the real (f32) result in octet's own kernels.
//
// Machines without an int8 dot product add the products of two neighbouring u8 sources with s8 weights in 16 bits, with
// saturation, and oneDNN halves weights behind s8 sources. So that `acc` is exact there, too:
//   - s8 sources become u8 by adding 128, in a copy with its own padding; 128 times the weights' sum leaves `acc`
//   again;
//   - filters with pairs of weights that could saturate are cut into two rows w = a + b of about w / 2 each, and
//   octet's
//     own kernel adds the sums of both rows and does the rest.
// Sums below 2^24 (255 * 65,793 in weights) give the same bits on every instruction set; larger ones may differ in the
// rounding to float.
#pragma once

#include <cstdint>   // std::int32_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

#include "octet/executor/kernels/requantize.h"
#include "octet/graph/graph.h"

namespace octet {

struct Int8Layer {
  Tensor weight;                             ///< of the primitive: with `split`, more rows than the node's
  std::vector<float> output_scale;           ///< float(s_in * s_w[c] / s_out); f32 destination: float(s_in * s_w[c])
  std::vector<std::int32_t> bias;            ///< round_half_even(b[c] / (s_in * s_w[c])) in double; zeros without bias
  bool unsigned_copy = false;                ///< the primitive reads source + 128 as u8
  std::vector<std::int32_t> offset;          ///< -128 * sum of weights with unsigned_copy, else 0; belongs to `acc`
  std::optional<kernels::SumsLayout> split;  ///< the primitive stores sums in this order
};

/// Quantised operand of a fused sum: float(s_operand / s_out) in double; 1 for f32.
float sum_scale(const Value& operand, const Value& dst) noexcept;

/// True when weights of `filter` (inputs x window positions) whose products some implementation may add as a pair can
/// leave 16 bits with u8 sources: 255 * (a + b) outside [-32768, 32767]. Pairs are inputs 2k and 2k + 1 at one
/// position; with an odd number of inputs, whatever is adjacent when inputs run faster than positions.
bool pairs_can_saturate(std::span<const std::int8_t> filter, std::int64_t inputs) noexcept;

/// What a layer looks like to a machine without an int8 dot product.
struct LayerPairs {
  bool int8_dot_product = true;
  std::int64_t inputs = 1;  ///< channels of the source of one group, as they lie in memory
};

/// True when the machine needs two rows of weights for some filters of quantised `node`. Depthwise convolutions never
/// do: oneDNN does not add them in pairs.
bool needs_split(const Node& node, const LayerPairs& pairs) noexcept;

/// The numbers of quantised `node` for source `src` and destination `dst` (f32 when the result is
/// needed in real units). Error(invalid_model), naming the node: weights without a positive scale per
/// channel, a bias beyond 2^30 steps, or more inputs than 32 bits can sum.
Result<Int8Layer> int8_layer(const Node& node, const Value& src, const Value& dst, const LayerPairs& pairs);

}  // namespace octet
