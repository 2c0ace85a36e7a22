// Which range each channel gets of a scale that all share.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/calibrator/channel_tails.h"

namespace octet {

/// What one channel adds to the noise at the outputs of the layers that read it.
struct ChannelNoise {
  double low = 0;                ///< the largest magnitude of its negative values, where these are lifted
  double rounding = 0;           ///< variance when its values are rounded to whole numbers
  std::vector<double> clipping;  ///< when they are clipped at edge k
  double weights = 0;            ///< when the weights that read it are rounded, for scale 1
  double scale = 1;              ///< result: values are divided by it, weights multiplied; in (0, 1]
};

/// Of a group of values that share `levels` steps from 0 to the threshold.
struct SharedSteps {
  int levels = 255;
  double lift = 0;  ///< of the threshold's part above the lift; 0: not lifted
};

/// Chooses the scales. Channel c's threshold t[c] is what causes least noise, rounding of its values
/// (t[c] / levels)^2 * rounding, what t[c] clips, and rounding of weights, weights * (max t / t[c])^2, together, on
/// average over thresholds from 0.84 to 1.19 times it: pictures to come reach further than those at hand. With a lift
/// no t[c] lies below low / lift. scale = t[c] / max t, 1/64 at least; 1 for channels that were 0 throughout. `edges`:
/// the thresholds that `clipping` speaks of. Returns the noise of all channels with these scales.
double choose_scales(const ChannelTails& edges, const SharedSteps& steps, std::span<ChannelNoise> channels);

}  // namespace octet
