// From the statistics of a value to its threshold: the magnitude that maps to the largest integer.
#pragma once

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/statistics.h"

namespace octet {

/// Threshold for a symmetric quantiser with `levels` steps from 0 to the threshold (255 for u8,
/// 127 for s8). In [0, max|x|]; 0 when there are no data or all are 0 (or too small for a scale).
/// Exact zeros are left out everywhere: they are represented exactly whatever the threshold.
///   naive       max|x|.
///   percentile  the smallest magnitude that `percentile` % of the values do not pass.
///   entropy     least Kullback-Leibler divergence between the clipped histogram and itself at the
///               quantiser's resolution (Migacz, "8-bit inference with TensorRT", GTC 2017);
///               one-sided, levels + 1 groups, every candidate up to the whole range.
///   mse         least mean squared error of clipping and rounding; also where `automatic` starts from.
float choose_threshold(const ValueStatistics& statistics, CalibrationMode mode, int levels, double percentile);

/// Scale of a value quantised with `threshold`; 1 for threshold 0, so that scales are always > 0.
float scale_of(float threshold, int levels) noexcept;

}  // namespace octet
