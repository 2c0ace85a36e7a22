// Channels of residual trunks and dense blocks brought to a common range before quantisation.
#pragma once

#include "octet/graph/graph.h"

namespace octet {

/// In networks that normalise before they convolve (ResNet v2, DenseNet), sums and concatenations of
/// many layers are read by BatchNorm alone. Their channels may differ in range by orders of magnitude,
/// and one scale for all of them drowns the small ones. Such a channel is divided by its range, where
/// the convolutions make it (weights and bias) and multiplied back where BatchNorm reads it, so that
/// the graph computes what it did, to float rounding, and one scale fits all channels.
///
/// A channel is followed through fused sums and Add, relu, leaky relu, pooling, zero Pad and Concat
/// over channels; it is left alone when anything else than BatchNorm reads it or anything else than
/// a Convolution makes it anywhere on the way. Its range is the largest |mean| + 3 sqrt(var) of the
/// BatchNorms that read it, and at least 1 % of the largest of that BatchNorm's channels. BatchNorms
/// whose input changes get mean 0, variance 1 and eps 0. Expects a valid, shaped, optimised FP32 graph.
Result<void> equalize_channels(Graph& graph);

}  // namespace octet
