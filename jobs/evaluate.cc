#include "octet/jobs/evaluate.h"

#include <utility>  // std::move

#include "octet/jobs/annotations.h"
#include "octet/jobs/pack/order.h"
#include "octet/jobs/stage/stream.h"
#include "octet/jobs/stage/tally.h"

namespace octet {
namespace {

constexpr int considered = 5;

Result<Scorers> scorers_of(const EvaluateOptions& options) {
  OCTET_TRY(Scorers scorers,
            load_scorers(options.model, options.load, options.against, options.against_load, options.stream.batch));
  if (scorers.size() == 2 && scorers[0]->detection && scorers[0]->labels != scorers[1]->labels) {
    return Error{ErrorCode::usage, scorers[1]->name, "its class names differ from those of " + scorers[0]->name};
  }
  return scorers;
}

// The first entry that has pixels speaks for all.
Result<bool> has_labels(Source& source) {
  bool labelled = false;
  for (;;) {
    OCTET_TRY(const auto entry, source.next());
    if (!entry) break;
    if (!entry->image) continue;
    labelled = !entry->labels.empty();
    break;
  }
  OCTET_CHECK(source.rewind());
  return labelled;
}

Result<std::unique_ptr<Tally>> make_tally(const EvaluateOptions& options, const Scorers& scorers, Source& source) {
  bool labelled = true;
  if (scorers.size() > 1 && options.ignore_labels) {
    labelled = false;
  } else if (scorers.size() > 1 && options.annotations.empty()) {
    OCTET_TRY(labelled, has_labels(source));
  }
  if (!scorers.front()->detection) {
    if (options.annotations.empty()) return classification_tally(scorers, options, labelled);
    return Error{ErrorCode::usage, scorers.front()->name, "annotations are for detection models; this one classifies"};
  }
  if (options.annotations.empty() || !labelled) return detection_tally(scorers, options, std::nullopt, labelled);
  if (reads_records(options.stream.source)) {
    return Error{ErrorCode::usage, options.stream.source.data.string(),
                 "annotations are matched by file name; the entries of a record file have labels of their own"};
  }
  OCTET_TRY(auto annotations, Annotations::load(options.annotations, scorers.front()->labels));
  return detection_tally(scorers, options, std::move(annotations), true);
}

}  // namespace

Result<EvaluateSummary> evaluate(const EvaluateOptions& options) {
  if (options.skip_stride > 0 && options.skip_offset >= options.skip_stride) {
    return Error{ErrorCode::usage, {}, "the offset of the entries to leave out must be below their stride"};
  }
  OCTET_TRY(const auto scorers, scorers_of(options));
  OCTET_TRY(const auto source, Source::open(options.stream.source));
  OCTET_TRY(const auto tally, make_tally(options, scorers, *source));
  StreamJob job;
  job.name = "evaluate";
  job.scorers = scorers;
  job.stage.top_k = considered;
  if (options.skip_stride > 0 || options.wanted) {
    job.wanted = [&](std::uint64_t index) {
      const bool skipped = options.skip_stride > 0 && index % options.skip_stride == options.skip_offset;
      return !skipped && (!options.wanted || options.wanted(index));
    };
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
