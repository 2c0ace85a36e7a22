#include <algorithm>  // std::any_of
#include <map>        // std::map
#include <string>     // std::to_string
#include <utility>    // std::move

#include "octet/jobs/stage/tally.h"
#include "octet/loader/labels.h"

namespace octet {
namespace {

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Counts hits of all models record by record.
class ClassificationTally final : public Tally {
 public:
  ClassificationTally(Scorers scorers, bool ignore_labels, bool labelled)
      : scorers_(std::move(scorers)), ignore_labels_(ignore_labels), labelled_(labelled) {
    for (const auto& scorer : scorers_) {
      accuracies_.emplace_back();
      accuracies_.back().model = scorer->name;
      accuracies_.back().quantized = scorer->plan->quantized();
    }
  }

  [[nodiscard]] Result<void> check(const Entry& entry) const override {
    if (!entry.image) return {};  // a damaged place has no label; it is counted as failed
    const auto label = class_id(entry.labels);
    if (!labelled_) {
      if (ignore_labels_ || entry.labels.empty()) return {};
      return Error{ErrorCode::usage, entry.key, "has a label where the first entry has none"};
    }
    if (!label) {
      return Error{ErrorCode::usage, entry.key,
                   "evaluation needs one class label for each entry: the sub-folders of a directory as labels, a .lst "
                   "with a label column, or a .rec packed with labels"};
    }
    for (const auto& scorer : scorers_) {
      const std::size_t classes = scorer->plan->outputs()[scorer->head].elements;
      if (static_cast<std::size_t>(*label) < classes) continue;
      return Error{ErrorCode::usage, entry.key,
                   "label " + std::to_string(*label) + " is outside the " + std::to_string(classes) + " classes of " +
                       scorer->name};
    }
    return {};
  }

  Result<void> take(const Record& record) override {
    if (!record.outcomes) return {};
    const auto& first = record.outcomes->front().predictions;
    const auto& last = record.outcomes->back().predictions;
    agreeing_ += !first.empty() && !last.empty() && first.front().id == last.front().id ? 1 : 0;
    if (!labelled_) return {};
    const int label = class_id(record.labels).value_or(-1);
    ClassHits& of_class = classes_[label];
    ++of_class.n;
    std::array<bool, 2> hit{};
    for (std::size_t model = 0; model < accuracies_.size(); ++model) {
      const auto& best = (*record.outcomes)[model].predictions;
      const auto is_label = [label](const Prediction& prediction) { return prediction.id == label; };
      hit[model] = !best.empty() && is_label(best.front());
      of_class.correct1[model] += hit[model] ? 1 : 0;
      accuracies_[model].correct1 += hit[model] ? 1 : 0;
      accuracies_[model].correct5 += std::any_of(best.begin(), best.end(), is_label) ? 1 : 0;
    }
    ++(hit[0] ? (hit[1] ? correct_.both : correct_.only_first) : (hit[1] ? correct_.only_second : correct_.neither));
    return {};
  }

  void finish(EvaluateSummary& summary) override {
    for (Accuracy& accuracy : accuracies_) {
      accuracy.top1 = percent(accuracy.correct1, summary.judged);
      accuracy.top5 = percent(accuracy.correct5, summary.judged);
      accuracy.interval95 = wilson95(accuracy.correct1, summary.judged);
      accuracy.top5_interval95 = wilson95(accuracy.correct5, summary.judged);
    }
    summary.labelled = labelled_;
    summary.accuracy = accuracies_.front();
    const std::vector<std::string>& labels = scorers_.front()->labels;
    for (auto& [id, hits] : classes_) {
      hits.id = id;
      if (static_cast<std::size_t>(id) < labels.size()) hits.label = labels[static_cast<std::size_t>(id)];
      summary.classes.push_back(hits);
    }
    if (accuracies_.size() > 1) summary.against = comparison(summary);
  }

 private:
  [[nodiscard]] Comparison comparison(const EvaluateSummary& summary) const {
    Comparison against;
    against.accuracy = accuracies_.back();
    against.compared = summary.judged;
    against.agreeing = agreeing_;
    against.agreement = percent(agreeing_, summary.judged);
    against.agreement_interval95 = wilson95(agreeing_, summary.judged);
    if (!labelled_) return against;
    against.drop = against.accuracy.top1 - summary.accuracy.top1;
    against.drop_interval95 = paired_difference95(correct_);
    against.correct = correct_;
    against.mcnemar_p = mcnemar_exact(correct_.only_first, correct_.only_second);
    std::vector<ClassDrop> drops;
    for (const ClassHits& hits : summary.classes) {
      drops.push_back(
          {hits.id, hits.label, hits.n, percent(hits.correct1[1], hits.n) - percent(hits.correct1[0], hits.n)});
    }
    add_class_drops(drops, against);
    return against;
  }

  const Scorers scorers_;
  const bool ignore_labels_, labelled_;
  std::vector<Accuracy> accuracies_;
  std::map<int, ClassHits> classes_;
  PairedCounts correct_;  // hits of the first model and of the second
  std::uint64_t agreeing_ = 0;
};

}  // namespace

void add_class_drops(const std::vector<ClassDrop>& drops, Comparison& comparison) {
  for (const ClassDrop& one : drops) {
    comparison.mean_class_drop += one.drop / static_cast<double>(drops.size());
    const auto& worst = comparison.worst_class;
    if (!worst || one.drop > worst->drop || (one.drop == worst->drop && one.n > worst->n)) comparison.worst_class = one;
  }
}

std::unique_ptr<Tally> classification_tally(Scorers scorers, const EvaluateOptions& options, bool labelled) {
  return std::make_unique<ClassificationTally>(std::move(scorers), options.ignore_labels, labelled);
}

}  // namespace octet
