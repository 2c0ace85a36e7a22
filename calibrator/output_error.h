// Thresholds by what they do to the layers that read a value, not to the value itself.
#pragma once

#include "octet/calibrator/picture_store.h"
#include "octet/calibrator/quantize.h"
#include "octet/calibrator/regions.h"

namespace octet {

/// Scales of groups whose readers err least on pictures that were not seen. Thresholds are multiples of the group's
/// usual peak (root mean square, over pictures, of the largest magnitude in each); every picture meets the one that the
/// others would have set (leave-one-out), so that a sample's records do not hide what clipping will do to the next
/// ones. Of the multiples, the one with the least
///   sum over readers of  var(s W (Q(x) - x)) / var(s W x)
/// averaged over threshold shifts of up to a fifth; x windows of the float graph, Q clipping and rounding, s the slope
/// of the reader's ReLU or leaky ReLU at its result (else 1), var over windows, filters added up (an error in the mean
/// is left to the bias). A residual sum that reads the value counts as a reader with W = 1. Values that a clip bounds
/// get no wider threshold than that. Groups without readers of these kinds keep their scale.
Result<std::vector<Storage>> least_output_error(const Graph& f32, const Regions& regions, std::vector<Storage> groups,
                                                const PictureStore& pictures, int threads);

}  // namespace octet
