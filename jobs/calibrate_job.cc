#include "octet/jobs/calibrate_job.h"

#include <algorithm>  // std::clamp
#include <charconv>   // std::to_chars
#include <chrono>     // std::chrono::steady_clock
#include <cmath>      // std::ceil
#include <memory>     // std::unique_ptr
#include <utility>    // std::move

#include "octet/calibrator/sample.h"
#include "octet/graph/digest.h"
#include "octet/graph/output_file.h"
#include "octet/graph/passes.h"
#include "octet/jobs/report/judge.h"
#include "octet/jobs/stage/bench_lanes.h"
#include "octet/jobs/stage/guarded.h"
#include "octet/jobs/stage/precision_state.h"
#include "octet/jobs/stage/sampler.h"
#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

constexpr int kSpeedRepeats = 5;
constexpr double kSpeedSeconds = 0.1;  // of each

Result<void> check_options(const CalibrateOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  if (options.output.empty()) return bad("no output prefix is given");
  if (!options.output.has_filename()) return bad("the output is a prefix: a folder and the beginning of a file name");
  if (!(options.fraction > 0 && options.fraction <= 1)) return bad("the fraction must be above 0 and at most 1");
  if (options.samples && *options.samples == 0) return bad("the number of samples must be at least 1");
  if (options.stride > 0 && options.offset >= options.stride) return bad("the offset must be below the stride");
  if (options.min_agreement && options.max_drop) return bad("give a least agreement or a largest drop, not both");
  if (options.report_pictures == 0) return bad("a report needs at least one picture");
  return check_reports(options);
}

std::vector<std::uint64_t> choose(const CalibrateOptions& options, std::uint64_t population) {
  if (options.stride > 0) {
    std::vector<std::uint64_t> indices;
    for (std::uint64_t i = options.offset; i < population; i += options.stride) indices.push_back(i);
    return indices;
  }
  const auto share = static_cast<std::uint64_t>(std::ceil(options.fraction * static_cast<double>(population)));
  const std::uint64_t count = options.samples.value_or(std::max<std::uint64_t>(1, share));
  return sample_indices(population, std::min(count, population), options.seed);
}

