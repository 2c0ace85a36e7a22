#include "octet/jobs/score.h"

#include "octet/graph/output_file.h"
#include "octet/jobs/stage/stream.h"
#include "octet/jobs/writers/detection_files.h"

namespace octet {
namespace {

/// The files beside the records, with what they refer to.
struct Detections {
  std::optional<Annotations> annotations;
  std::unique_ptr<DetectionFiles> files;  // null: the format has none
};

Result<void> open_detections(const ScoreOptions& options, const Scorer& scorer, const std::vector<std::string>& labels,
                             Detections& detections) {
  if (options.format != OutputFormat::coco && options.format != OutputFormat::voc) return {};
  if (!scorer.detection) {
    return Error{ErrorCode::usage, scorer.name, "the formats coco and voc hold detections; this model classifies"};
  }
  if (!options.annotations.empty() && options.format == OutputFormat::coco) {
    OCTET_TRY(detections.annotations, Annotations::load(options.annotations, labels));
  }
  OCTET_TRY(detections.files, DetectionFiles::create(options.format, options.output, labels,
                                                     detections.annotations ? &*detections.annotations : nullptr));
  return {};
}

}  // namespace

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
  OCTET_TRY(OutputFile file, OutputFile::create(summary.scores));
  OCTET_CHECK(file.write(header_text(options.format)));
  const std::vector<std::string>& labels = options.labels.empty() ? scorer->labels : options.labels;
  Detections detections;
  OCTET_CHECK(open_detections(options, *scorer, labels, detections));
  if (detections.files) summary.detections = options.output / detection_files_name(options.format);

  StreamJob job;
  job.name = "score";
  job.scorers = {scorer};
  job.stage.top_k = options.top_k;
  job.stage.finish = [&](Record& record) { append_record(options.format, record, labels, record.text); };
  job.take = [&](const Record& record) -> Result<void> {
    if (detections.files) OCTET_CHECK(detections.files->write(record));
    return file.write(record.text);
  };
  OCTET_TRY(summary.stream, run_stream(options.stream, *source, job));
  if (detections.files) OCTET_CHECK(detections.files->commit());
  OCTET_CHECK(file.commit());
  return summary;
}

}  // namespace octet
