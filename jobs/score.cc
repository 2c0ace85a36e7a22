#include "octet/jobs/score.h"

#include "octet/jobs/stage/stream.h"

namespace octet {

Result<ScoreSummary> score(const ScoreOptions& options) {
  if (options.top_k < 1) return Error{ErrorCode::usage, {}, "top_k must be at least 1"};
  if (options.output.empty()) return Error{ErrorCode::usage, {}, "no output folder is given"};
  auto scorer = options.scorer;
  if (scorer == nullptr) {
    OCTET_TRY(scorer, load_scorer(options.model, options.load, options.stream.batch));
  }
  OCTET_TRY(const auto source, Source::open(options.stream.source));
  OCTET_CHECK(make_folder(options.output));
  ScoreSummary summary;
  summary.model = scorer->name;
  summary.quantized = scorer->plan->quantized();
  summary.scores = options.output / output_name(options.format);
  OCTET_TRY(const auto file, AtomicFile::create(summary.scores));
  OCTET_CHECK(file->write(header_text(options.format)));

  const std::vector<std::string>& labels = options.labels.empty() ? scorer->labels : options.labels;
  StreamJob job;
  job.name = "score";
  job.scorers = {scorer};
  job.stage.top_k = options.top_k;
  job.stage.finish = [&](Record& record) { append_record(options.format, record, labels, record.text); };
  job.take = [&](const Record& record) { return file->write(record.text); };
  OCTET_TRY(summary.stream, run_stream(options.stream, *source, job));
  OCTET_CHECK(file->commit());
  return summary;
}

}  // namespace octet
