// Accuracy over labelled entries, of one model or two on the same pixels: what `octet evaluate` runs.
#pragma once

#include <array>       // std::array
#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <functional>  // std::function
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/jobs/detection_metrics.h"
#include "octet/jobs/intervals.h"
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
  /// Leaves out the entries for which it is false as well. Empty: none.
  std::function<bool(std::uint64_t index)> wanted;
  bool ignore_labels = false;  ///< with a second model: agreement alone is counted
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
  Interval95 interval95{0, 100}, top5_interval95{0, 100};  ///< Wilson's
  std::optional<DetectionFigures> detection;               ///< of a detection model, which has no other figures
};

/// What classifiers made of the entries of one class.
struct ClassHits {
  int id = 0;
  std::string label;  ///< the first model's name of the class, if it has one
  std::uint64_t n = 0;
  std::array<std::uint64_t, 2> correct1{};  ///< of the first model and, where there is one, of the second
};

/// What one class lost.
struct ClassDrop {
  int id = 0;
  std::string label;
  std::uint64_t n = 0;  ///< entries, or objects, of the class
  double drop = 0;      ///< points of top-1, or of average precision at IoU 0.5: the second model's less the first's
};

/// The second model beside the first.
struct Comparison {
  Accuracy accuracy;
  /// Entries with the same best class in both, of all that were judged. Detection models: what
  /// DetectionAgreement counts, the second model being the reference.
  std::uint64_t compared = 0, agreeing = 0;
  double agreement = 0;  ///< percent; 0 when nothing was compared
  /// Wilson's; detection models: middle 95 % over pictures drawn anew (Wilson's where all agree or none). nullopt
  /// when nothing was compared.
  std::optional<Interval95> agreement_interval95;
  double drop = 0;    ///< points: the second model's top1 (map) less the first's
  double drop50 = 0;  ///< detection models: the same of map50
  /// Of drop. Classifiers: paired_difference95. Detection models: both on the same drawn pictures.
  std::optional<Interval95> drop_interval95;
  std::optional<Interval95> drop50_interval95;  ///< detection models: the same of drop50
  PairedCounts correct;                         ///< classifiers: which of the two have the label as their best class
  double mcnemar_p = 1;                         ///< classifiers: mcnemar_exact of `correct`
  double mean_class_drop = 0;                   ///< points: mean of ClassDrop::drop over the classes that occur
  /// The largest ClassDrop::drop; among equal ones the class with most entries, then the lowest id.
  std::optional<ClassDrop> worst_class;
};

struct EvaluateSummary {
  StreamSummary stream;      ///< n counts the entries that were not left out
  std::uint64_t judged = 0;  ///< n - failed: what the percentages are of
  bool labelled = true;      ///< false: the entries have no labels; of all figures there is agreement alone
  Accuracy accuracy;
  std::optional<Comparison> against;
  std::vector<ClassHits> classes;  ///< classifiers: by id, those that occur
};

/// Evaluates. Both models see the same decoded pixels. Two models are compared without labels
/// too, where the first entry has none. Errors beyond those of loading models and
/// annotations: usage (an entry without the labels that the model needs, a label outside the model's
/// classes, preprocessing, kind or class names that differ between the models), not_found (nothing
/// to judge). Memory: 12 bytes a detection and metric (four for coco with its object sizes), 8 a picture.
Result<EvaluateSummary> evaluate(const EvaluateOptions& options);

}  // namespace octet
