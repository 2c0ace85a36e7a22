// Raw pixels straight into the first convolution: mean and std move into its weights and bias.
#pragma once

#include "octet/graph/graph.h"

namespace octet {

/// What replaces Normalize + Convolution.
struct FirstLayer {
  Node convolution;  ///< s8 weights w / std, bias b - sum(w' * mean); reads u8 pixels of scale 1
  Border border;     ///< for the Input node; takes over the convolution's padding unless all means are 0
};

/// Folds `normalize` (one mean and std per channel) into the 4-D f32 `convolution` behind it. The
/// bias is computed from the dequantised weights, so that a picture of constant colour `mean` yields
/// exactly the bias of the original. The interior is exact to rounding; where a window reaches into
/// the border it is off by the rounding of the mean, at most half a grey level.
Result<FirstLayer> fold_normalize(const NormalizeOp& normalize, const Node& convolution);

}  // namespace octet
