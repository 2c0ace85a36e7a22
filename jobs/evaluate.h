// Accuracy over labelled entries, of one model or two on the same pixels: what `octet evaluate` runs.
#pragma once

#include <array>       // std::array
#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <string>      // std::string

#include "octet/jobs/score.h"

namespace octet {

struct EvaluateOptions {
  std::filesystem::path model;  ///< prefix
  LoadOptions load;
  std::filesystem::path against;  ///< prefix of a second model; empty: none
  LoadOptions against_load;
  StreamOptions stream;
  /// Leaves out the entries whose index % skip_stride == skip_offset, for example those that a
  /// calibration with the same stride and offset used. 0: none.
  std::uint64_t skip_stride = 0, skip_offset = 0;
};

/// One model's figures, over the entries that could be read. Percent, 0..100.
struct Accuracy {
  std::string model;
  bool quantized = false;
  std::uint64_t correct1 = 0, correct5 = 0;
  double top1 = 0, top5 = 0;
  std::array<double, 2> interval95{0, 100};  ///< Wilson's score interval of top1
};

/// The second model beside the first.
struct Comparison {
  Accuracy accuracy;
  std::uint64_t agreeing = 0;  ///< entries with the same best class in both
  double agreement = 0;        ///< percent
  double drop = 0;             ///< points: the second model's top1 less the first's
};

struct EvaluateSummary {
  StreamSummary stream;      ///< n counts the entries that were not left out
  std::uint64_t judged = 0;  ///< n - failed: what the percentages are of
  Accuracy accuracy;
  std::optional<Comparison> against;
};

/// Evaluates. Both models see the same decoded pixels. Errors beyond those of loading: usage (an
/// entry without a single class label, a label outside the model's classes, preprocessing that
/// differs between the models), unsupported (detection models), not_found (nothing to judge).
Result<EvaluateSummary> evaluate(const EvaluateOptions& options);

/// Wilson's score interval for `hits` of `n` at 95 %, in percent; {0, 100} for n == 0.
/// E. B. Wilson, J. Am. Stat. Assoc. 22 (1927).
std::array<double, 2> wilson95(std::uint64_t hits, std::uint64_t n);

}  // namespace octet
