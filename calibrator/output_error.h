// Thresholds by what they do to the layers that read a value, not to the value itself.
#pragma once

#include "octet/calibrator/picture_store.h"
#include "octet/calibrator/quantize.h"
#include "octet/calibrator/regions.h"

namespace octet {

/// Scales of groups whose readers err least. Around the given scales it tries wider and narrower ones
/// (of `largest`, each group's largest magnitude, at most) and takes the one with the least
///   sum over readers of  var(W (Q(x) - x)) / var(W x)
/// on windows x of the float graph, Q clipping and rounding, var over windows, filters added up (an error
/// in the mean is left to the bias). A residual sum that reads the value counts as a reader with W = 1.
/// Groups without readers of these kinds keep their scale.
Result<std::vector<Storage>> least_output_error(const Graph& f32, const Regions& regions, std::vector<Storage> groups,
                                                std::span<const float> largest, const PictureStore& pictures,
                                                int threads);

}  // namespace octet
