#include "octet/jobs/score.h"

#include <algorithm>  // std::min
#include <atomic>     // std::atomic
#include <utility>    // std::move

#include "octet/graph/output_file.h"
#include "octet/jobs/merge.h"
#include "octet/jobs/stage/entry_counter.h"
#include "octet/jobs/stage/stream.h"
#include "octet/jobs/store/identity.h"
#include "octet/jobs/store/in_flight.h"
#include "octet/jobs/store/segments.h"
#include "octet/jobs/writers/detection_files.h"
#include "octet/jobs/writers/number_text.h"
#include "octet/loader/record_files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

/// One line of quarantine.jsonl.
void append_quarantine_line(const FailedEntry& failed, std::string& json) {
  json += "{\"index\":";
  append_number(failed.index, json);
  json += ",\"key\":";
  append_json_string(failed.key, json);
  json += ",\"file\":";
  append_json_string(failed.file, json);
  if (failed.offset) {
    json += ",\"offset\":";
    append_number(*failed.offset, json);
  }
  json += ",\"code\":";
  append_json_string(to_string(failed.error.code), json);
  json += ",\"message\":";
  append_json_string(to_string(failed.error), json);
  json += "}\n";
}

/// The file in which an entry's bytes are. `records`: of the source.
fs::path file_of(const SourceOptions& source, const RecordFiles& records, const std::string& key, bool bad_line) {
  std::error_code ignored;
  if (!records.empty()) return records.file_of(key);
  if (fs::is_directory(source.data, ignored)) return source.data / key;
  if (bad_line) return source.data;
  return (source.root.empty() ? source.data.parent_path() : source.root) / key;
}

/// One call of score().
class ScoreJob {
 public:
  ScoreJob(const ScoreOptions& options, std::shared_ptr<const Scorer> scorer)
      : options_(options),
        scorer_(std::move(scorer)),
        labels_(options.labels.empty() ? scorer_->labels : options.labels) {}

  Result<ScoreSummary> execute();

 private:
  Result<void> open();
  [[nodiscard]] bool is_published() const;
  Result<void> score_entries(ScoreSummary& summary);
  Result<void> finish(const ScoreSummary& summary);
  Result<void> keep(const Record& record);
  [[nodiscard]] ShardState state() const { return {options_.output, store_->manifest().shard, store_->manifest()}; }

  const ScoreOptions& options_;
  const std::shared_ptr<const Scorer> scorer_;
  const std::vector<std::string>& labels_;
  std::optional<Annotations> annotations_;
  std::unique_ptr<Source> source_;
  RecordFiles records_;  // of the source
  std::unique_ptr<InFlight> in_flight_;
  std::atomic<InFlight*> beating_{nullptr};
  std::unique_ptr<SegmentWriter> store_;  // its thread uses the two above
  std::string detections_, quarantine_;   // of the entry at hand
};

Result<void> ScoreJob::open() {
  if (has_detection_files(options_.format) && !scorer_->detection) {
    return Error{ErrorCode::usage, scorer_->name, "the formats coco and voc hold detections; this model classifies"};
  }
  if (scorer_->features && options_.format != OutputFormat::jsonl) {
    return Error{ErrorCode::usage, scorer_->name, "values of inner nodes are written as jsonl alone"};
  }
  OCTET_TRY(source_, Source::open(options_.stream.source));
  OCTET_TRY(records_, find_record_files(options_.stream.source));
  if (!options_.annotations.empty() && options_.format == OutputFormat::coco) {
    OCTET_TRY(annotations_, Annotations::load(options_.annotations, labels_));
  }
  SegmentOptions segments;
  segments.output = options_.output;
  segments.resume = options_.resume;
  segments.age = options_.checkpoint;
  segments.stop = options_.stream.control.stop;
  // Who is in flight is written when the folder is known to be ours.
  segments.tick = [this] {
    if (InFlight* const in_flight = beating_.load()) in_flight->beat();
  };
  OCTET_TRY(segments.job.identity, identity_of(options_, *scorer_));
  segments.job.shard = options_.stream.source.shard;
  segments.job.format = to_string(options_.format);
  if (options_.format == OutputFormat::voc) segments.job.labels = labels_;
  if (options_.stream.limit == 0) segments.job.entries = source_->size();
  OCTET_TRY(store_, SegmentWriter::open(segments));
  // A finished job whose files are gone again, and its segments too.
  const auto& end = store_->manifest().end;
  if (end && !end->segments_kept && !is_published()) {
    store_.reset();
    segments.resume = Resume::never;
    OCTET_TRY(store_, SegmentWriter::open(std::move(segments)));
  }
  return {};
}

