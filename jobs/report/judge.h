// Judges what a calibration made, on pictures that it did not see, and writes the reports.
#pragma once

#include <memory>         // std::unique_ptr
#include <unordered_set>  // std::unordered_set
#include <vector>         // std::vector

#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/stage/sampler.h"

namespace octet {

/// Error(usage) for a report whose name ends neither in .html nor in .json.
Result<void> check_reports(const CalibrateOptions& options);

/// The entries that a calibration did not use.
class HeldOut {
 public:
  static constexpr std::uint64_t enough = 30;  ///< fewer judge nothing: all entries do then

  /// `used`: entries that calibrated, and those that could not be read.
  HeldOut(const CalibrateOptions& options, const Preprocess& preprocess, std::uint64_t population,
          std::unordered_set<std::uint64_t> used);

  [[nodiscard]] bool is_enough() const noexcept { return enough_; }
  /// options.report_pictures entries of the data, held out where there are enough; ascending.
  [[nodiscard]] const std::vector<std::uint64_t>& indices() const noexcept { return indices_; }
  /// A PictureSource of up to 64 of them, spread evenly; without pictures where there are too few entries.
  Result<std::int64_t> fill(std::span<std::uint8_t> slots, std::int64_t count);

 private:
  const CalibrateOptions& options_;
  const Preprocess preprocess_;
  std::unordered_set<std::uint64_t> used_;
  bool enough_ = false;
  std::vector<std::uint64_t> indices_;
  std::unique_ptr<Source> source_;
  JobControl quiet_;  ///< this pass is no stage of its own
  std::unique_ptr<Sampler> sampler_;
};

/// Evaluates the pair that was written beside the float one on the entries of `held`, with labels where they fit, and
/// writes options.reports. Fills summary.judgement and the sizes.
Result<void> judge_and_report(const CalibrateOptions& options, const HeldOut& held, CalibrateSummary& summary);

}  // namespace octet
