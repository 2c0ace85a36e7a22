// Statistics of a value in the form that reports show.
#pragma once

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/statistics.h"

namespace octet {

/// Neighbouring bins of `statistics` added together, and the thresholds that the modes would choose for a quantiser
/// with `levels` steps (see choose_threshold).
ValueHistogram histogram_of(const ValueStatistics& statistics, int levels, double percentile);

}  // namespace octet
