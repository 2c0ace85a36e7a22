#include <algorithm>  // std::clamp
#include <string>     // std::to_string
#include <utility>    // std::move

#include "octet/jobs/detection_metrics.h"
#include "octet/jobs/stage/tally.h"

namespace octet {
namespace {

// pycocotools' areas in pixels, both bounds included.
constexpr AreaRange small_objects{0, 32.0 * 32};
constexpr AreaRange medium_objects{32.0 * 32, 96.0 * 96};
constexpr AreaRange large_objects{96.0 * 96, 1e10};

// VOC's boxes are made of whole pixels: the last one is side - 1.
template <class Box>
void limit_to_pixels(std::vector<Box>& boxes, double width, double height) {
  using Corner = decltype(Box::xmin);
  const auto limit = [](Corner corner, double side) {
    return static_cast<Corner>(std::clamp<double>(corner, 0, std::max(0.0, side - 1)));
  };
  for (Box& box : boxes) {
    box.xmin = limit(box.xmin, width);
    box.xmax = limit(box.xmax, width);
    box.ymin = limit(box.ymin, height);
    box.ymax = limit(box.ymax, height);
  }
}

/// All figures of one model.
class ModelTally {
 public:
  explicit ModelTally(DetectionMetric metric) : metric_(metric), all_(metric) {
    if (metric != DetectionMetric::coco) return;
    for (const AreaRange range : {small_objects, medium_objects, large_objects}) sizes_.emplace_back(metric, range);
  }

  void add(const std::vector<TruthBox>& truth, const std::vector<Detection>& detections, std::int64_t rank) {
    all_.add(truth, detections, rank);
    for (DetectionMetrics& size : sizes_) size.add(truth, detections, rank);
  }

  [[nodiscard]] Bootstrap bootstrap(std::uint64_t seed) const { return all_.bootstrap(seed); }

  [[nodiscard]] DetectionFigures figures(const Bootstrap& bootstrap, const std::vector<std::string>& labels) const {
    DetectionFigures figures;
    figures.metric = metric_;
    DetectionAccuracy accuracy = all_.accuracy();
    figures.map50 = accuracy.map50;
    figures.map = accuracy.map;
    figures.map50_interval95 = middle95(bootstrap.map50);
    figures.map_interval95 = middle95(bootstrap.map);
    figures.classes = std::move(accuracy.classes);
    for (ClassAccuracy& one : figures.classes) {
      if (static_cast<std::size_t>(one.id) < labels.size()) one.label = labels[static_cast<std::size_t>(one.id)];
    }
    std::optional<double>* const by_size[] = {&figures.map_small, &figures.map_medium, &figures.map_large};
    for (std::size_t i = 0; i < sizes_.size(); ++i) {
      const DetectionAccuracy of_size = sizes_[i].accuracy();
      if (!of_size.classes.empty()) *by_size[i] = of_size.map;
    }
    return figures;
  }

 private:
  DetectionMetric metric_;
  DetectionMetrics all_;
  std::vector<DetectionMetrics> sizes_;  // small, medium, large
};

// Classes have objects in both or in neither: the labels are the same.
std::vector<ClassDrop> class_drops(const DetectionFigures& first, const DetectionFigures& second) {
  std::vector<ClassDrop> drops;
  for (const ClassAccuracy& one : first.classes) {
    const auto other = std::find_if(second.classes.begin(), second.classes.end(),
                                    [&](const ClassAccuracy& candidate) { return candidate.id == one.id; });
    if (other != second.classes.end()) drops.push_back({one.id, one.label, one.objects, other->ap50 - one.ap50});
  }
  return drops;
}

class DetectionTally final : public Tally {
 public:
  DetectionTally(Scorers scorers, const EvaluateOptions& options, std::optional<Annotations> annotations, bool labelled)
      : scorers_(std::move(scorers)),
        metric_(options.metric),
        seed_(options.seed),
        annotations_name_(options.annotations.string()),
        annotations_(std::move(annotations)),
        labelled_(labelled),
        models_(scorers_.size(), ModelTally(options.metric)) {}

  [[nodiscard]] Result<void> check(const Entry& entry) const override {
    if (!entry.image || !labelled_) return {};  // a damaged place is counted as failed
    OCTET_TRY(const ImageTruth truth, truth_of(entry.key, entry.labels));
    const std::size_t classes = scorers_.front()->labels.size();
    for (const TruthBox& box : truth.boxes) {
      if (classes == 0 || static_cast<std::size_t>(box.id) < classes) continue;
      return Error{ErrorCode::usage, entry.key,
                   "class " + std::to_string(box.id) + " is outside the " + std::to_string(classes) + " classes of " +
                       scorers_.front()->name};
    }
    return {};
  }

