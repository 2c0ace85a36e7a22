#include "octet/jobs/draw/compare.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace octet {
namespace {

using Kind = Difference::Kind;

constexpr double kMinOverlap = 0.5;
constexpr double kVisibleChange = 0.005;  // scores are shown with two decimals
constexpr std::size_t kMaxCandidates = 2000;

double weight(const Difference& difference) {
  const double a = difference.first_score;
  const double b = difference.second_score;
  switch (difference.kind) {
    case Kind::same: return 0;
    case Kind::score: return std::abs(a - b);
    default: return std::max(a, b);
  }
}

bool finite(const Detection& box) {
  return std::isfinite(box.score) && std::isfinite(box.xmin) && std::isfinite(box.ymin) && std::isfinite(box.xmax) &&
         std::isfinite(box.ymax);
}

/// Finite boxes, best first, at most `count`.
std::vector<std::size_t> best_boxes(const std::vector<Detection>& found, float min_score, std::size_t count) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (finite(found[i]) && found[i].score >= min_score) order.push_back(i);
  }
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return found[a].score > found[b].score; });
  if (order.size() > count) order.resize(count);
  return order;
}

/// One model's boxes while they are paired.
struct Side {
  const std::vector<Detection>& found;
  std::vector<std::size_t> all;      ///< candidates for a pair
  std::vector<std::size_t> visible;  ///< those drawn
  std::vector<char> taken;           ///< by position in `found`

  Side(const std::vector<Detection>& boxes, float min_score)
      : found(boxes),
        all(best_boxes(boxes, 0, kMaxCandidates)),
        visible(visible_boxes(boxes, min_score)),
        taken(boxes.size(), 0) {}
};

class Pairing {
 public:
  Pairing(const Outcome& first, const Outcome& second, float min_score)
      : first_(first.detections, min_score), second_(second.detections, min_score) {}

  OutcomeComparison run() {
    for (const std::size_t i : first_.visible) pair(first_, i, second_, second_.all, true);
    for (const std::size_t i : second_.visible) pair(second_, i, first_, first_.all, true);
    for (const std::size_t i : first_.visible) pair(first_, i, second_, second_.visible, false);
    for (const std::size_t i : first_.visible) single(first_, i);
    for (const std::size_t i : second_.visible) single(second_, i);
    return std::move(result_);
  }

 private:
  void add(const Side& side, std::size_t i, const Detection* partner, Kind kind) {
    const bool from_first = &side == &first_;
    const Detection& box = side.found[i];
    Difference difference{kind, {}, {}, 0, 0};
    const Detection* first = from_first ? &box : partner;
    const Detection* second = from_first ? partner : &box;
    if (first != nullptr) difference.first_id = first->id, difference.first_score = first->score;
    if (second != nullptr) difference.second_id = second->id, difference.second_score = second->score;
    result_.differences.push_back(difference);
  }

  void pair(Side& side, std::size_t i, Side& other, const std::vector<std::size_t>& candidates, bool same_class) {
    if (side.taken[i] != 0) return;
    const Detection& box = side.found[i];
    std::optional<std::size_t> best;
    double overlap = kMinOverlap;
    for (const std::size_t j : candidates) {
      if (other.taken[j] != 0 || (same_class && other.found[j].id != box.id)) continue;
      const double iou = intersection_over_union(box, other.found[j]);
      if (iou < overlap || (best && iou == overlap)) continue;
      best = j;
      overlap = iou;
    }
    if (!best) return;
    side.taken[i] = other.taken[*best] = 1;
    const Detection& partner = other.found[*best];
    if (same_class) {
      add(side, i, &partner, std::abs(box.score - partner.score) < kVisibleChange ? Kind::same : Kind::score);
      return;
    }
    add(side, i, &partner, Kind::changed);
    odd(side).push_back(i);
    odd(other).push_back(*best);
  }

  void single(Side& side, std::size_t i) {
    if (side.taken[i] != 0) return;
    add(side, i, nullptr, Kind::only_one);
    odd(side).push_back(i);
  }

  std::vector<std::size_t>& odd(const Side& side) { return &side == &first_ ? result_.first_odd : result_.second_odd; }

  Side first_, second_;
  OutcomeComparison result_;
};

OutcomeComparison compare_classes(const Outcome& first, const Outcome& second, int top_k) {
  OutcomeComparison result;
  const auto& a = first.predictions;
  const auto& b = second.predictions;
  if (a.empty() || b.empty()) return result;
  if (a.front().id != b.front().id) {
    result.differences.push_back({Kind::changed, a.front().id, b.front().id, a.front().score, b.front().score});
    result.size += 1;
  }
  std::vector<int> ids;
  for (const auto* list : {&a, &b}) {
    for (std::size_t i = 0; i < std::min(list->size(), static_cast<std::size_t>(top_k)); ++i) {
      const int id = (*list)[i].id;
      if (std::find(ids.begin(), ids.end(), id) == ids.end()) ids.push_back(id);
    }
  }
  for (const int id : ids) {
    const auto is_id = [id](const Prediction& prediction) { return prediction.id == id; };
    const auto in_a = std::find_if(a.begin(), a.end(), is_id);
    const auto in_b = std::find_if(b.begin(), b.end(), is_id);
    if (in_a == a.end() || in_b == b.end() || !std::isfinite(in_a->score) || !std::isfinite(in_b->score)) continue;
    const bool same = std::abs(in_a->score - in_b->score) < kVisibleChange;
    result.differences.push_back({same ? Kind::same : Kind::score, id, id, in_a->score, in_b->score});
  }
  return result;
}

}  // namespace

double intersection_over_union(const Detection& a, const Detection& b) noexcept {
  const auto area = [](const Detection& box) {
    return std::max(0.0, static_cast<double>(box.xmax) - box.xmin) *
           std::max(0.0, static_cast<double>(box.ymax) - box.ymin);
  };
  const double width = static_cast<double>(std::min(a.xmax, b.xmax)) - std::max(a.xmin, b.xmin);
  const double height = static_cast<double>(std::min(a.ymax, b.ymax)) - std::max(a.ymin, b.ymin);
  if (!(width > 0 && height > 0)) return 0;
  const double both = width * height;
  return both / (area(a) + area(b) - both);
}

std::vector<std::size_t> visible_boxes(const std::vector<Detection>& found, float min_score) {
  return best_boxes(found, min_score, kMaxBoxes);
}

OutcomeComparison compare(const Outcome& first, const Outcome& second, int top_k, float min_score) {
  OutcomeComparison result =
      first.detection ? Pairing(first, second, min_score).run() : compare_classes(first, second, top_k);
  for (const Difference& difference : result.differences) {
    const double by = weight(difference);
    if (std::isfinite(by)) result.size += by;
    result.in_kind = result.in_kind || difference.kind == Kind::changed || difference.kind == Kind::only_one;
  }
  std::stable_sort(result.differences.begin(), result.differences.end(), [](const Difference& a, const Difference& b) {
    return a.kind != b.kind ? a.kind > b.kind : weight(a) > weight(b);
  });
  return result;
}

}  // namespace octet
