#include "octet/jobs/cli/stream_arguments.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <iostream>

#include "octet/jobs/cli/console.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/store/manifest.h"

namespace octet::cli {
namespace {

Result<int> streams(const po::variables_map& values) {
  const int count = values["streams"].as<int>();
  if (count < 0 || count > 4096) return usage("--streams must be 0 (one per core) to 4096");
  return count;
}

Result<CalibrationMode> parse_mode(const std::string& text) {
  if (text == "naive") return CalibrationMode::naive;
  if (text == "entropy") return CalibrationMode::entropy;
  if (text == "percentile") return CalibrationMode::percentile;
  if (text == "mse") return CalibrationMode::mse;
  if (text == "auto") return CalibrationMode::automatic;
  return usage("--mode is auto, naive, entropy, percentile or mse, not '" + text + "'");
}

Result<ActivationType> parse_dtype(const std::string& text) {
  if (text == "auto") return ActivationType::automatic;
  if (text == "s8") return ActivationType::s8;
  if (text == "u8") return ActivationType::u8;
  return usage("--dtype is auto, s8 or u8, not '" + text + "'");
}

}  // namespace

Result<void> parse_max_bad(const std::string& text, StreamOptions& options) {
  const bool share = text.ends_with('%');
  double value = 0;
  const char* const end = text.data() + text.size() - (share ? 1 : 0);
  const auto [at, failed] = std::from_chars(text.data(), end, value);
  if (failed != std::errc() || at != end || value < 0 || (share && value > 100)) {
    return usage("--max-bad takes a number of entries or a percentage such as 0.5%, not '" + text + "'");
  }
  if (share) {
    options.max_bad_fraction = value / 100;
  } else {
    options.max_bad = static_cast<std::uint64_t>(value);
  }
  return {};
}

po::options_description bounds_options() {
  po::options_description options("Entries");
  auto add = options.add_options();
  add("limit", po::value<std::uint64_t>()->default_value(0)->value_name("N"), "only the first N entries; 0: all");
  add("shard", po::value<std::string>()->value_name("I/N|auto"),
      "only part I (from 0) of N: every N-th entry, or of a .rec an N-th of its bytes; auto or auto/N: the part that "
      "Slurm, Kubernetes, AWS Batch or GNU parallel says, written in a folder of its own in --output");
  add("on-error", po::value<std::string>()->default_value("skip")->value_name("skip|fail"),
      "a bad image is recorded as such and passed over, or ends the job");
  add("max-bad", po::value<std::string>()->value_name("N|P%"), "more bad images than this end the job");
  add("metrics", po::value<std::string>()->value_name("FILE"),
      "keep a file of figures for Prometheus up to date (text format, replaced whole every second)");
  return options;
}

Result<ShardChoice> shard_choice(const po::variables_map& values) {
  const auto text = given<std::string>(values, "shard");
  if (!text) return ShardChoice{};
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nothing here changes the environment
  return parse_shard(*text, [](const char* name) -> const char* { return std::getenv(name); });
}

Result<void> set_output(const po::variables_map& values, ScoreOptions& options) {
  OCTET_TRY(options.output, required(values, "output"));
  OCTET_TRY(const ShardChoice choice, shard_choice(values));
  if (!choice.automatic) return {};
  options.output = shard_folder(options.output, choice.shard);
  options.keep_segments = true;
  return {};
}

Result<StreamOptions> bounded_options(const po::variables_map& values) {
  StreamOptions options;
  OCTET_TRY(options.threads, streams(values));
  options.limit = values["limit"].as<std::uint64_t>();
  const auto& on_error = values["on-error"].as<std::string>();
  if (on_error != "skip" && on_error != "fail") return usage("--on-error is skip or fail, not '" + on_error + "'");
  options.on_error = on_error == "fail" ? OnError::fail : OnError::skip;
  if (const auto text = given<std::string>(values, "max-bad")) OCTET_CHECK(parse_max_bad(*text, options));
  OCTET_TRY(const ShardChoice choice, shard_choice(values));
  options.source.shard = choice.shard;
  OCTET_TRY(options.control, job_control(values));
  return options;
}

void add_pin_option(po::options_description& options) {
  options.add_options()(
      "pin", po::value<std::string>()->default_value("auto")->value_name("auto|yes|no"),
      "each worker stays on a core of its own among those that it may use, hyperthreads last; auto: where there is a "
      "worker for every core");
}

Result<Pinning> parse_pinning(const std::string& text) {
  if (text == "auto") return Pinning::automatic;
  if (text == "yes") return Pinning::cores;
  if (text == "no") return Pinning::none;
  return usage("--pin is auto, yes or no, not '" + text + "'");
}

po::options_description stream_options() {
  po::options_description options("Stream");
  options.add_options()("batch", po::value<std::int64_t>()->default_value(0)->value_name("N"),
                        "images computed together; 0: chosen for the model. Results never depend on it")(
      "trace", po::value<std::string>()->value_name("FILE"),
      "what every worker did when, in Chrome's trace format (chrome://tracing, Perfetto)");
  add_pin_option(options);
  options.add(bounds_options());
  return options;
}

Result<StreamOptions> stream_options(const po::variables_map& values) {
  OCTET_TRY(StreamOptions options, bounded_options(values));
  const Shard shard = options.source.shard;
  OCTET_TRY(options.source, source_options(values));
  options.source.shard = shard;
  OCTET_TRY(options.decoder, decoder_options(values));
  options.batch = given<std::int64_t>(values, "batch").value_or(0);
  OCTET_TRY(options.pinning, parse_pinning(given<std::string>(values, "pin").value_or("no")));
  options.trace = given<std::string>(values, "trace").value_or("");
  if (options.batch < 0 || options.batch > 1024) return usage("--batch must be 0 (automatic) to 1024");
  return options;
}

po::options_description calibration_options() {
  po::options_description options("Calibration");
  auto add = options.add_options();
  add("mode", po::value<std::string>()->default_value("auto")->value_name("MODE"),
      "how ranges are chosen: naive, entropy, percentile, mse; auto: by the error at the layers' outputs, with refined "
      "weights");
  add("fraction", po::value<double>()->default_value(0.02)->value_name("F"), "share of the data that is sampled");
  add("samples", po::value<std::uint64_t>()->value_name("N"),
      "number of pictures that are sampled, in place of --fraction");
  add("seed", po::value<std::uint64_t>()->default_value(0)->value_name("N"), "which pictures are sampled");
  add("stride", po::value<std::uint64_t>()->default_value(0)->value_name("K"),
      "sample every K-th picture instead of drawing; 0: draw");
  add("offset", po::value<std::uint64_t>()->default_value(0)->value_name("I"), "first picture of --stride");
  add("exclude", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
      "a node that stays FP32, or a pattern of names such as 'stage1_*'; may be repeated");
  add("exclude-op", po::value<std::vector<std::string>>()->composing()->value_name("OPERATOR"),
      "all nodes of an operator, such as Pooling, stay FP32; may be repeated");
  add("exclude-first-conv", po::bool_switch(), "the first convolution stays FP32");
  add("dtype", po::value<std::string>()->default_value("auto")->value_name("auto|s8|u8"), "type of activations");
  const double percentile = CalibrationOptions{}.percentile;
  add("percentile", po::value<double>()->default_value(percentile, fixed(percentile, 2))->value_name("P"),
      "share of values inside the range, for --mode percentile");
  add("min-agreement", po::value<double>()->value_name("P"),
      "keep the fewest layers in FP32 with which the best class is that of the FP32 network for P percent of the "
      "pictures; judged on every third picture of the sample, which is held back; needs no labels");
  add("max-drop", po::value<double>()->value_name("P"),
      "likewise, with which top-1 drops by P points at most; needs labelled pictures");
  add("max-float", po::value<int>()->default_value(CalibrateOptions{}.max_float)->value_name("N"),
      "layers in FP32 at most, for --min-agreement and --max-drop");
  add("report", po::value<std::vector<std::string>>()->composing()->value_name("FILE"),
      "a page (.html) or JSON (.json) on what INT8 does to each layer and to the accuracy, on pictures that did not "
      "calibrate; may be repeated");
  add("report-pictures", po::value<std::uint64_t>()->default_value(CalibrateOptions{}.report_pictures)->value_name("N"),
      "pictures that the report's accuracy is measured on, at most");
  return options;
}

Result<CalibrateOptions> calibration_options(const po::variables_map& values) {
  CalibrateOptions options;
  OCTET_TRY(options.model, required(values, "model"));
  OCTET_TRY(options.load, load_options(values));
  const Shard shard = options.source.shard;
  OCTET_TRY(options.source, source_options(values));
  options.source.shard = shard;
  OCTET_TRY(options.decoder, decoder_options(values));
  OCTET_TRY(options.threads, streams(values));
  OCTET_TRY(options.calibration.mode, parse_mode(values["mode"].as<std::string>()));
  OCTET_TRY(options.calibration.dtype, parse_dtype(values["dtype"].as<std::string>()));
  if (const auto names = given<std::vector<std::string>>(values, "exclude")) options.calibration.exclude = *names;
  if (const auto ops = given<std::vector<std::string>>(values, "exclude-op")) options.calibration.exclude_ops = *ops;
  options.calibration.exclude_first_conv = values["exclude-first-conv"].as<bool>();
  options.calibration.percentile = values["percentile"].as<double>();
  options.fraction = values["fraction"].as<double>();
  if (!(options.fraction > 0 && options.fraction <= 1)) return usage("--fraction must be above 0 and at most 1");
  if (!(options.calibration.percentile > 50 && options.calibration.percentile <= 100)) {
    return usage("--percentile must be above 50 and at most 100");
  }
  if (const auto files = given<std::vector<std::string>>(values, "report")) {
    options.reports.assign(files->begin(), files->end());
  }
  options.report_pictures = values["report-pictures"].as<std::uint64_t>();
  options.samples = given<std::uint64_t>(values, "samples");
  if (options.samples && *options.samples == 0) return usage("--samples must be at least 1");
  options.seed = values["seed"].as<std::uint64_t>();
  options.stride = values["stride"].as<std::uint64_t>();
  options.offset = values["offset"].as<std::uint64_t>();
  options.min_agreement = given<double>(values, "min-agreement");
  options.max_drop = given<double>(values, "max-drop");
  options.max_float = values["max-float"].as<int>();
  if (options.min_agreement && options.max_drop) return usage("give --min-agreement or --max-drop, not both");
  if (options.min_agreement && !(*options.min_agreement > 0 && *options.min_agreement <= 100)) {
    return usage("--min-agreement must be above 0 and at most 100");
  }
  if (options.max_drop && !(*options.max_drop >= 0 && *options.max_drop <= 100)) {
    return usage("--max-drop must be 0 to 100");
  }
  if (options.max_float < 0) return usage("--max-float must not be negative");
  OCTET_TRY(options.control, job_control(values));
  return options;
}

po::options_description detection_options() {
  po::options_description options("Detection");
  auto add = options.add_options();
  add("annotations", po::value<std::string>()->value_name("PATH"),
      "a COCO JSON file or a folder of Pascal VOC XML files, matched by file name (default: packed labels of the "
      "data)");
  add("metric", po::value<std::string>()->default_value("coco")->value_name("KIND"),
      "coco: mAP@.5 and mAP@[.5:.95]; voc07: 11 points; voc: area; mxnet: 11 points by the rules of its SSD example");
  return options;
}

Result<void> read_detection_options(const po::variables_map& values, EvaluateOptions& options) {
  if (const auto annotations = given<std::string>(values, "annotations")) options.annotations = *annotations;
  OCTET_TRY(options.metric, parse_detection_metric(values["metric"].as<std::string>()));
  return {};
}

void print_busy(const StreamSummary& summary) {
  if (summary.threads == 0) return;
  double idle = 1;
  std::cout << "busy:";
  for (const Activity a : kActivities) {
    const double share = summary.busy_share(a);
    std::cout << ' ' << to_string(a) << ' ' << fixed(share * 100, 0) << " %,";
    idle -= share;
  }
  std::cout << " idle " << fixed(std::max(0.0, idle) * 100, 0) << " % of " << summary.threads
            << (summary.threads == 1 ? " thread\n" : " threads\n");
}

void print_failures(const StreamSummary& summary) {
  if (summary.failed == 0) return;
  std::cerr << summary.failed << " of " << summary.n << " entries failed:\n";
  for (const FailedEntry& entry : summary.first_failed) {
    std::cerr << "  " << entry.index << ' ' << entry.key << ": " << to_string(entry.error) << '\n';
  }
  if (summary.failed > summary.first_failed.size()) std::cerr << "  ...\n";
}

}  // namespace octet::cli
