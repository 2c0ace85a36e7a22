// FP32 model + sample pictures -> INT8 model.
#pragma once

#include <cstdint>     // std::int64_t
#include <functional>  // std::function
#include <map>         // std::map
#include <optional>    // std::optional
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/model.h"

namespace octet {

enum class CalibrationMode : std::uint8_t { naive, entropy, percentile, mse };
enum class ActivationType : std::uint8_t {
  automatic,  ///< u8 where values are non-negative by construction, else s8
  s8,         ///< s8 everywhere
  u8,         ///< also u8 where the sample never went below zero
};

struct CalibrationOptions {
  CalibrationMode mode = CalibrationMode::mse;
  ActivationType dtype = ActivationType::automatic;
  std::vector<std::string> exclude;  ///< node names (also names of fused nodes) that stay FP32
  double percentile = 99.99;         ///< for CalibrationMode::percentile
  int threads = 0;                   ///< 0: as many as the calling arena has
};

/// Range of one value, as measured and as chosen.
struct ValueRange {
  float min = 0, max = 0;  ///< seen on the sample
  float threshold = 0;     ///< |x| that maps to the largest stored integer
};

/// What calibration did, for reports.
struct CalibrationReport {
  std::int64_t images = 0;                   ///< decoded and used
  std::map<std::string, ValueRange> ranges;  ///< by output_name
  int int8_nodes = 0, f32_nodes = 0;         ///< nodes that compute in each precision
};

struct CalibratedModel {
  Model model;
  CalibrationReport report;
};

/// Supplies decoded pictures: fills `slots` with up to `count` pictures laid out one behind the
/// other (u8 NHWC without border) and returns how many; 0 at the end. Called from one thread.
using PictureSource = std::function<Result<std::int64_t>(std::span<std::uint8_t> slots, std::int64_t count)>;

/// Optimises `model`, runs it in FP32 over all pictures with streaming statistics (memory does not
/// depend on their number), chooses thresholds and quantises. Unknown names in `exclude` are one
/// Error(usage) that lists them all with the nearest existing names. Does not change `model`.
Result<CalibratedModel> calibrate(const Model& model, const CalibrationOptions& options, const PictureSource& pictures);

}  // namespace octet
