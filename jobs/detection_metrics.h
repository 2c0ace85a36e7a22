// Average precision of detections: COCO's, Pascal VOC's and MXNet's rules. Knows nothing of files and models.
#pragma once

#include <array>        // std::array
#include <cstdint>      // std::uint64_t
#include <map>          // std::map
#include <optional>     // std::optional
#include <span>         // std::span
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::pair
#include <vector>       // std::vector

#include "octet/jobs/ground_truth.h"
#include "octet/jobs/record.h"

namespace octet {

enum class DetectionMetric : std::uint8_t {
  /// pycocotools: ten IoU thresholds from 0.5 to 0.95, precision at 101 recalls, the best 100
  /// detections of a class in a picture; crowds take any number of detections by the share of the
  /// detection that lies in them.
  coco,
  /// VOC devkit: IoU of at least 0.5 with the best object, boxes as inclusive pixels (sides are
  /// max - min + 1); precision at 11 recalls, each reached exactly (no rounding).
  voc07,
  /// The same matches, area under the precision envelope (VOC2010 and later).
  voc,
  /// MXNet's example/ssd: IoU above 0.5 of continuous boxes, 11 recalls; pictures without objects
  /// are skipped with all their detections; difficult objects are counted where their class has no
  /// detection in the picture, and no object is counted where all detections of its class were
  /// ignored; classes that have false alarms only count with 0.
  mxnet,
};

/// "coco", "voc07", "voc", "mxnet"; else Error(usage).
Result<DetectionMetric> parse_detection_metric(std::string_view text);
std::string_view to_string(DetectionMetric metric) noexcept;

/// Objects outside are neither to be found nor to be missed, for DetectionMetric::coco. Square pixels.
struct AreaRange {
  double min = 0, max = 1e10;
};

/// One class. Percent, 0..100.
struct ClassAccuracy {
  int id = 0;
  std::uint64_t objects = 0;     ///< that count
  std::uint64_t detections = 0;  ///< that were judged
  double ap50 = 0;               ///< at IoU 0.5
  double ap = 0;                 ///< mean over the metric's thresholds; ap50 for those with one
  std::string label;             ///< left to the caller
};

/// Means over the classes that have objects. Percent, 0..100.
struct DetectionAccuracy {
  double map50 = 0, map = 0;
  std::vector<ClassAccuracy> classes;  ///< by id
};

/// Values of replicated evaluations: the pictures drawn anew with replacement, as many as there are.
struct Bootstrap {
  std::vector<double> map50, map;  ///< one a replicate, in the same order for equal seeds and numbers of pictures
};

/// Judges picture by picture and keeps 12 bytes a detection. Not thread-safe.
class DetectionMetrics {
 public:
  explicit DetectionMetrics(DetectionMetric metric, AreaRange area = {}) : metric_(metric), area_(area) {}

  /// Boxes of both in pixels of the picture. `detections` in the detector's order, which decides
  /// between equal scores inside a picture; between pictures the lower `rank` goes first, then the
  /// earlier call (pycocotools: rank = image id). A score that is no number is the lowest.
  void add(std::span<const TruthBox> truth, std::span<const Detection> detections, std::int64_t rank = 0);

  [[nodiscard]] DetectionAccuracy accuracy() const;
  /// Up to 1000 replicates, as many as take a few seconds in the calling arena; none when that is
  /// less than 100.
  [[nodiscard]] Bootstrap bootstrap(std::uint64_t seed) const;

 private:
  struct Mark {
    float score = 0;
    std::uint32_t image = 0;
    std::uint16_t matched = 0, ignored = 0;  // a bit per IoU threshold
  };
  struct Objects {
    std::uint32_t image = 0, count = 0;
  };
  struct ClassMarks {
    std::vector<Mark> marks;
    std::vector<Objects> objects;
  };
  using Values = std::pair<double, double>;  // ap50, ap

  [[nodiscard]] std::map<int, ClassMarks> sorted() const;
  [[nodiscard]] std::optional<Values> class_values(const ClassMarks& marks,
                                                   std::span<const std::uint32_t> weights) const;

  DetectionMetric metric_;
  AreaRange area_;
  std::vector<std::int64_t> ranks_;  // per picture
  std::map<int, ClassMarks> classes_;
};

/// Bounds of the middle 95 % of the values; nullopt when there are none.
std::optional<std::array<double, 2>> middle95(std::vector<double> values);

/// What one picture adds to a share.
struct ShareOfPicture {
  std::uint32_t part = 0, whole = 0;
};
/// Percentages sum(part) / sum(whole) of the pictures drawn anew, 1000 of them, or as many as take a few seconds;
/// none when that is less than 100. Draws without a whole are left out. Same drawing as DetectionMetrics::bootstrap.
std::vector<double> bootstrap_shares(std::span<const ShareOfPicture> pictures, std::uint64_t seed);

/// How many of a reference's confident detections another model has too.
struct DetectionAgreement {
  static constexpr float min_score = 0.3F;
  std::uint64_t compared = 0;  ///< detections of the reference with a score of at least min_score
  std::uint64_t agreeing = 0;  ///< of these, those for which the other has one of the same class with IoU >= 0.5

  /// Both best first; each of `other` (of any score) serves one of `reference`: the best overlap still free.
  void add(std::span<const Detection> reference, std::span<const Detection> other);
};

}  // namespace octet
