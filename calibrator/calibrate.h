// FP32 model + sample pictures -> INT8 model.
#pragma once

#include <array>        // std::array
#include <cstdint>      // std::int64_t
#include <functional>   // std::function
#include <map>          // std::map
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <vector>       // std::vector

#include "octet/graph/model.h"

namespace octet {

enum class CalibrationMode : std::uint8_t {
  naive,
  entropy,
  percentile,
  mse,
  /// Chosen by the error at the output of the layers: cross-layer equalisation by measured ranges (balance.h), scales
  /// by what they do to the readers (output_error.h), weights rounded together and channels' gains and biases fitted
  /// (refine.h). The others choose thresholds alone (thresholds.h).
  automatic,
};
std::string_view to_string(CalibrationMode mode) noexcept;  ///< "naive", "entropy", "percentile", "mse", "auto"
enum class ActivationType : std::uint8_t {
  automatic,  ///< u8 where values are non-negative by construction, else s8
  s8,         ///< s8 everywhere
  u8,         ///< also u8 where the sample never went below zero
};

/// Supplies decoded pictures: fills `slots` with up to `count` pictures laid out one behind the
/// other (u8 NHWC without border) and returns how many; 0 at the end. Called from one thread.
using PictureSource = std::function<Result<std::int64_t>(std::span<std::uint8_t> slots, std::int64_t count)>;

struct CalibrationOptions {
  CalibrationMode mode = CalibrationMode::automatic;
  ActivationType dtype = ActivationType::automatic;
  /// Nodes that stay FP32, by name (also that of a fused node) or by a shell pattern of names, such as "stage1_*": `*`,
  /// `?` and `[...]` as in fnmatch(3). Each must match a node.
  std::vector<std::string> exclude;
  std::vector<std::string> exclude_ops;  ///< likewise, by operator as op_name() tells of the fused graph: "Pooling"
  bool exclude_first_conv = false;       ///< likewise the first Convolution: MXNet's --exclude-first-conv
  double percentile = 99.99;             ///< for CalibrationMode::percentile
  int threads = 0;                       ///< 0: as many as the calling arena has
  bool measure_damage = false;           ///< fill CalibrationReport::damage and ::histograms
  /// What the damage is measured on, asked for when the model is done; up to 64 are kept. Empty, or without pictures:
  /// those that calibrated.
  PictureSource judged;
};

/// Range of one value, as measured and as chosen. With equalisation: of the equalised network.
struct ValueRange {
  float min = 0, max = 0;  ///< seen on the sample
  float threshold = 0;     ///< |x| that maps to the largest stored integer
};

/// Magnitudes of one value over the sample. With equalisation: of the equalised network.
struct ValueHistogram {
  double bin_width = 0;
  std::vector<std::uint64_t> counts;  ///< at most 128: values that are not 0 with i <= |x| / bin_width < i + 1
  std::uint64_t zeros = 0;            ///< exactly 0
  /// What the modes naive, entropy, percentile and mse would choose: see thresholds.h.
  std::array<float, 4> thresholds{};
};

/// What INT8 does to one value: the INT8 node's output, everything before it in INT8 as well, against
/// the float graph on the same pictures.
struct ValueDamage {
  std::string name;          ///< the node's name
  std::string output_name;   ///< as in CalibrationReport::ranges
  std::string op;            ///< the operator's name
  bool int8 = false;         ///< the node computes in INT8, whatever it stores; else it stayed float
  DType dtype = DType::f32;  ///< how the INT8 graph stores it
  float scale = 0;           ///< of a quantised value
  double sqnr = 0;           ///< 10 log10(sum x^2 / sum (x' - x)^2) in dB, at most 200
  double input_sqnr = 200;   ///< the worst of the values that the node reads
  double cosine = 1;         ///< sum x x' / sqrt(sum x^2 sum x'^2); 1 when both are all zero
  double clipped = 0;        ///< share (0..1) of the float values outside the stored range
  double mean_error = 0;     ///< mean of x' - x over the root mean square of x
};

/// A layer as a candidate for float.
struct LayerGain {
  std::string name;  ///< the node's
  double sqnr = 0;   ///< of the network's output in dB (see OutputMatch) with this layer in float: see layer_gain.h
  double gain = 0;   ///< what that is above all layers in INT8
};

/// How well a quantised graph follows the float one at the network's output, on pictures that were not used for
/// fitting.
struct OutputMatch {
  double agreement = 0;  ///< expected share of pictures with the same best class, percent: see output_match.h
  /// Expected loss of top-1, points; where there are labels.
  std::optional<double> drop;
  double sqnr = 0;                        ///< of the outputs (each picture's less their mean) in dB, at most 200
  std::int64_t judged = 0, agreeing = 0;  ///< pictures, and those of them with the same best class
};

/// One more layer in float.
struct PrecisionStep {
  std::string layer;  ///< empty in the first step: all layers in INT8
  OutputMatch match;
};

/// Which layers stay in float to meet a bound, and why: see precision.h.
struct PrecisionReport {
  std::optional<double> min_agreement, max_drop;  ///< the bound: one of them
  bool met = false;
  std::vector<LayerGain> ranking;    ///< largest gain first; empty when INT8 alone met the bound
  std::vector<PrecisionStep> steps;  ///< the layers of all but the first are in float, in this order
  std::size_t best = 0;              ///< the step whose layers the model keeps in float
  /// Images/s of the executor on one thread, the graphs taking turns; 0 where they were not measured.
  double int8_images_per_s = 0, images_per_s = 0, f32_images_per_s = 0;
};

/// What calibration did, for reports.
struct CalibrationReport {
  std::int64_t images = 0;                           ///< decoded and used
  std::map<std::string, ValueRange> ranges;          ///< by output_name
  int int8_nodes = 0, f32_nodes = 0;                 ///< nodes that compute in each precision
  std::vector<ValueDamage> damage;                   ///< in the order of the INT8 graph; see measure_damage
  std::size_t damage_pictures = 0;                   ///< that it was measured on
  bool damage_held_out = false;                      ///< none of them calibrated
  std::map<std::string, ValueHistogram> histograms;  ///< by output_name, of the values in `ranges`
  std::optional<PrecisionReport> precision;          ///< where a bound was given
};

struct CalibratedModel {
  Model model;
  CalibrationReport report;
};

/// Optimises `model`, runs it in FP32 over all pictures with streaming statistics (memory does not
/// depend on their number; up to 64 of them, evenly spread, are kept for further passes), chooses thresholds and
/// quantises. What matches no node in `exclude` and `exclude_ops` is one Error(usage) that lists it all with what there
/// is. Does not change `model`.
Result<CalibratedModel> calibrate(const Model& model, const CalibrationOptions& options, const PictureSource& pictures);

}  // namespace octet
