// Weights, their scales and biases of an INT8 graph, chosen by what they do to each layer's output.
#pragma once

#include "octet/calibrator/picture_store.h"

namespace octet {

/// Layer after layer in the order of data, on the integers that the already refined layers before it
/// yield for the kept pictures:
///   - rounds the weights of `int8` anew, together (see round_weights);
///   - fits a straight line between the layer's results and those of the float graph, per output
///     channel and before anything fused, and takes its gain into the channel's weight scale and its
///     offset into the bias. This undoes what clipping and rounding in front of the layer do to means
///     and, on average, to magnitudes.
/// `f32` is the graph that `int8` was quantised from; layers are found by name. Windows at sampled
/// positions stand for all: up to 4096 of a layer. The same for any number of threads (0: all).
Result<void> refine_layers(const Graph& f32, const PictureStore& pictures, int threads, Graph& int8);

}  // namespace octet
