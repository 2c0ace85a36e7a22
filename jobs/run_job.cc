#include "octet/jobs/run_job.h"

#include <fstream>   // std::ifstream
#include <iterator>  // std::istreambuf_iterator
#include <utility>   // std::move

#include "octet/graph/output_file.h"
#include "octet/jobs/report.h"
#include "octet/jobs/stage/guarded.h"
#include "octet/jobs/stage/stamp.h"
#include "octet/jobs/stage/stream.h"
#include "octet/jobs/store/lock.h"
#include "octet/jobs/writers/detection_files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

fs::path beside(const fs::path& output) {
  fs::path stamp = output;
  return stamp += ".stamp";
}

Result<Stamp> calibration_stamp(const CalibrateOptions& options, DataDigests& digests) {
  Stamp stamp = begin_stamp("calibrate");
  OCTET_CHECK(stamp.add_model("model", options.model, options.load, digests));
  OCTET_CHECK(stamp.add(options.source, digests));
  stamp.add(options.decoder);
  stamp.add("mode", static_cast<int>(options.calibration.mode));
  stamp.add("dtype", static_cast<int>(options.calibration.dtype));
  stamp.add("percentile", options.calibration.percentile);
  for (const std::string& name : options.calibration.exclude) stamp.add("exclude", name);
  for (const std::string& op : options.calibration.exclude_ops) stamp.add("exclude_op", op);
  if (options.calibration.exclude_first_conv) stamp.add("exclude_first_conv", 1);
  stamp.add("fraction", options.fraction);
  if (options.samples) stamp.add("samples", *options.samples);
  stamp.add("seed", options.seed);
  stamp.add("stride", options.stride);
  stamp.add("offset", options.offset);
  if (options.min_agreement) stamp.add("min_agreement", *options.min_agreement);
  if (options.max_drop) stamp.add("max_drop", *options.max_drop);
  if (options.min_agreement || options.max_drop) stamp.add("max_float", options.max_float);
  if (!options.reports.empty()) stamp.add("report_pictures", options.report_pictures);
  return stamp;
}

Result<Stamp> score_stamp(const ScoreOptions& options, DataDigests& digests) {
  Stamp stamp = begin_stamp("score");
  OCTET_CHECK(stamp.add_model("model", options.model, options.load, digests));
  OCTET_CHECK(stamp.add(options.stream, digests));
  stamp.add("top_k", options.top_k);
  for (const std::string& label : options.labels) stamp.add("label", label);
  stamp.add("format", static_cast<int>(options.format));
  OCTET_CHECK(stamp.add_path("annotations", options.annotations, digests));
  return stamp;
}

Result<Stamp> evaluation_stamp(const EvaluateOptions& options, DataDigests& digests) {
  Stamp stamp = begin_stamp("evaluate");
  OCTET_CHECK(stamp.add_model("model", options.model, options.load, digests));
  if (!options.against.empty()) {
    OCTET_CHECK(stamp.add_model("against", options.against, options.against_load, digests));
  }
  OCTET_CHECK(stamp.add(options.stream, digests));
  stamp.add("skip_stride", options.skip_stride);
  stamp.add("skip_offset", options.skip_offset);
  stamp.add("metric", to_string(options.metric));
  stamp.add("seed", options.seed);
  OCTET_CHECK(stamp.add_path("annotations", options.annotations, digests));
  return stamp;
}

/// Runs `work` unless `inputs` and the outputs that are there equal what is stored beside `output`. What
/// changes while it runs is found by the next run: its inputs are those from before.
template <class AddOutputs, class Work>
Result<StageFate> run_stage(bool force, const fs::path& output, const Stamp& inputs, AddOutputs add_outputs,
                            Work work) {
  const fs::path file = beside(output);
  Stamp before = inputs;
  OCTET_CHECK(add_outputs(before));
  if (!force && before.equals(file)) return StageFate::up_to_date;
  std::error_code ignored;
  fs::remove(file, ignored);  // whatever happens from here on, the old stamp is no longer true
  OCTET_CHECK(work());
  Stamp after = inputs;
  OCTET_CHECK(add_outputs(after));
  OCTET_CHECK(write_file(file, after.text()));
  return StageFate::done;
}

template <class Summary, class Job>
auto keep(std::optional<Summary>& summary, Job job) {
  return [&summary, job]() -> Result<void> {
    OCTET_TRY(summary, job());
    return {};
  };
}

