// What an evaluation counts, for classifiers and for detectors.
#pragma once

#include <memory>  // std::unique_ptr
#include <vector>  // std::vector

#include "octet/jobs/annotations.h"
#include "octet/jobs/evaluate.h"

namespace octet {

using Scorers = std::vector<std::shared_ptr<const Scorer>>;

/// Sees every entry once before it is scored and once after. `check` and `take` are called one call
/// at a time each, but may run at the same time as the other.
class Tally {
 public:
  Tally() = default;
  virtual ~Tally() = default;
  Tally(const Tally&) = delete;
  Tally& operator=(const Tally&) = delete;

  /// An error ends the evaluation: the entry cannot be judged.
  [[nodiscard]] virtual Result<void> check(const Entry& entry) const = 0;
  virtual Result<void> take(const Record& record) = 0;
  /// Fills in the figures; `summary.judged` is known.
  virtual void finish(EvaluateSummary& summary) = 0;
};

/// `labelled`: false for two models whose agreement alone is counted, on entries without labels unless
/// options.ignore_labels is set.
std::unique_ptr<Tally> classification_tally(Scorers scorers, const EvaluateOptions& options, bool labelled);
/// `annotations`: nullopt for labels that come with the entries.
std::unique_ptr<Tally> detection_tally(Scorers scorers, const EvaluateOptions& options,
                                       std::optional<Annotations> annotations, bool labelled);

/// Fills in the mean and the worst of `drops`, which are in the order of the classes' ids.
void add_class_drops(const std::vector<ClassDrop>& drops, Comparison& comparison);

}  // namespace octet
