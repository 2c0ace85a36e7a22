// Which detections of one picture hit which objects, by each metric's rules.
#pragma once

#include <array>    // std::array
#include <cstdint>  // std::uint32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/jobs/detection_metrics.h"

namespace octet {

/// COCO's IoU thresholds, as numpy.linspace(0.5, 0.95, 10) gives them; the other metrics use the first.
std::array<double, 10> iou_thresholds() noexcept;
/// How many of them the metric looks at.
std::size_t threshold_count(DetectionMetric metric) noexcept;

/// The fate of one detection: a bit per threshold.
struct DetectionFate {
  float score = 0;
  std::uint16_t matched = 0;  ///< hit an object
  std::uint16_t ignored = 0;  ///< counts neither as hit nor as false alarm (wins over matched)
};

/// One class of one picture.
struct ClassFate {
  int id = 0;
  std::vector<DetectionFate> detections;  ///< best first
  std::uint32_t objects = 0;              ///< that count
  bool counted = true;                    ///< MXNet: whether the class gets a record (be it of no object)
};

/// Matches every class that occurs in either list.
std::vector<ClassFate> match_image(DetectionMetric metric, const AreaRange& area, std::span<const TruthBox> truth,
                                   std::span<const Detection> detections);

}  // namespace octet
