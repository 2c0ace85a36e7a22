#include "octet/jobs/evaluate.h"

#include <cmath>    // std::sqrt
#include <utility>  // std::move

#include "octet/jobs/annotations.h"
#include "octet/jobs/stage/stream.h"
#include "octet/jobs/stage/tally.h"

namespace octet {
namespace {

constexpr int considered = 5;

Result<Scorers> load_scorers(const EvaluateOptions& options) {
  Scorers scorers;
  OCTET_TRY(auto first, load_scorer(options.model, options.load, options.stream.batch));
  scorers.push_back(std::move(first));
  if (options.against.empty()) return scorers;
  OCTET_TRY(auto second, load_scorer(options.against, options.against_load, options.stream.batch));
  scorers.push_back(std::move(second));
  if (scorers[0]->detection != scorers[1]->detection) {
    return Error{ErrorCode::usage, scorers[1]->name, "one of the models detects, the other classifies"};
  }
  if (scorers[0]->detection && scorers[0]->labels != scorers[1]->labels) {
    return Error{ErrorCode::usage, scorers[1]->name, "its class names differ from those of " + scorers[0]->name};
  }
  return scorers;
}

Result<std::unique_ptr<Tally>> make_tally(const EvaluateOptions& options, const Scorers& scorers) {
  if (!scorers.front()->detection) {
    if (options.annotations.empty()) return classification_tally(scorers);
    return Error{ErrorCode::usage, scorers.front()->name, "annotations are for detection models; this one classifies"};
  }
  if (options.annotations.empty()) return detection_tally(scorers, options, std::nullopt);
  if (options.stream.source.data.extension() == ".rec") {
    return Error{ErrorCode::usage, options.stream.source.data.string(),
                 "annotations are matched by file name; the entries of a record file have labels of their own"};
  }
  OCTET_TRY(auto annotations, Annotations::load(options.annotations, scorers.front()->labels));
  return detection_tally(scorers, options, std::move(annotations));
}

}  // namespace

std::array<double, 2> wilson95(std::uint64_t hits, std::uint64_t n) {
  if (n == 0) return {0, 100};
  constexpr double z = 1.959963984540054;  // the normal distribution's 97.5 % point
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(hits) / count;
  const double scale = 1 + z * z / count;
  const double middle = (share + z * z / (2 * count)) / scale;
  const double half = z / scale * std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  return {100 * std::max(0.0, middle - half), 100 * std::min(1.0, middle + half)};
}

Result<EvaluateSummary> evaluate(const EvaluateOptions& options) {
  if (options.skip_stride > 0 && options.skip_offset >= options.skip_stride) {
    return Error{ErrorCode::usage, {}, "the offset of the entries to leave out must be below their stride"};
  }
  OCTET_TRY(const auto scorers, load_scorers(options));
  OCTET_TRY(const auto source, Source::open(options.stream.source));
  OCTET_TRY(const auto tally, make_tally(options, scorers));
  StreamJob job;
  job.name = "evaluate";
  job.scorers = scorers;
  job.stage.top_k = considered;
  if (options.skip_stride > 0) {
    job.wanted = [&](std::uint64_t index) { return index % options.skip_stride != options.skip_offset; };
  }
  job.check = [&](const Entry& entry) { return tally->check(entry); };
  job.take = [&](const Record& record) { return tally->take(record); };
  EvaluateSummary summary;
  OCTET_TRY(summary.stream, run_stream(options.stream, *source, job));
  summary.judged = summary.stream.n - summary.stream.failed;
  if (summary.judged == 0) {
    return Error{ErrorCode::not_found, options.stream.source.data.string(), "no entry could be judged"};
  }
  tally->finish(summary);
  return summary;
}

}  // namespace octet
