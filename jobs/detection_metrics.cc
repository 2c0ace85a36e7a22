#include "octet/jobs/detection_metrics.h"

#include <oneapi/tbb/parallel_for.h>
#include <algorithm>  // std::stable_sort
#include <cmath>      // std::floor
#include <random>     // std::mt19937_64
#include <string>     // std::string

#include "octet/jobs/stage/average_precision.h"
#include "octet/jobs/stage/detection_match.h"

namespace octet {
namespace {

constexpr std::size_t most_replicates = 1000;
constexpr std::size_t least_replicates = 100;
constexpr double work_limit = 3e9;  // detections looked at in all replicates: a few seconds

/// Sums over the classes that count.
struct Mean {
  double ap50 = 0, ap = 0;
  std::size_t classes = 0;
  void add(double at50, double all) {
    ap50 += at50;
    ap += all;
    ++classes;
  }
  [[nodiscard]] double percent(double sum) const { return classes == 0 ? 0 : 100 * sum / static_cast<double>(classes); }
};

// How often each picture is drawn. Written out because std's distributions differ between libraries.
std::vector<std::uint32_t> draw(std::uint64_t seed, std::size_t replicate, std::size_t images) {
  std::mt19937_64 random(seed * 0x9E3779B97F4A7C15U + replicate);
  std::vector<std::uint32_t> weights(images);
  for (std::size_t i = 0; i < images; ++i) ++weights[static_cast<std::size_t>(random() % images)];
  return weights;
}

float overlap(const Detection& a, const Detection& b) {
  const float width = std::min(a.xmax, b.xmax) - std::max(a.xmin, b.xmin);
  const float height = std::min(a.ymax, b.ymax) - std::max(a.ymin, b.ymin);
  if (!(width > 0 && height > 0)) return 0;
  const float both = width * height;
  return both / ((a.xmax - a.xmin) * (a.ymax - a.ymin) + (b.xmax - b.xmin) * (b.ymax - b.ymin) - both);
}

}  // namespace

Result<DetectionMetric> parse_detection_metric(std::string_view text) {
  for (const auto metric :
       {DetectionMetric::coco, DetectionMetric::voc07, DetectionMetric::voc, DetectionMetric::mxnet}) {
    if (to_string(metric) == text) return metric;
  }
  return Error{
      ErrorCode::usage, {}, "there is no detection metric '" + std::string(text) + "': coco, voc07, voc, mxnet"};
}

std::string_view to_string(DetectionMetric metric) noexcept {
  switch (metric) {
    case DetectionMetric::coco: return "coco";
    case DetectionMetric::voc07: return "voc07";
    case DetectionMetric::voc: return "voc";
    case DetectionMetric::mxnet: return "mxnet";
  }
  return "coco";
}

void DetectionMetrics::add(std::span<const TruthBox> truth, std::span<const Detection> detections, std::int64_t rank) {
  const auto image = static_cast<std::uint32_t>(ranks_.size());
  ranks_.push_back(rank);
  for (const ClassFate& fate : match_image(metric_, area_, truth, detections)) {
    ClassMarks& marks = classes_[fate.id];
    for (const DetectionFate& judged : fate.detections) {
      marks.marks.push_back({judged.score, image, judged.matched, judged.ignored});
    }
    const bool recorded = metric_ == DetectionMetric::mxnet ? fate.counted : fate.objects > 0;
    if (recorded) marks.objects.push_back({image, fate.objects});
  }
}

std::map<int, DetectionMetrics::ClassMarks> DetectionMetrics::sorted() const {
  auto classes = classes_;
  for (auto& [id, marks] : classes) {
    std::stable_sort(marks.marks.begin(), marks.marks.end(), [this](const Mark& a, const Mark& b) {
      return a.score != b.score ? a.score > b.score : ranks_[a.image] < ranks_[b.image];
    });
  }
  return classes;
}

// nullopt for a class that does not count.
std::optional<DetectionMetrics::Values> DetectionMetrics::class_values(const ClassMarks& marks,
                                                                       std::span<const std::uint32_t> weights) const {
  double objects = 0;
  bool recorded = false;
  for (const Objects& in_image : marks.objects) {
    objects += static_cast<double>(in_image.count) * weights[in_image.image];
    recorded = recorded || weights[in_image.image] > 0;
  }
  if (metric_ == DetectionMetric::mxnet ? !recorded : objects == 0) return std::nullopt;
  Values values{0, 0};
  const std::size_t thresholds = threshold_count(metric_);
  std::vector<Hit> hits;
  for (std::size_t t = 0; t < thresholds; ++t) {
    hits.clear();
    double found = 0;
    double seen = 0;
    for (const Mark& mark : marks.marks) {
      const std::uint32_t weight = weights[mark.image];
      if (weight == 0 || (mark.ignored >> t & 1U) != 0) continue;
      seen += weight;
      if ((mark.matched >> t & 1U) == 0) continue;
      found += weight;
      hits.push_back({found, found / seen});
    }
    const double ap = average_precision(metric_, hits, objects);
    if (t == 0) values.first = ap;
    values.second += ap / static_cast<double>(thresholds);
  }
  return values;
}

DetectionAccuracy DetectionMetrics::accuracy() const {
  DetectionAccuracy accuracy;
  Mean mean;
  const std::vector<std::uint32_t> once(ranks_.size(), 1);
  for (const auto& [id, marks] : sorted()) {
    const auto values = class_values(marks, once);
    if (!values) continue;
    mean.add(values->first, values->second);
    ClassAccuracy& one = accuracy.classes.emplace_back();
    one.id = id;
    for (const Objects& in_image : marks.objects) one.objects += in_image.count;
    one.detections = marks.marks.size();
    one.ap50 = 100 * values->first;
    one.ap = 100 * values->second;
  }
  accuracy.map50 = mean.percent(mean.ap50);
  accuracy.map = mean.percent(mean.ap);
  return accuracy;
}

Bootstrap DetectionMetrics::bootstrap(std::uint64_t seed) const {
  const auto classes = sorted();
  double work = static_cast<double>(ranks_.size()) + 1;
  for (const auto& [id, marks] : classes) {
    work += static_cast<double>(marks.marks.size() * threshold_count(metric_) + marks.objects.size());
  }
  const std::size_t replicates = std::min(most_replicates, static_cast<std::size_t>(work_limit / work));
  Bootstrap result;
  if (replicates < least_replicates || ranks_.empty()) return result;
  result.map50.resize(replicates);
  result.map.resize(replicates);
  tbb::parallel_for(std::size_t{0}, replicates, [&](std::size_t replicate) {
    const auto weights = draw(seed, replicate, ranks_.size());
    Mean mean;
    for (const auto& [id, marks] : classes) {
      if (const auto values = class_values(marks, weights)) mean.add(values->first, values->second);
    }
    result.map50[replicate] = mean.percent(mean.ap50);
    result.map[replicate] = mean.percent(mean.ap);
  });
  return result;
}

std::optional<std::array<double, 2>> middle95(std::vector<double> values) {
  if (values.empty()) return std::nullopt;
  std::sort(values.begin(), values.end());
  const auto cut = static_cast<std::size_t>(std::floor(0.025 * static_cast<double>(values.size())));
  return std::array<double, 2>{values[cut], values[values.size() - 1 - cut]};
}

std::vector<double> bootstrap_shares(std::span<const ShareOfPicture> pictures, std::uint64_t seed) {
  const std::size_t replicates =
      std::min(most_replicates, static_cast<std::size_t>(work_limit / (static_cast<double>(pictures.size()) + 1)));
  if (replicates < least_replicates || pictures.empty()) return {};
  std::vector<double> shares(replicates, -1);
  tbb::parallel_for(std::size_t{0}, replicates, [&](std::size_t replicate) {
    const auto weights = draw(seed, replicate, pictures.size());
    std::uint64_t part = 0, whole = 0;
    for (std::size_t i = 0; i < pictures.size(); ++i) {
      part += std::uint64_t{weights[i]} * pictures[i].part;
      whole += std::uint64_t{weights[i]} * pictures[i].whole;
    }
    if (whole > 0) shares[replicate] = 100 * static_cast<double>(part) / static_cast<double>(whole);
  });
  std::erase(shares, -1);
  return shares;
}

void DetectionAgreement::add(std::span<const Detection> reference, std::span<const Detection> other) {
  std::vector<char> taken(other.size());
  for (const Detection& wanted : reference) {
    if (!(wanted.score >= min_score)) continue;
    ++compared;
    float best = 0.5F;
    std::optional<std::size_t> hit;
    for (std::size_t i = 0; i < other.size(); ++i) {
      if (taken[i] != 0 || other[i].id != wanted.id) continue;
      const float shared = overlap(wanted, other[i]);
      if (!(shared >= best) || (hit && shared == best)) continue;
      best = shared;
      hit = i;
    }
    if (!hit) continue;
    taken[*hit] = 1;
    ++agreeing;
  }
}

}  // namespace octet