  Result<void> take(const Record& record) override {
    if (!record.outcomes) return {};
    if (labelled_) OCTET_CHECK(judge(record));
    if (models_.size() > 1) {
      const DetectionAgreement before = agreement_;
      agreement_.add(record.outcomes->back().detections, record.outcomes->front().detections);
      agreements_.push_back({static_cast<std::uint32_t>(agreement_.agreeing - before.agreeing),
                             static_cast<std::uint32_t>(agreement_.compared - before.compared)});
    }
    return {};
  }

  void finish(EvaluateSummary& summary) override {
    std::vector<Bootstrap> bootstraps;
    std::vector<Accuracy> accuracies;
    for (std::size_t model = 0; model < models_.size(); ++model) {
      Accuracy& accuracy = accuracies.emplace_back();
      accuracy.model = scorers_[model]->name;
      accuracy.quantized = scorers_[model]->plan->quantized();
      bootstraps.push_back(models_[model].bootstrap(seed_));
      accuracy.detection = models_[model].figures(bootstraps[model], scorers_[model]->labels);
    }
    summary.labelled = labelled_;
    summary.accuracy = accuracies.front();
    if (accuracies.size() < 2) return;
    Comparison against;
    against.accuracy = accuracies.back();
    against.compared = agreement_.compared;
    against.agreeing = agreement_.agreeing;
    if (against.compared > 0) {
      against.agreement = 100 * static_cast<double>(against.agreeing) / static_cast<double>(against.compared);
      // Drawing anew shows no spread where all agree or none.
      const bool uniform = against.agreeing == 0 || against.agreeing == against.compared;
      against.agreement_interval95 =
          uniform ? wilson95(against.agreeing, against.compared) : middle95(bootstrap_shares(agreements_, seed_));
    }
    against.drop = against.accuracy.detection->map - summary.accuracy.detection->map;
    against.drop50 = against.accuracy.detection->map50 - summary.accuracy.detection->map50;
    if (bootstraps[0].map.size() == bootstraps[1].map.size()) {  // the same pictures in each replicate
      const auto differences = [](std::vector<double> second, const std::vector<double>& first) {
        for (std::size_t i = 0; i < second.size(); ++i) second[i] -= first[i];
        return middle95(std::move(second));
      };
      against.drop_interval95 = differences(bootstraps[1].map, bootstraps[0].map);
      against.drop50_interval95 = differences(bootstraps[1].map50, bootstraps[0].map50);
    }
    add_class_drops(class_drops(*summary.accuracy.detection, *against.accuracy.detection), against);
    summary.against = std::move(against);
  }

 private:
  Result<void> judge(const Record& record) {
    OCTET_TRY(const ImageTruth truth, truth_of(record.key, record.labels));
    const auto width = static_cast<double>(record.width);
    const auto height = static_cast<double>(record.height);
    const bool whole_pixels = metric_ == DetectionMetric::voc || metric_ == DetectionMetric::voc07;
    std::vector<TruthBox> objects = truth_in_pixels(truth, width, height);
    if (whole_pixels) limit_to_pixels(objects, width, height);
    for (std::size_t model = 0; model < models_.size(); ++model) {
      std::vector<Detection> detections = (*record.outcomes)[model].detections;
      if (whole_pixels) limit_to_pixels(detections, width, height);
      models_[model].add(objects, detections, truth.id.value_or(static_cast<std::int64_t>(record.index)));
    }
    return {};
  }

  [[nodiscard]] Result<ImageTruth> truth_of(const std::string& key, const std::vector<float>& labels) const {
    if (annotations_) {
      const ImageTruth* const truth = annotations_->find(key);
      if (truth != nullptr) return *truth;
      return Error{ErrorCode::usage, key, "has no annotation of its own in " + annotations_name_};
    }
    auto truth = parse_packed_label(labels);
    if (truth) return truth;
    Error error = truth.error();
    error.where = key;
    error.message += "; annotations of other forms are given by name";
    return error;
  }

  const Scorers scorers_;
  const DetectionMetric metric_;
  const std::uint64_t seed_;
  const std::string annotations_name_;
  const std::optional<Annotations> annotations_;
  const bool labelled_;
  std::vector<ModelTally> models_;
  DetectionAgreement agreement_;
  std::vector<ShareOfPicture> agreements_;  // picture by picture
};

}  // namespace

std::unique_ptr<Tally> detection_tally(Scorers scorers, const EvaluateOptions& options,
                                       std::optional<Annotations> annotations, bool labelled) {
  return std::make_unique<DetectionTally>(std::move(scorers), options, std::move(annotations), labelled);
}

}  // namespace octet
