// Accuracy over labelled entries, of one model or two on the same pixels: what `octet evaluate` runs.
#pragma once

#include <array>       // std::array
#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/jobs/detection_metrics.h"
#include "octet/jobs/score.h"

namespace octet {

struct EvaluateOptions {
  std::filesystem::path model;  ///< prefix
  LoadOptions load;
  std::filesystem::path against;  ///< prefix of a second model; empty: none
  LoadOptions against_load;
  StreamOptions stream;
  /// Leaves out the entries whose index % skip_stride == skip_offset, for example those that a
  /// calibration with the same stride and offset used. 0: none.
  std::uint64_t skip_stride = 0, skip_offset = 0;
  /// Detection models: where the objects are (see Annotations); empty: packed in the entries' labels
  /// (see parse_packed_label). A record file's entries have no file names and so need the latter.
  std::filesystem::path annotations;
  DetectionMetric metric = DetectionMetric::coco;
  std::uint64_t seed = 0;  ///< of the drawing behind a detection model's intervals
};

/// What a detection model reached. Percent, 0..100.
struct DetectionFigures {
  DetectionMetric metric = DetectionMetric::coco;
  double map50 = 0;  ///< mean over the classes of the average precision at IoU 0.5
  double map = 0;    ///< over the metric's thresholds too; map50 for those with one
  /// Middle 95 % over pictures drawn anew; nullopt where there are too many detections for that.
  std::optional<std::array<double, 2>> map50_interval95, map_interval95;
  /// coco: map of objects up to 32 x 32 pixels, up to 96 x 96, and above; nullopt without such objects.
  std::optional<double> map_small, map_medium, map_large;
  std::vector<ClassAccuracy> classes;  ///< by id
};

/// One model's figures, over the entries that could be read. Percent, 0..100.
struct Accuracy {
  std::string model;
  bool quantized = false;
  std::uint64_t correct1 = 0, correct5 = 0;
  double top1 = 0, top5 = 0;
  std::array<double, 2> interval95{0, 100};   ///< Wilson's score interval of top1
  std::optional<DetectionFigures> detection;  ///< of a detection model, which has no other figures
};

/// The second model beside the first.
struct Comparison {
  Accuracy accuracy;
  /// Entries with the same best class in both, of all that were judged. Detection models: what
  /// DetectionAgreement counts, the second model being the reference.
  std::uint64_t compared = 0, agreeing = 0;
  double agreement = 0;                                  ///< percent; 0 when nothing was compared
  double drop = 0;                                       ///< points: the second model's top1 (map) less the first's
  double drop50 = 0;                                     ///< detection models: the same of map50
  std::optional<std::array<double, 2>> drop_interval95;  ///< detection models: of drop, both on the same drawn pictures
};

struct EvaluateSummary {
  StreamSummary stream;      ///< n counts the entries that were not left out
  std::uint64_t judged = 0;  ///< n - failed: what the percentages are of
  Accuracy accuracy;
  std::optional<Comparison> against;
};

/// Evaluates. Both models see the same decoded pixels. Errors beyond those of loading models and
/// annotations: usage (an entry without the labels that the model needs, a label outside the model's
/// classes, preprocessing, kind or class names that differ between the models), not_found (nothing
/// to judge). Memory: 12 bytes a detection and metric (four for coco with its object sizes).
Result<EvaluateSummary> evaluate(const EvaluateOptions& options);

/// Wilson's score interval for `hits` of `n` at 95 %, in percent; {0, 100} for n == 0.
/// E. B. Wilson, J. Am. Stat. Assoc. 22 (1927).
std::array<double, 2> wilson95(std::uint64_t hits, std::uint64_t n);

}  // namespace octet