std::string shortest(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

std::string decimals(double value, int digits) {
  char text[64];
  const auto end = std::to_chars(text, text + sizeof text, value, std::chars_format::fixed, digits).ptr;
  return {text, end};
}

std::string data_name(const std::filesystem::path& data) {
  const auto path = data.lexically_normal();
  return (path.has_filename() ? path.filename() : path.parent_path().filename()).string();
}

// Where the pair came from, apart from what calibrate() itself notes. Digests and names, no times or
// absolute paths: the same inputs give the same bytes.
Result<void> add_provenance(const CalibrateOptions& options, std::uint64_t population, Model& model) {
  OCTET_TRY(const ModelFiles files, find_model(options.model, options.load.epoch));
  OCTET_TRY(model.provenance["source_symbol_sha256"], file_digest(files.symbol));
  OCTET_TRY(model.provenance["source_params_sha256"], file_digest(files.params));
  auto& provenance = model.provenance;
  provenance["source_model"] = model.name;
  provenance["calibration_data"] = data_name(options.source.data);
  provenance["calibration_population"] = std::to_string(population);
  if (options.stride > 0) {
    provenance["calibration_stride"] = std::to_string(options.stride);
    provenance["calibration_offset"] = std::to_string(options.offset);
    return {};
  }
  provenance["calibration_seed"] = std::to_string(options.seed);
  if (options.samples) {
    provenance["calibration_samples"] = std::to_string(*options.samples);
  } else {
    provenance["calibration_fraction"] = shortest(options.fraction);
  }
  return {};
}

Result<void> save_pair(const CalibrateOptions& options, std::uint64_t population, Model model) {
  OCTET_CHECK(add_provenance(options, population, model));
  model.name = options.output.filename().string();
  return save_model(model, options.output);
}

// What is read while a calibration runs.
struct CalibrationInput {
  Model model;
  std::unique_ptr<Source> source;
  std::uint64_t population = 0;
  std::unique_ptr<Sampler> sampler;
};

Error stopped_with(const CalibrateOptions& options, const PrecisionReport& best, const Error& error) {
  if (best.steps.empty()) return error;
  return Error{error.code, options.output.string(),
               "stopped from outside; this is the best pair so far: " + std::to_string(best.best) +
                   " layers in float, expected agreement " + decimals(best.steps[best.best].match.agreement, 2) +
                   " %; the same command goes on"};
}

// Images/s of INT8 alone, of `mixed` and of the float network, on one thread and in turns.
Result<void> measure_speed(const Model& model, const Graph& int8, const Graph& mixed, PrecisionReport& report) {
  Graph f32 = model.graph;
  OCTET_CHECK(optimize(f32));
  const Graph* const graphs[] = {&int8, &mixed, &f32};
  double* const figures[] = {&report.int8_images_per_s, &report.images_per_s, &report.f32_images_per_s};
  std::vector<std::unique_ptr<BenchLanes>> lanes;
  std::vector<std::vector<std::uint8_t>> pixels;
  for (const Graph* graph : graphs) {
    OCTET_TRY(const auto plan, Plan::compile(*graph));
    pixels.emplace_back(static_cast<std::size_t>(plan->batch()) * plan->input().bytes());
    std::uint32_t noise = 1;
    for (std::uint8_t& pixel : pixels.back())
      pixel = static_cast<std::uint8_t>((noise = noise * 1664525 + 1013904223) >> 24U);
    OCTET_TRY(lanes.emplace_back(), BenchLanes::create("", plan, 1));
    OCTET_CHECK(lanes.back()->warm_up(pixels.back()));
  }
  for (int repeat = 0; repeat < kSpeedRepeats; ++repeat) {
    for (std::size_t i = 0; i < lanes.size(); ++i) OCTET_CHECK(lanes[i]->measure(pixels[i], kSpeedSeconds));
  }
  for (std::size_t i = 0; i < lanes.size(); ++i) *figures[i] = lanes[i]->result().executor_images_per_s;
  return {};
}

// The search, its state kept beside the output.
Result<CalibratedModel> calibrate_bounded(const CalibrateOptions& options, const CalibrationOptions& calibration,
                                          CalibrationInput& input) {
  const std::filesystem::path file = precision_state_file(options.output);
  OCTET_TRY(std::string key, precision_key(options));
  Sha256 seen;
  const std::size_t bytes = slot_bytes(input.model.preprocess, {});
  const auto pictures = [&](std::span<std::uint8_t> slots, std::int64_t count) -> Result<std::int64_t> {
    OCTET_TRY(const std::int64_t got, input.sampler->fill(slots, count));
    seen.add(std::as_bytes(slots.first(static_cast<std::size_t>(got) * bytes)));
    return got;
  };
  PrecisionOptions precision;
  precision.min_agreement = options.min_agreement;
  precision.max_drop = options.max_drop;
  precision.max_float = options.max_float;
  precision.stopped = [&] { return options.control.stopped(); };
  precision.label = [&](std::size_t i) {
    const std::vector<std::int32_t>& labels = input.sampler->labels();
    return i < labels.size() ? labels[i] : -1;
  };
  PrecisionReport reached;
  precision.resume = [&] {
    key += "pictures: " + seen.hex();
    return reached = load_precision_state(file, key);
  };
  precision.checkpoint = [&](const PrecisionReport& report, const Model* better) -> Result<void> {
    if (better != nullptr) OCTET_CHECK(save_pair(options, input.population, *better));
    reached = report;
    return save_precision_state(file, key, report);
  };
  auto bounded = calibrate_within(input.model, calibration, precision, pictures);
  if (!bounded) {
    const bool stopped = bounded.error().code == ErrorCode::cancelled;
    return stopped ? stopped_with(options, reached, bounded.error()) : bounded.error();
  }
  CalibratedModel& calibrated = bounded->calibrated;
  OCTET_CHECK(measure_speed(input.model, bounded->all_int8, calibrated.model.graph, *calibrated.report.precision));
  return std::move(calibrated);
}

Result<CalibrateSummary> run(const CalibrateOptions& options, int threads) {
  const auto begin = std::chrono::steady_clock::now();
  LoadOptions load = options.load;
  load.mxnet_int8_as_float = true;
  CalibrationInput input;
  OCTET_TRY(input.model, load_model(options.model, load));
  if (input.model.graph.quantized()) {
    return Error{ErrorCode::usage, options.model.string(),
                 "the model is an INT8 pair already; calibrate the FP32 pair"};
  }
  OCTET_CHECK(make_folder(options.output.parent_path()));
  OCTET_TRY(input.source, Source::open(options.source));
  CalibrateSummary summary;
  summary.model = input.model.name;
  OCTET_TRY(summary.population, count_entries(*input.source));
  input.population = summary.population;
  input.sampler = std::make_unique<Sampler>(*input.source, choose(options, summary.population), input.model.preprocess,
                                            options.decoder, options.control);
  CalibrationOptions calibration = options.calibration;
  if (calibration.threads == 0) calibration.threads = threads;
  std::optional<HeldOut> held;  // known when the sample has been read
  const auto hold = [&]() -> HeldOut& {
    return held ? *held : held.emplace(options, input.model.preprocess, summary.population, input.sampler->tried());
  };
  if (!options.reports.empty()) {
    calibration.measure_damage = true;
    calibration.judged = [&](std::span<std::uint8_t> slots, std::int64_t count) { return hold().fill(slots, count); };
  }
  const bool bounded = options.min_agreement || options.max_drop;
  const auto pictures = [&](auto slots, std::int64_t count) { return input.sampler->fill(slots, count); };
  auto calibrated =
      bounded ? calibrate_bounded(options, calibration, input) : calibrate(input.model, calibration, pictures);
  summary.unreadable = input.sampler->unreadable();
  summary.first_unreadable = input.sampler->first_unreadable();
  if (!calibrated) {
    if (calibrated.error().code != ErrorCode::not_found || summary.unreadable == 0) return calibrated.error();
    return Error{ErrorCode::bad_image, options.source.data.string(),
                 "none of " + std::to_string(summary.unreadable) + " sampled pictures could be read; " +
                     summary.first_unreadable.front()};
  }
  OCTET_CHECK(save_pair(options, summary.population, std::move(calibrated->model)));
  OCTET_TRY(const ModelFiles files, find_model(options.output, 0));
  summary.symbol = files.symbol;
  summary.params = files.params;
  summary.report = std::move(calibrated->report);
  summary.images = static_cast<std::uint64_t>(summary.report.images);
  std::error_code ignored;
  if (bounded) std::filesystem::remove(precision_state_file(options.output), ignored);
  summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (!options.reports.empty()) OCTET_CHECK(judge_and_report(options, hold(), summary));
  return summary;
}

}  // namespace

Result<CalibrateSummary> calibrate_model(const CalibrateOptions& options) {
  OCTET_CHECK(check_options(options));
  OCTET_TRY(const auto workers, Workers::create(options.threads));
  return guarded([&] { return workers->execute([&] { return run(options, workers->threads()); }); });
}

std::optional<Error> missed_bound(const CalibrateSummary& summary) {
  if (!summary.report.precision || summary.report.precision->met) return std::nullopt;
  const PrecisionReport& precision = *summary.report.precision;
  const OutputMatch& match = precision.steps[precision.best].match;
  std::string reached = "agreement of " + decimals(match.agreement, 2) + " %";
  if (match.drop) reached = "drop of " + decimals(*match.drop, 2) + " points";
  return Error{ErrorCode::invalid_config, summary.model,
               "the bound is not met with " + std::to_string(precision.steps.size() - 1) +
                   " layers in float; the pair written has " + std::to_string(precision.best) + " and an expected " +
                   reached};
}

}  // namespace octet