std::string stored_text(const fs::path& file) {
  std::ifstream stream(file, std::ios::binary);
  std::string text((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

void share(RunOptions& options) {
  if (options.score.model.empty()) options.score.model = options.calibrate.output;
  if (options.score.stream.source.data.empty()) options.score.stream.source = options.calibrate.source;
  if (options.calibrate.source.data.empty()) options.calibrate.source = options.score.stream.source;
  if (!options.evaluate) return;
  if (options.evaluate->model.empty()) options.evaluate->model = options.calibrate.output;
  if (options.evaluate->against.empty()) {
    options.evaluate->against = options.calibrate.model;
    options.evaluate->against_load = options.calibrate.load;
    options.evaluate->against_load.mxnet_int8_as_float = true;
  }
  if (options.evaluate->stream.source.data.empty()) options.evaluate->stream.source = options.score.stream.source;
}

Result<CalibrateSummary> calibrate_stage(const CalibrateOptions& options) {
  OCTET_TRY(CalibrateSummary summary, calibrate_model(options));
  if (auto missed = missed_bound(summary)) return std::move(*missed);
  return summary;
}

/// The stages of one job, which share what has been digested.
class JobRun {
 public:
  explicit JobRun(const RunOptions& options)
      : options_(options), digests_(options.folder / "digests", options.score.stream.control) {}

  Result<RunSummary> execute() {
    if (wanted(RunStage::calibrate)) OCTET_CHECK(calibrate());
    if (wanted(RunStage::score)) OCTET_CHECK(score_all());
    if (wanted(RunStage::evaluate) && options_.evaluate) OCTET_CHECK(judge());
    OCTET_CHECK(digests_.save());
    return std::move(summary_);
  }

 private:
  [[nodiscard]] bool wanted(RunStage stage) const { return !options_.only || *options_.only == stage; }

  Result<void> calibrate() {
    const CalibrateOptions& options = options_.calibrate;
    OCTET_TRY(const Stamp inputs, calibration_stamp(options, digests_));
    const auto add_outputs = [&](Stamp& stamp) -> Result<void> {
      for (const fs::path& report : options.reports) OCTET_CHECK(stamp.add_path("report", report, digests_));
      if (!stamp.add_pair("output", options.output, 0)) stamp.add("output", "absent");
      return {};
    };
    OCTET_TRY(summary_.calibrated, run_stage(options_.force, options.output, inputs, add_outputs,
                                             keep(summary_.calibrate, [&] { return calibrate_stage(options); })));
    return {};
  }

  Result<void> score_all() {
    const ScoreOptions& options = options_.score;
    OCTET_TRY(const Stamp inputs, score_stamp(options, digests_));
    const fs::path file = options.output / output_name(options.format);
    // A stage that is due is not finished as it should be: an unfinished one of the same inputs goes on.
    ScoreOptions resumable = options;
    SourceOptions whole = options.stream.source;
    whole.shard = {};
    OCTET_TRY(resumable.data_sha256, digests_.of(whole));
    resumable.resume = options_.force ? Resume::never : Resume::replace;
    const auto add_outputs = [&](Stamp& stamp) -> Result<void> {
      if (options.format == OutputFormat::coco) {
        OCTET_CHECK(stamp.add_path("detections", options.output / detection_files_name(options.format), digests_));
      }
      return stamp.add_path("output", file, digests_);
    };
    OCTET_TRY(summary_.scored, run_stage(options_.force, file, inputs, add_outputs,
                                         keep(summary_.score, [&] { return score(resumable); })));
    return {};
  }

  Result<void> judge() {
    OCTET_TRY(const Stamp inputs, evaluation_stamp(*options_.evaluate, digests_));
    const fs::path file = options_.folder / "evaluation.json";
    const auto add_outputs = [&](Stamp& stamp) { return stamp.add_path("output", file, digests_); };
    const auto work = [&]() -> Result<void> {
      OCTET_TRY(summary_.evaluate, evaluate(*options_.evaluate));
      return write_file(file, to_json(*summary_.evaluate) + "\n");
    };
    OCTET_TRY(summary_.evaluated, run_stage(options_.force, file, inputs, add_outputs, work));
    summary_.evaluation = stored_text(file);
    return {};
  }

  const RunOptions& options_;
  DataDigests digests_;
  RunSummary summary_;
};

Result<RunSummary> run(RunOptions options) {
  share(options);
  if (options.score.output.empty()) return Error{ErrorCode::usage, {}, "no output folder is given"};
  if (options.score.stream.source.shard.count > 1 && options.only != RunStage::score) {
    return Error{
        ErrorCode::usage, {}, "a shard is scored by itself: add --only score, and merge the shards when all are done"};
  }
  if (options.folder.empty()) options.folder = options.score.output;
  OCTET_CHECK(make_folder(options.folder));
  // Shards of one job run side by side, each with a folder and a lock of its own.
  std::optional<FileLock> lock;
  if (options.only != RunStage::score || options.folder == options.score.output) {
    OCTET_TRY(lock, FileLock::acquire(options.folder / "run.lock"));
  }
  OCTET_TRY(const auto workers, Workers::create(options.score.stream.threads));
  return workers->execute([&] { return JobRun(options).execute(); });
}

}  // namespace

Result<RunSummary> run_job(const RunOptions& options) {
  return guarded([&] { return run(options); });
}

}  // namespace octet
