#include <algorithm>  // std::any_of
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
  explicit ClassificationTally(Scorers scorers) : scorers_(std::move(scorers)) {
    for (const auto& scorer : scorers_) {
      accuracies_.emplace_back();
      accuracies_.back().model = scorer->name;
      accuracies_.back().quantized = scorer->plan->quantized();
    }
  }

  [[nodiscard]] Result<void> check(const Entry& entry) const override {
    if (!entry.image) return {};  // a damaged place has no label; it is counted as failed
    const auto label = class_id(entry.labels);
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
    const int label = class_id(record.labels).value_or(-1);
    for (std::size_t model = 0; model < accuracies_.size(); ++model) {
      const auto& best = (*record.outcomes)[model].predictions;
      const auto is_label = [label](const Prediction& prediction) { return prediction.id == label; };
      accuracies_[model].correct1 += !best.empty() && is_label(best.front()) ? 1 : 0;
      accuracies_[model].correct5 += std::any_of(best.begin(), best.end(), is_label) ? 1 : 0;
    }
    const auto& first = record.outcomes->front().predictions;
    const auto& last = record.outcomes->back().predictions;
    agreeing_ += !first.empty() && !last.empty() && first.front().id == last.front().id ? 1 : 0;
    return {};
  }

  void finish(EvaluateSummary& summary) override {
    for (Accuracy& accuracy : accuracies_) {
      accuracy.top1 = percent(accuracy.correct1, summary.judged);
      accuracy.top5 = percent(accuracy.correct5, summary.judged);
      accuracy.interval95 = wilson95(accuracy.correct1, summary.judged);
    }
    summary.accuracy = accuracies_.front();
    if (accuracies_.size() < 2) return;
    Comparison against;
    against.accuracy = accuracies_.back();
    against.compared = summary.judged;
    against.agreeing = agreeing_;
    against.agreement = percent(agreeing_, summary.judged);
    against.drop = against.accuracy.top1 - summary.accuracy.top1;
    summary.against = std::move(against);
  }

 private:
  const Scorers scorers_;
  std::vector<Accuracy> accuracies_;
  std::uint64_t agreeing_ = 0;
};

}  // namespace

std::unique_ptr<Tally> classification_tally(Scorers scorers) {
  return std::make_unique<ClassificationTally>(std::move(scorers));
}

}  // namespace octet
