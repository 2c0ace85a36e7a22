#include "octet/jobs/evaluate.h"

#include <algorithm>  // std::any_of
#include <cmath>      // std::sqrt
#include <utility>    // std::move

#include "octet/jobs/stage/stream.h"
#include "octet/loader/labels.h"

namespace octet {
namespace {

constexpr int considered = 5;

double percent(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0 : 100.0 * static_cast<double>(part) / static_cast<double>(whole);
}

/// Counts hits of all models record by record.
class Tally {
 public:
  explicit Tally(const std::vector<std::shared_ptr<const Scorer>>& scorers) : scorers_(scorers) {
    for (const auto& scorer : scorers) {
      accuracies_.emplace_back();
      accuracies_.back().model = scorer->name;
      accuracies_.back().quantized = scorer->plan->quantized();
    }
  }

  Result<void> check(const Entry& entry) const {
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

  Result<void> take(const Record& record) {
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

  void finish(EvaluateSummary& summary) {
    for (Accuracy& accuracy : accuracies_) {
      accuracy.top1 = percent(accuracy.correct1, summary.judged);
      accuracy.top5 = percent(accuracy.correct5, summary.judged);
      accuracy.interval95 = wilson95(accuracy.correct1, summary.judged);
    }
    summary.accuracy = accuracies_.front();
    if (accuracies_.size() < 2) return;
    Comparison against;
    against.accuracy = accuracies_.back();
    against.agreeing = agreeing_;
    against.agreement = percent(agreeing_, summary.judged);
    against.drop = against.accuracy.top1 - summary.accuracy.top1;
    summary.against = std::move(against);
  }

 private:
  const std::vector<std::shared_ptr<const Scorer>>& scorers_;
  std::vector<Accuracy> accuracies_;
  std::uint64_t agreeing_ = 0;
};

Result<std::vector<std::shared_ptr<const Scorer>>> load_scorers(const EvaluateOptions& options) {
  std::vector<std::shared_ptr<const Scorer>> scorers;
  OCTET_TRY(auto first, load_scorer(options.model, options.load, options.stream.batch));
  scorers.push_back(std::move(first));
  if (!options.against.empty()) {
    OCTET_TRY(auto second, load_scorer(options.against, options.against_load, options.stream.batch));
    scorers.push_back(std::move(second));
  }
  for (const auto& scorer : scorers) {
    if (!scorer->detection) continue;
    return Error{ErrorCode::unsupported, scorer->name, "detection models cannot be evaluated yet; score them instead"};
  }
  return scorers;
}

}  // namespace

std::array<double, 2> wilson95(std::uint64_t hits, std::uint64_t n) {
  if (n == 0) return {0, 100};
  constexpr double z = 1.959963984540054;  // the normal distribution's 97.5 % point
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(hits) / count;
  const double scale = 1 + z * z / count;
  const double middle = (share + z * z / (2 * count)) / scale;
  const double half = z / scale * std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  return {100 * std::max(0.0, middle - half), 100 * std::min(1.0, middle + half)};
}

Result<EvaluateSummary> evaluate(const EvaluateOptions& options) {
  if (options.skip_stride > 0 && options.skip_offset >= options.skip_stride) {
    return Error{ErrorCode::usage, {}, "the offset of the entries to leave out must be below their stride"};
  }
  OCTET_TRY(const auto scorers, load_scorers(options));
  OCTET_TRY(const auto source, Source::open(options.stream.source));
  Tally tally(scorers);
  StreamJob job;
  job.name = "evaluate";
  job.scorers = scorers;
  job.stage.top_k = considered;
  if (options.skip_stride > 0) {
    job.wanted = [&](std::uint64_t index) { return index % options.skip_stride != options.skip_offset; };
  }
  job.check = [&](const Entry& entry) { return tally.check(entry); };
  job.take = [&](const Record& record) { return tally.take(record); };
  EvaluateSummary summary;
  OCTET_TRY(summary.stream, run_stream(options.stream, *source, job));
  summary.judged = summary.stream.n - summary.stream.failed;
  if (summary.judged == 0) {
    return Error{ErrorCode::not_found, options.stream.source.data.string(), "no entry could be judged"};
  }
  tally.finish(summary);
  return summary;
}

}  // namespace octet
