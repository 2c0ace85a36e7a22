// octet run: calibrate, score and evaluate from one job file.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/evaluate_command.h"
#include "octet/jobs/cli/run_command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"
#include "octet/jobs/run_job.h"

namespace octet::cli {
namespace {

// The first entry speaks for all: data has labels or has none.
Result<bool> is_labelled(const SourceOptions& options) {
  OCTET_TRY(const auto source, Source::open(options));
  OCTET_TRY(const auto first, source->next());
  return first && (first->labels.size() == 1 || parse_packed_label(first->labels));
}

Result<std::optional<RunStage>> only_stage(const po::variables_map& values) {
  const auto name = given<std::string>(values, "only");
  if (!name) return std::optional<RunStage>();
  if (*name == "calibrate") return std::optional(RunStage::calibrate);
  if (*name == "score") return std::optional(RunStage::score);
  if (*name == "evaluate") return std::optional(RunStage::evaluate);
  return Error{ErrorCode::usage, "", "--only is calibrate, score or evaluate, not '" + *name + "'"};
}

const char* fate(StageFate fate) { return fate == StageFate::up_to_date ? "up to date" : "done"; }

void print(const RunSummary& summary) {
  if (summary.calibrate) {
    const CalibrateSummary& done = *summary.calibrate;
    std::cout << "calibrate: " << done.report.int8_nodes << " nodes in INT8, " << done.report.f32_nodes
              << " in FP32, from " << done.images << " of " << done.population << " pictures, "
              << fixed(done.seconds, 2) << " s\n";
  } else if (summary.calibrated != StageFate::absent) {
    std::cout << "calibrate: " << fate(summary.calibrated) << '\n';
  }
  if (summary.score) {
    print_failures(summary.score->stream);
    std::cout << "score: " << summary.score->stream.n << " pictures, " << summary.score->stream.failed << " bad, "
              << fixed(summary.score->stream.images_per_s, 1) << " images/s -> " << summary.score->scores.string()
              << '\n';
    print_busy(summary.score->stream);
  } else if (summary.scored != StageFate::absent) {
    std::cout << "score: " << fate(summary.scored) << '\n';
  }
  if (summary.evaluate) {
    std::cout << "evaluate:\n";
    print_evaluation(*summary.evaluate);
  } else if (summary.evaluated != StageFate::absent) {
    std::cout << "evaluate: " << fate(summary.evaluated) << ": " << summary.evaluation << '\n';
  }
}

}  // namespace

Result<RunOptions> run_job_options(const po::variables_map& values) {
  RunOptions options;
  OCTET_TRY(options.calibrate, calibration_options(values));
  OCTET_TRY(const std::string output, required(values, "output"));
  OCTET_TRY(options.score.stream, stream_options(values));
  OCTET_TRY(options.score.format, parse_output_format(values["format"].as<std::string>()));
  if (const auto sample = given<std::string>(values, "calibration-data")) {
    options.calibrate.source = SourceOptions{};
    options.calibrate.source.data = *sample;
  }
  options.calibrate.output = std::filesystem::path(output) / "model";
  options.folder = output;
  OCTET_CHECK(set_output(values, options.score));
  options.score.top_k = values["top-k"].as<int>();
  options.force = values["force"].as<bool>();
  OCTET_TRY(options.only, only_stage(values));
  const auto& evaluate = values["evaluate"].as<std::string>();
  if (evaluate != "auto" && evaluate != "yes" && evaluate != "no") {
    return Error{ErrorCode::usage, "", "--evaluate is auto, yes or no, not '" + evaluate + "'"};
  }
  bool wanted = evaluate == "yes";
  if (evaluate == "auto") {
    OCTET_TRY(wanted, is_labelled(options.score.stream.source));
    wanted = wanted || values.count("annotations") != 0;
  }
  EvaluateOptions evaluation;
  evaluation.stream = options.score.stream;
  OCTET_CHECK(read_detection_options(values, evaluation));
  options.score.annotations = evaluation.annotations;
  if (wanted) options.evaluate = std::move(evaluation);
  return options;
}

po::options_description run_options() {
  po::options_description job("Job");
  auto add = job.add_options();
  add("output", po::value<std::string>()->value_name("DIR"),
      "folder for the INT8 pair (model-*), records and evaluation.json");
  add("calibration-data", po::value<std::string>()->value_name("PATH"),
      "where the sample comes from (default: --data)");
  add("evaluate", po::value<std::string>()->default_value("auto")->value_name("auto|yes|no"),
      "compare INT8 with FP32; auto: where the data has labels or --annotations are given");
  add("force", po::bool_switch(), "run every stage, up to date or not");
  add("only", po::value<std::string>()->value_name("STAGE"),
      "calibrate, score or evaluate: that stage alone, from what the others have written");
  add("top-k", po::value<int>()->default_value(5)->value_name("K"), "classes per picture, best first");
  add("format", po::value<std::string>()->default_value("jsonl")->value_name("KIND"), format_help);
  po::options_description options;
  options.add(job)
      .add(model_options())
      .add(data_options())
      .add(detection_options())
      .add(calibration_options())
      .add(stream_options());
  options.add(decoder_options()).add(common_options());
  return options;
}

Result<ExitCode> run_command(const po::variables_map& values) {
  OCTET_TRY(const RunOptions options, run_job_options(values));
  OCTET_TRY(const RunSummary summary, run_job(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
  } else {
    print(summary);
  }
  return kDone;
}

}  // namespace octet::cli
