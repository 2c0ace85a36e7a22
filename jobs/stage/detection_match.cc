#include "octet/jobs/stage/detection_match.h"

#include <algorithm>  // std::stable_sort
#include <cmath>      // std::isnan
#include <limits>     // std::numeric_limits
#include <map>        // std::map

namespace octet {
namespace {

constexpr std::size_t coco_max_detections = 100;  // of a class in a picture

/// Objects and detections of one class, detections best first.
struct ClassView {
  std::vector<const TruthBox*> objects;
  std::vector<const Detection*> detections;
};

// NaN behind every number.
float rank_score(float score) { return std::isnan(score) ? -std::numeric_limits<float>::infinity() : score; }

std::map<int, ClassView> by_class(std::span<const TruthBox> truth, std::span<const Detection> detections) {
  std::map<int, ClassView> classes;
  for (const TruthBox& box : truth) classes[box.id].objects.push_back(&box);
  for (const Detection& found : detections) {
    if (found.id >= 0) classes[found.id].detections.push_back(&found);
  }
  for (auto& [id, view] : classes) {
    std::stable_sort(view.detections.begin(), view.detections.end(), [](const Detection* a, const Detection* b) {
      return rank_score(a->score) > rank_score(b->score);
    });
  }
  return classes;
}

// `pixel` is what a side is longer than max - min: 1 for VOC's inclusive pixels.
struct Overlap {
  double both = 0, detection = 0, object = 0;  // areas

  Overlap(const Detection& found, const TruthBox& box, double pixel) {
    const double width = std::min<double>(found.xmax, box.xmax) - std::max<double>(found.xmin, box.xmin) + pixel;
    const double height = std::min<double>(found.ymax, box.ymax) - std::max<double>(found.ymin, box.ymin) + pixel;
    both = width > 0 && height > 0 ? width * height : 0;
    detection =
        (static_cast<double>(found.xmax) - found.xmin + pixel) * (static_cast<double>(found.ymax) - found.ymin + pixel);
    object = (box.xmax - box.xmin + pixel) * (box.ymax - box.ymin + pixel);
  }
  [[nodiscard]] double share(double of) const { return of > 1e-12 ? both / of : 0; }
  [[nodiscard]] double iou() const { return share(detection + object - both); }
  [[nodiscard]] double of_detection() const { return share(detection); }
};

bool is_ignored(const TruthBox& box) { return box.difficult || box.crowd; }

/// pycocotools' evaluateImg for all thresholds.
class CocoMatch {
 public:
  CocoMatch(const ClassView& view, const AreaRange& area) : view_(view), area_(area) {
    objects_ = view.objects;
    std::stable_sort(objects_.begin(), objects_.end(),
                     [this](const TruthBox* a, const TruthBox* b) { return !ignored(*a) && ignored(*b); });
  }

  void run(ClassFate& fate) const {
    const std::size_t count = std::min(view_.detections.size(), coco_max_detections);
    fate.detections.resize(count);
    for (std::size_t d = 0; d < count; ++d) fate.detections[d].score = rank_score(view_.detections[d]->score);
    for (const TruthBox* box : objects_) fate.objects += ignored(*box) ? 0 : 1;
    const auto overlaps = all_overlaps(count);
    const auto thresholds = iou_thresholds();
    for (std::size_t t = 0; t < thresholds.size(); ++t) match(thresholds[t], t, overlaps, fate);
  }

 private:
  [[nodiscard]] bool outside(double area) const { return area < area_.min || area > area_.max; }
  [[nodiscard]] bool ignored(const TruthBox& box) const { return is_ignored(box) || outside(area_of(box)); }
  [[nodiscard]] static double area_of(const TruthBox& box) {
    return box.area < 0 ? (box.xmax - box.xmin) * (box.ymax - box.ymin) : box.area;
  }

  [[nodiscard]] std::vector<double> all_overlaps(std::size_t count) const {
    std::vector<double> overlaps;
    overlaps.reserve(count * objects_.size());
    for (std::size_t d = 0; d < count; ++d) {
      for (const TruthBox* box : objects_) {
        const Overlap overlap(*view_.detections[d], *box, 0);
        overlaps.push_back(box->crowd ? overlap.of_detection() : overlap.iou());
      }
    }
    return overlaps;
  }

