// Cross-layer equalisation by measured ranges: channels that share a scale are brought to like ranges, without changing
// the function that the network computes.
#pragma once

#include "octet/calibrator/picture_store.h"
#include "octet/calibrator/regions.h"

namespace octet {

/// What balance has to know of a group of values.
struct GroupValues {
  int levels = 127;     ///< steps from 0 to the threshold
  float largest = 0;    ///< magnitude
  bool lifted = false;  ///< will be lifted, see lift.h: negative values must stay few against positive ones
};

/// For every group of values between layers whose functions are positively homogeneous (none, ReLU,
/// leaky ReLU; through max pooling, Concat, Flatten and Pad): divides channel c of its sources by s[c]
/// and multiplies the weights that read it by s[c] (Nagel et al., "Data-free quantization through
/// weight equalization and bias correction", ICCV 2019). The s are those with the least noise at the outputs of the
/// readers, rounding and clipping of activations and rounding of weights together (channel_scales.h), on the
/// pictures, to the power 0.7: a channel's range on a few pictures is less certain than that of all. `groups`: by
/// group. Returns the groups that changed.
Result<std::vector<int>> balance(const Regions& regions, std::span<const GroupValues> groups,
                                 const PictureStore& pictures, int threads, Graph& graph);

}  // namespace octet
