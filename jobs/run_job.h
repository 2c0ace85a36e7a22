// Calibrate, score and evaluate in one call: what `octet run JOB.ini` runs.
#pragma once

#include <filesystem>  // std::filesystem::path
#include <functional>  // std::function
#include <optional>    // std::optional
#include <string>      // std::string

#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/evaluate.h"
#include "octet/jobs/score.h"

namespace octet {

enum class RunStage : std::uint8_t { calibrate, score, evaluate };

/// A job. Each stage takes its options as the single calls do; what the stages share is filled in
/// by run_job: score's and evaluate's model is calibrate's output, evaluate's `against` calibrate's
/// model (where they are empty).
struct RunOptions {
  CalibrateOptions calibrate;
  ScoreOptions score;
  std::optional<EvaluateOptions> evaluate;  ///< none: no evaluation
  /// Where the job keeps what its stages share: digests, lock, evaluation.json. Empty: score's output.
  std::filesystem::path folder;
  bool force = false;            ///< run every stage even if its output is up to date
  std::optional<RunStage> only;  ///< this stage alone; what the stages before it make must be there
};

enum class StageFate : std::uint8_t {
  absent,     ///< not part of the job
  done,       ///< ran
  up_to_date  ///< its output was made from the same inputs with the same options: skipped
};

struct RunSummary {
  StageFate calibrated = StageFate::absent, scored = StageFate::absent, evaluated = StageFate::absent;
  std::optional<CalibrateSummary> calibrate;  ///< of a stage that ran
  std::optional<ScoreSummary> score;
  std::optional<EvaluateSummary> evaluate;
  std::string evaluation;  ///< to_json of the evaluation, also when it was up to date
};

/// Runs the stages that are due. What a stage was made from (its options; digests of the model's
/// files, of all data and of its output) is stored behind its output as NAME.stamp; the stage is up to
/// date when the stored text equals the present one. Times of change do not count: they only save
/// reading the data again while nothing about its files has changed (see DataDigests; kept in
/// "digests" in the job's folder). While it runs it holds a lock on "run.lock" there: a
/// second one that is started meanwhile ends with Error(cannot_write) that names the process; tasks that
/// score one shard each are no such runs (a shard needs `only` = score: Error(usage)). The evaluation is
/// stored as evaluation.json in the score folder. The first stage that fails ends the job with its error.
Result<RunSummary> run_job(const RunOptions& options);

}  // namespace octet