  void match(double threshold, std::size_t bit, const std::vector<double>& overlaps, ClassFate& fate) const {
    const auto flag = static_cast<std::uint16_t>(1U << bit);
    std::vector<char> taken(objects_.size());
    for (std::size_t d = 0; d < fate.detections.size(); ++d) {
      double best = std::min(threshold, 1 - 1e-10);
      std::optional<std::size_t> hit;
      for (std::size_t g = 0; g < objects_.size(); ++g) {
        if (taken[g] != 0 && !objects_[g]->crowd) continue;
        if (hit && !ignored(*objects_[*hit]) && ignored(*objects_[g])) break;  // only ignored ones follow
        const double overlap = overlaps[d * objects_.size() + g];
        if (!(overlap >= best)) continue;
        best = overlap;
        hit = g;
      }
      const Detection& found = *view_.detections[d];
      const bool ignore = hit ? ignored(*objects_[*hit])
                              : outside((static_cast<double>(found.xmax) - found.xmin) *
                                        (static_cast<double>(found.ymax) - found.ymin));
      if (hit) {
        taken[*hit] = 1;
        fate.detections[d].matched |= flag;
      }
      if (ignore) fate.detections[d].ignored |= flag;
    }
  }

  const ClassView& view_;
  const AreaRange& area_;
  std::vector<const TruthBox*> objects_;  // those that count first
};

/// VOC's and MXNet's common part: the object with the largest overlap decides, the first of equals.
void match_best(const ClassView& view, bool voc, ClassFate& fate) {
  std::vector<char> taken(view.objects.size());
  for (const Detection* found : view.detections) {
    DetectionFate& judged = fate.detections.emplace_back();
    judged.score = rank_score(found->score);
    double best = -1;
    std::size_t hit = 0;
    for (std::size_t g = 0; g < view.objects.size(); ++g) {
      const double overlap = Overlap(*found, *view.objects[g], voc ? 1 : 0).iou();
      if (!(overlap > best)) continue;
      best = overlap;
      hit = g;
    }
    if (!(voc ? best >= 0.5 : best > 0.5)) continue;
    if (is_ignored(*view.objects[hit])) {
      judged.ignored = 1;
    } else if (taken[hit] == 0) {
      taken[hit] = 1;
      judged.matched = 1;
    }
  }
  for (const TruthBox* box : view.objects) fate.objects += is_ignored(*box) ? 0 : 1;
}

void count_as_mxnet(const ClassView& view, ClassFate& fate) {
  if (view.detections.empty()) {
    fate.objects = static_cast<std::uint32_t>(view.objects.size());
    return;
  }
  fate.counted = std::any_of(fate.detections.begin(), fate.detections.end(),
                             [](const DetectionFate& judged) { return judged.ignored == 0; });
}

}  // namespace

std::array<double, 10> iou_thresholds() noexcept {
  constexpr double first = 0.5;
  constexpr double last = 0.95;
  std::array<double, 10> thresholds{};
  for (std::size_t i = 0; i < thresholds.size(); ++i) {
    thresholds[i] = static_cast<double>(i) * ((last - first) / 9) + first;
  }
  thresholds.back() = last;
  return thresholds;
}

std::size_t threshold_count(DetectionMetric metric) noexcept {
  return metric == DetectionMetric::coco ? iou_thresholds().size() : 1;
}

std::vector<ClassFate> match_image(DetectionMetric metric, const AreaRange& area, std::span<const TruthBox> truth,
                                   std::span<const Detection> detections) {
  std::vector<ClassFate> fates;
  if (metric == DetectionMetric::mxnet && truth.empty()) return fates;
  for (const auto& [id, view] : by_class(truth, detections)) {
    ClassFate& fate = fates.emplace_back();
    fate.id = id;
    if (metric == DetectionMetric::coco) {
      CocoMatch(view, area).run(fate);
    } else {
      match_best(view, metric != DetectionMetric::mxnet, fate);
      if (metric == DetectionMetric::mxnet) count_as_mxnet(view, fate);
    }
  }
  return fates;
}

}  // namespace octet
