// Drives a source through a scoring stage: the loop that score and evaluate share.
#pragma once

#include <oneapi/tbb/global_control.h>
#include <oneapi/tbb/task_arena.h>
#include <cstdint>     // std::uint64_t
#include <functional>  // std::function
#include <memory>      // std::shared_ptr
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/jobs/score.h"

namespace octet {

/// What one job does with a stream.
struct StreamJob {
  std::string name;  ///< of the stage, for progress
  std::vector<std::shared_ptr<const Scorer>> scorers;
  StageOptions stage;  ///< decoder and batches_in_flight are taken from StreamOptions
  /// Entries for which it is false are passed over. Empty: all are wanted.
  std::function<bool(std::uint64_t index)> wanted;
  /// Sees each wanted entry before it is scored; an error ends the job. Empty: nothing to check.
  std::function<Result<void>(const Entry&)> check;
  /// Takes the records in input order, one at a time; an error ends the job.
  std::function<Result<void>(const Record&)> take;
  /// What was counted before the source's present place, by processes that were stopped: the summary,
  /// the bounds of bad entries and the progress go on from there.
  StreamSummary before;
};

/// Runs all wanted entries through the stage. The summary's seconds end with the last record.
Result<StreamSummary> run_stream(const StreamOptions& options, Source& source, const StreamJob& job);

/// Loads and compiles what a job scores with.
Result<std::shared_ptr<const Scorer>> load_scorer(const std::filesystem::path& prefix, const LoadOptions& load,
                                                  std::int64_t batch);

/// The same for two models that are compared; `against` may be empty: the first alone. Error(usage) when one detects
/// and the other classifies.
Result<std::vector<std::shared_ptr<const Scorer>>> load_scorers(const std::filesystem::path& prefix,
                                                                const LoadOptions& load,
                                                                const std::filesystem::path& against,
                                                                const LoadOptions& against_load, std::int64_t batch);

/// An arena of the asked size, or the caller's own (0). More threads than cores are allowed, unless
/// the program has set a lower global limit. Where threads are pinned, the arena is never the caller's: for 0 one of
/// the same size is made, whose threads, the calling one included, are let go when they leave it.
class Workers {
 public:
  /// Error(usage) outside 0..1024.
  static Result<std::unique_ptr<Workers>> create(int threads, Pinning pinning = Pinning::none);
  ~Workers();
  Workers(const Workers&) = delete;
  Workers& operator=(const Workers&) = delete;
  template <class Body>
  auto execute(Body body) {
    return arena_ ? arena_->execute(body) : body();
  }
  [[nodiscard]] int threads() const;
  [[nodiscard]] bool pinned() const noexcept { return pins_ != nullptr; }

 private:
  class Pins;
  Workers();
  std::optional<tbb::global_control> allowed_;
  std::optional<tbb::task_arena> arena_;
  std::unique_ptr<Pins> pins_;  // of the arena: goes first
};

}  // namespace octet
