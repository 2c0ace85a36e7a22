// FP32 pair + data -> INT8 pair: what `octet calibrate` runs.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/precision.h"
#include "octet/graph/model.h"
#include "octet/jobs/evaluate.h"
#include "octet/jobs/progress.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

struct CalibrateOptions {
  std::filesystem::path model;  ///< prefix of the FP32 pair
  LoadOptions load;
  SourceOptions source;
  std::filesystem::path output;  ///< prefix of the INT8 pair; its folder is made when absent
  CalibrationOptions calibration;
  /// The sample, spread over the whole data by `seed`: a share (0..1] of the entries, or a number
  /// of them (wins when set; more than there are: all).
  double fraction = 0.02;
  std::optional<std::uint64_t> samples;
  std::uint64_t seed = 0;
  /// Take every stride-th entry from `offset` on instead of drawing (0: draw).
  std::uint64_t stride = 0, offset = 0;
  /// A bound, one of them at most: layers stay in float until it is met (see PrecisionOptions). Labels are the
  /// entries'.
  std::optional<double> min_agreement, max_drop;
  int max_float = PrecisionOptions{}.max_float;
  DecoderOptions decoder;
  /// Files to write a report to, as a page (.html) or as JSON (.json). Their accuracy is that on up to
  /// report_pictures entries, which did not calibrate where there are at least 30 of that kind.
  std::vector<std::filesystem::path> reports;
  std::uint64_t report_pictures = 1000;
  int threads = 0;  ///< 0: as many as the calling arena has
  JobControl control;
};

/// How a calibrated model did.
struct Judgement {
  EvaluateSummary evaluation;  ///< of the INT8 pair, against the float one
  bool held_out = false;       ///< on entries that did not calibrate; else on those too
  std::string without_labels;  ///< why labels were not used, though there are some
};

struct CalibrateSummary {
  std::uint64_t population = 0;               ///< entries of the data
  std::uint64_t images = 0;                   ///< decoded and used
  std::uint64_t unreadable = 0;               ///< sampled but bad; the next entries took their places
  std::vector<std::string> first_unreadable;  ///< "key: why", at most 10
  CalibrationReport report;
  std::filesystem::path symbol, params;         ///< what was written
  std::string model;                            ///< name of the FP32 model
  double seconds = 0;                           ///< without judging
  std::optional<Judgement> judgement;           ///< where a report was asked for; so are the sizes:
  std::uint64_t f32_bytes = 0, int8_bytes = 0;  ///< of the parameter files
};

/// Samples, decodes in parallel (fed in index order, so the result depends on the sample alone),
/// calibrates and saves. The provenance names the FP32 files' digests, the options, the data's name
/// and the number of images. With a bound, every step of the search leaves the best pair so far, and a file
/// OUTPUT.precision.json from which the same call goes on when it was stopped (Error(cancelled) says what was reached);
/// it goes when the search has ended. A bound that is not met is no error here: see missed_bound. Error(bad_image) when
/// no sampled entry could be read, Error(usage) for options out of range or a model that is INT8 already. Reports
/// are written when the pair is there.
Result<CalibrateSummary> calibrate_model(const CalibrateOptions& options);

/// Error(invalid_config) that says what was reached, when a bound was given and not met.
std::optional<Error> missed_bound(const CalibrateSummary& summary);

}  // namespace octet
