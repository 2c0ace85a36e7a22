// Cross-layer equalisation by measured ranges: channels that share a scale are brought to like ranges, without changing
// the function that the network computes.
#pragma once

#include "octet/calibrator/picture_store.h"
#include "octet/calibrator/regions.h"

namespace octet {

/// For every group of values between layers whose functions are positively homogeneous (none, ReLU,
/// leaky ReLU; through max pooling, Concat, Flatten and Pad): divides channel c of its sources by s[c]
/// and multiplies the weights that read it by s[c] (Nagel et al., "Data-free quantization through
/// weight equalization and bias correction", ICCV 2019). s[c] = (r[c] / max r)^a with r[c] the channel's
/// range on the pictures; of a in {0, 1/4, 1/2} the one with the least predicted noise at the outputs
/// of the readers, rounding of activations and of weights together. Returns the groups that changed.
Result<std::vector<int>> balance(const Regions& regions, std::span<const int> levels, const PictureStore& pictures,
                                 int threads, Graph& graph);

}  // namespace octet
