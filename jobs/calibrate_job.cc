#include "octet/jobs/calibrate_job.h"

#include <algorithm>  // std::clamp
#include <charconv>   // std::to_chars
#include <chrono>     // std::chrono::steady_clock
#include <cmath>      // std::ceil
#include <new>        // std::bad_alloc
#include <utility>    // std::move

#include "octet/calibrator/sample.h"
#include "octet/graph/output_file.h"
#include "octet/jobs/stage/sampler.h"
#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

Result<void> check_options(const CalibrateOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  if (options.output.empty()) return bad("no output prefix is given");
  if (!options.output.has_filename()) return bad("the output is a prefix: a folder and the beginning of a file name");
  if (!(options.fraction > 0 && options.fraction <= 1)) return bad("the fraction must be above 0 and at most 1");
  if (options.samples && *options.samples == 0) return bad("the number of samples must be at least 1");
  if (options.stride > 0 && options.offset >= options.stride) return bad("the offset must be below the stride");
  return {};
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

Result<CalibrateSummary> run(const CalibrateOptions& options, int threads) {
  LoadOptions load = options.load;
  load.mxnet_int8_as_float = true;
  OCTET_TRY(Model model, load_model(options.model, load));
  if (model.graph.quantized()) {
    return Error{ErrorCode::usage, options.model.string(),
                 "the model is an INT8 pair already; calibrate the FP32 pair"};
  }
  OCTET_CHECK(make_folder(options.output.parent_path()));
  OCTET_TRY(const auto source, Source::open(options.source));
  CalibrateSummary summary;
  summary.model = model.name;
  OCTET_TRY(summary.population, count_entries(*source));
  Sampler sampler(*source, choose(options, summary.population), model.preprocess, options.decoder, options.control);
  CalibrationOptions calibration = options.calibration;
  if (calibration.threads == 0) calibration.threads = threads;
  const auto pictures = [&](std::span<std::uint8_t> slots, std::int64_t count) { return sampler.fill(slots, count); };
  auto calibrated = calibrate(model, calibration, pictures);
  summary.unreadable = sampler.unreadable();
  summary.first_unreadable = sampler.first_unreadable();
  if (!calibrated) {
    if (calibrated.error().code != ErrorCode::not_found || summary.unreadable == 0) return calibrated.error();
    return Error{ErrorCode::bad_image, options.source.data.string(),
                 "none of " + std::to_string(summary.unreadable) + " sampled pictures could be read; " +
                     summary.first_unreadable.front()};
  }
  OCTET_CHECK(add_provenance(options, summary.population, calibrated->model));
  calibrated->model.name = options.output.filename().string();
  OCTET_CHECK(save_model(calibrated->model, options.output));
  OCTET_TRY(const ModelFiles files, find_model(options.output, 0));
  summary.symbol = files.symbol;
  summary.params = files.params;
  summary.report = std::move(calibrated->report);
  summary.images = static_cast<std::uint64_t>(summary.report.images);
  return summary;
}

}  // namespace

Result<CalibrateSummary> calibrate_model(const CalibrateOptions& options) {
  const auto begin = std::chrono::steady_clock::now();
  OCTET_CHECK(check_options(options));
  OCTET_TRY(const auto workers, Workers::create(options.threads));
  try {
    OCTET_TRY(CalibrateSummary summary, workers->execute([&] { return run(options, workers->threads()); }));
    summary.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    return summary;
  } catch (const std::bad_alloc&) {
    return Error{ErrorCode::limit, {}, "out of memory"};
  } catch (const std::exception& unexpected) {
    return Error{ErrorCode::internal, {}, unexpected.what()};
  }
}

}  // namespace octet