bool ScoreJob::is_published() const {
  std::error_code ignored;
  return fs::exists(options_.output / output_name(options_.format), ignored) &&
         (options_.format != OutputFormat::coco ||
          fs::exists(options_.output / detection_files_name(options_.format), ignored));
}

Result<void> ScoreJob::keep(const Record& record) {
  StoredEntry entry{record.index, record.text, {}, {}};
  detections_.clear();
  if (has_detection_files(options_.format)) {
    OCTET_CHECK(append_detection_lines(options_.format, record, annotations_ ? &*annotations_ : nullptr, detections_));
    entry.detections = detections_;
  }
  if (record.outcomes) return store_->add(entry, nullptr, record.next);
  FailedEntry failed{record.index, record.key, record.outcomes.error(), {}, record.offset};
  const bool bad_line = failed.error.code == ErrorCode::bad_record;
  failed.file = file_of(options_.stream.source, records_, record.key, bad_line).string();
  quarantine_.clear();
  append_quarantine_line(failed, quarantine_);
  entry.quarantine = quarantine_;
  return store_->add(entry, &failed, record.next);
}

Result<void> ScoreJob::score_entries(ScoreSummary& summary) {
  OCTET_TRY(in_flight_, InFlight::open(job_folder(options_.output) / "in-flight"));
  beating_ = in_flight_.get();
  StreamJob job;
  job.name = "score";
  job.scorers = {scorer_};
  job.stage.top_k = options_.top_k;
  job.stage.finish = [&](Record& record) {
    append_record(options_.format, record, labels_, record.text, scorer_->plan->outputs());
  };
  job.stage.around_decoding = [&](const Entry& entry, const auto& decode) { return in_flight_->pass(entry, decode); };
  job.take = [&](const Record& record) { return keep(record); };
  job.before = summary_of({state()});
  summary.resumed = job.before.n;
  if (const auto& done = store_->manifest().segments; !done.empty()) OCTET_CHECK(source_->seek(done.back().next));
  auto scored = run_stream(options_.stream, *source_, job);
  // Whatever ended it: what is scored stays scored.
  const auto flushed = store_->flush();
  if (!scored) {
    if (flushed && scored.error().code == ErrorCode::bad_image) OCTET_CHECK(publish_quarantine(state()));
    return std::move(scored).error();
  }
  OCTET_CHECK(flushed);
  summary.stream = *std::move(scored);
  return {};
}

/// The final files, then the line in the manifest that tells of them.
Result<void> ScoreJob::finish(const ScoreSummary& summary) {
  const std::uint64_t limit = options_.stream.limit;
  ShardState done = state();
  const bool whole = done.shard.count == 1;
  if (!done.manifest->end) {
    const std::uint64_t passed = source_->passed();
    done.manifest->end = ShardEnd{limit > 0 ? std::min(passed, limit) : passed, done.manifest->seconds(),
                                  options_.keep_segments || !whole};
  }
  OCTET_TRY(const std::uint64_t published, publish({done}, options_.output, whole, options_.stream.control));
  if (published != summary.stream.n) {
    return Error{ErrorCode::internal, options_.output.string(), "the segments do not hold every record"};
  }
  return store_->end(*done.manifest->end);
}

Result<ScoreSummary> ScoreJob::execute() {
  OCTET_CHECK(open());
  ScoreSummary summary;
  summary.model = scorer_->name;
  summary.quantized = scorer_->plan->quantized();
  summary.scores = options_.output / output_name(options_.format);
  summary.quarantine = options_.output / quarantine_name;
  if (has_detection_files(options_.format)) {
    summary.detections = options_.output / detection_files_name(options_.format);
  }
  if (store_->manifest().end) {
    summary.stream = summary_of({state()});
    summary.resumed = summary.stream.n;
    EntryCounter counter(options_.stream, summary.stream.n);
    counter.go_on_from(summary.stream);
    OCTET_CHECK(counter.within_bounds());
    OCTET_CHECK(counter.finish());
    if (is_published()) return summary;
  } else {
    OCTET_CHECK(score_entries(summary));
  }
  OCTET_CHECK(finish(summary));
  if (in_flight_) in_flight_->close();
  return summary;
}

}  // namespace

Result<ScoreSummary> score(const ScoreOptions& options) {
  if (options.top_k < 1)
    return Error{ErrorCode::usage, {}, "the number of classes a picture (top-k) must be at least 1"};
  if (options.output.empty()) return Error{ErrorCode::usage, {}, "no output folder is given"};
  auto scorer = options.scorer;
  if (scorer == nullptr) {
    OCTET_TRY(scorer, load_scorer(options.model, options.load, options.stream.batch));
  }
  return ScoreJob(options, std::move(scorer)).execute();
}

}  // namespace octet
