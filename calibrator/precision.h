// Calibration within a bound: the fewest layers stay in float that meet it.
#pragma once

#include <functional>  // std::function
#include <optional>    // std::optional

#include "octet/calibrator/calibrate.h"

namespace octet {

struct PrecisionOptions {
  /// The bound, one of them: least agreement of the best class with the float network, percent (0..100]; most points of
  /// top-1 that may be lost, 0 or more.
  std::optional<double> min_agreement, max_drop;
  int max_float = 8;  ///< layers in float at most; 0: INT8 meets the bound or nothing does
  /// Class of the i-th picture that was supplied, negative when it has none. For max_drop; called after the last one.
  std::function<int(std::size_t)> label;
  std::function<bool()> stopped;  ///< true: end soon with Error(cancelled). Empty: never
  /// Told of every step; `better`: its model when that is the best so far, else null. An error ends the search.
  /// Empty: nobody.
  std::function<Result<void>(const PrecisionReport& report, const Model* better)> checkpoint;
  /// Steps and ranking of an earlier search with the same model, options and pictures that was stopped. Called after
  /// the last picture was supplied. Empty: there was none.
  std::function<PrecisionReport()> resume;
};

struct BoundedModel {
  CalibratedModel calibrated;  ///< report.precision says how the bound was met, or that it was not
  Graph all_int8;              ///< for comparisons of speed alone: its ranges are rough
};

/// Like calibrate, within a bound. Two thirds of the pictures are fitted on, every third (up to 64 MB of them) is held
/// back and judged by match_outputs. While the bound is not met: ranks layers by the noise that each, alone in INT8,
/// brings to the network's output, on up to 48 of all pictures (see rank_layers; anew for the first 12 of the
/// order in every step); the first three are tried, the best goes to float, and the network is calibrated again. What
/// the held pictures count must not contradict an agreement at 95 % either. In the end the model is calibrated on all
/// pictures; if nothing met the bound, with the layers of the step that came closest. Does not depend on the number of
/// threads. Errors beyond those of calibrate: usage (bounds out of range, fewer than 12 pictures, pictures without
/// labels for max_drop), unsupported (a network that detects), cancelled.
Result<BoundedModel> calibrate_within(const Model& model, const CalibrationOptions& options,
                                      const PrecisionOptions& precision, const PictureSource& pictures);

}  // namespace octet
