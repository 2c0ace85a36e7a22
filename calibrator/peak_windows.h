// Few windows of an image that stand for all of them where it matters what a threshold clips.
#pragma once

#include <cstdint>  // std::uint64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/executor/context.h"

namespace octet {

/// The largest magnitude of all values `seen` (f32).
float largest_magnitude(const Observation& seen);
/// And of each pixel of the image `seen` over its channels, row by row.
std::vector<float> pixel_peaks(const Observation& seen);
/// And of each window that the Convolution or FullyConnected `node` reads of it as its first input, in the order of
/// its outputs' pixels.
std::vector<float> window_peaks(const Graph& graph, NodeId node, const Observation& seen);

/// Distinct positions of windows, weights.size() or `peaks.size()` of them if these are fewer, and to `weights` how
/// many windows each stands for. Half are those with the largest peaks, each for itself alone: few windows hold what a
/// threshold clips, and a small even sample often none of them. The others are spread over the rest. A function of the
/// arguments.
std::vector<std::uint64_t> choose_windows(const std::vector<float>& peaks, std::uint64_t picture,
                                          std::span<float> weights);

}  // namespace octet
