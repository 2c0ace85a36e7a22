#include "octet/jobs/run_job.h"

#include <fstream>   // std::ifstream
#include <iterator>  // std::istreambuf_iterator
#include <new>       // std::bad_alloc
#include <utility>   // std::move

#include "octet/executor/plan.h"
#include "octet/graph/output_file.h"
#include "octet/graph/version.h"
#include "octet/jobs/report.h"
#include "octet/jobs/stage/stamp.h"
#include "octet/jobs/writers/detection_files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

fs::path beside(const fs::path& output) {
  fs::path stamp = output;
  return stamp += ".stamp";
}

Stamp begin_stamp(const char* stage) {
  Stamp stamp;
  stamp.add("stage", stage);
  stamp.add("octet", kVersion);
  stamp.add("isa", effective_isa());
  return stamp;
}

Result<Stamp> calibration_stamp(const CalibrateOptions& options) {
  Stamp stamp = begin_stamp("calibrate");
  OCTET_CHECK(stamp.add_model("model", options.model, options.load.epoch));
  stamp.add(options.load);
  stamp.add(options.source);
  stamp.add(options.decoder);
  stamp.add("mode", static_cast<int>(options.calibration.mode));
  stamp.add("dtype", static_cast<int>(options.calibration.dtype));
  stamp.add("percentile", options.calibration.percentile);
  for (const std::string& name : options.calibration.exclude) stamp.add("exclude", name);
  stamp.add("fraction", options.fraction);
  if (options.samples) stamp.add("samples", *options.samples);
  stamp.add("seed", options.seed);
  stamp.add("stride", options.stride);
  stamp.add("offset", options.offset);
  // A pair that is not there has no digest and so never equals a stored stamp.
  if (const auto output = stamp.add_model("output", options.output, 0); !output) stamp.add("output", "absent");
  return stamp;
}

Result<Stamp> score_stamp(const ScoreOptions& options) {
  Stamp stamp = begin_stamp("score");
  OCTET_CHECK(stamp.add_model("model", options.model, options.load.epoch));
  stamp.add(options.load);
  stamp.add(options.stream);
  stamp.add("top_k", options.top_k);
  for (const std::string& label : options.labels) stamp.add("label", label);
  stamp.add("format", static_cast<int>(options.format));
  if (!options.annotations.empty()) stamp.add_file("annotations", options.annotations);
  if (options.format == OutputFormat::coco) {
    stamp.add_file("detections", options.output / detection_files_name(options.format));
  }
  stamp.add_file("output", options.output / output_name(options.format));
  return stamp;
}

Result<Stamp> evaluation_stamp(const EvaluateOptions& options, const fs::path& file) {
  Stamp stamp = begin_stamp("evaluate");
  OCTET_CHECK(stamp.add_model("model", options.model, options.load.epoch));
  stamp.add(options.load);
  if (!options.against.empty()) {
    OCTET_CHECK(stamp.add_model("against", options.against, options.against_load.epoch));
    stamp.add(options.against_load);
  }
  stamp.add(options.stream);
  stamp.add("skip_stride", options.skip_stride);
  stamp.add("skip_offset", options.skip_offset);
  stamp.add("metric", to_string(options.metric));
  stamp.add("seed", options.seed);
  if (!options.annotations.empty()) stamp.add_file("annotations", options.annotations);
  stamp.add_file("output", file);
  return stamp;
}

/// Runs `work` unless `stamp_of()` equals what is stored beside `output`.
template <class StampOf, class Work>
Result<StageFate> run_stage(bool force, const fs::path& output, StampOf stamp_of, Work work) {
  const fs::path file = beside(output);
  OCTET_TRY(const Stamp before, stamp_of());
  if (!force && before.equals(file)) return StageFate::up_to_date;
  std::error_code ignored;
  fs::remove(file, ignored);  // whatever happens from here on, the old stamp is no longer true
  OCTET_CHECK(work());
  OCTET_TRY(const Stamp after, stamp_of());
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

Result<RunSummary> run(RunOptions options) {
  share(options);
  if (options.score.output.empty()) return Error{ErrorCode::usage, {}, "no output folder is given"};
  RunSummary summary;
  const CalibrateOptions& calibration = options.calibrate;
  OCTET_TRY(summary.calibrated, run_stage(
                                    options.force, calibration.output, [&] { return calibration_stamp(calibration); },
                                    keep(summary.calibrate, [&] { return calibrate_model(calibration); })));
  OCTET_TRY(summary.scored,
            run_stage(
                options.force, options.score.output / output_name(options.score.format),
                [&] { return score_stamp(options.score); }, keep(summary.score, [&] { return score(options.score); })));
  if (!options.evaluate) return summary;
  const fs::path file = options.score.output / "evaluation.json";
  OCTET_TRY(summary.evaluated, run_stage(
                                   options.force, file, [&] { return evaluation_stamp(*options.evaluate, file); },
                                   [&]() -> Result<void> {
                                     OCTET_TRY(summary.evaluate, evaluate(*options.evaluate));
                                     return write_file(file, to_json(*summary.evaluate) + "\n");
                                   }));
  summary.evaluation = stored_text(file);
  return summary;
}

}  // namespace

Result<RunSummary> run_job(const RunOptions& options) {
  try {
    return run(options);
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::limit, {}, "out of memory"};
  } catch (const std::exception& unexpected) {
    return Error{ErrorCode::internal, {}, unexpected.what()};
  }
}

}  // namespace octet
