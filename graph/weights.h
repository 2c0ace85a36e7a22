// Symmetric per-output-channel quantisation of weights.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// What multiplies the weights: stored values of the source lie in [-limit, limit].
struct SourceScale {
  float scale = 1;
  int limit = 255;
};

/// Quantises f32 `weight` (first axis = output channel) to s8 in [-127, 127], |w - q * s| <= s / 2.
/// The scale of a channel is max|w| / 127, raised where needed so that
///   - the bias, stored as round(b / (source.scale * s)), stays within +-2^30, and
///   - no sum of products plus bias can pass the s32 range.
/// `levels`: what max|w| is divided by, where another number of steps is wanted; the largest weights
/// then saturate at 127. A channel of zeros takes a scale that resolves its bias to 2^-20. `bias` is empty or has one
/// value per channel. Error(invalid_model) for weights or biases that are not finite or absurd.
Result<Parameter> quantize_weight(const Parameter& weight, std::span<const float> bias, SourceScale source,
                                  double levels = 127);

/// q * s in double, channel after channel.
std::vector<double> dequantized(const Parameter& weight);

}  // namespace octet
