#include "octet/jobs/report/job_figures.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "octet/jobs/report/record_line.h"
#include "octet/jobs/store/manifest.h"
#include "octet/jobs/writers.h"
#include "octet/loader/text_lines.h"

namespace octet {
namespace {

/// Adds up records one by one.
class FigureTally {
 public:
  explicit FigureTally(std::size_t samples) : wanted_(samples) {}

  void add(RecordLine line) {
    ++figures_.n;
    if (line.failure) return add_failure(std::move(line));
    count(line);
    keep({line.index, std::move(line.key), std::move(line.outcome), std::move(line.labels)});
  }

  [[nodiscard]] JobFigures take() {
    // Of up to twice as many as are wanted, those that lie evenly.
    const std::vector<SampleFigure> kept = std::exchange(figures_.samples, {});
    const std::size_t count = std::min(wanted_, kept.size());
    for (std::size_t i = 0; i < count; ++i) figures_.samples.push_back(kept[i * kept.size() / count]);
    return std::move(figures_);
  }

 private:
  void add_failure(RecordLine line) {
    ++figures_.failed;
    ++figures_.errors[line.failure->code];
    if (figures_.failures.size() == JobFigures::most_failures) return;
    figures_.failures.push_back(
        {line.index, std::move(line.key), std::move(line.failure->code), std::move(line.failure->message)});
  }

  void count(const RecordLine& line) {
    const Outcome& outcome = line.outcome;
    figures_.detection = outcome.detection;
    figures_.boxes += outcome.detections.size();
    figures_.without_boxes += outcome.detection && outcome.detections.empty() ? 1 : 0;
    if (!outcome.predictions.empty()) count(outcome.predictions[0].id, outcome.predictions[0].score, line);
    for (const Detection& box : outcome.detections) count(box.id, box.score, line);
  }

  void count(int id, float score, const RecordLine& line) {
    ClassCount& of_class = figures_.classes[id];
    ++of_class.count;
    if (const auto label = line.labels.find(id); label != line.labels.end()) of_class.label = label->second;
    if (!(score >= 0 && score <= 1)) {
      ++figures_.other_scores;
      return;
    }
    const auto bin = static_cast<std::size_t>(score * JobFigures::score_bins);
    ++figures_.best_scores[std::min(bin, JobFigures::score_bins - 1)];
  }

  /// Keeps every step-th; when there are too many, every other one of them goes and the step doubles.
  void keep(SampleFigure sample) {
    if (wanted_ == 0 || good_++ % step_ != 0) return;
    auto& samples = figures_.samples;
    samples.push_back(std::move(sample));
    if (samples.size() < 2 * wanted_) return;
    std::size_t kept = 0;
    for (std::size_t i = 0; i < samples.size(); i += 2) std::swap(samples[kept++], samples[i]);
    samples.resize(kept);
    step_ *= 2;
  }

  const std::size_t wanted_;
  std::uint64_t good_ = 0, step_ = 1;
  JobFigures figures_;
};

std::string field_of(const JobIdentity& identity, std::string_view name) {
  for (const auto& [key, value] : identity.fields) {
    if (key == name) return value;
  }
  return {};
}

Result<void> add_manifests(const std::filesystem::path& output, JobFigures& figures) {
  const auto shards = read_shards(output);
  if (!shards && shards.error().code == ErrorCode::not_found) return {};  // the records were copied here alone
  if (!shards) return shards.error();
  JobFacts& facts = figures.facts;
  for (const ShardState& shard : *shards) {
    if (!shard.manifest) continue;
    const JobIdentity& job = shard.manifest->identity;
    facts = {field_of(job, "model_name"), field_of(job, "precision"), field_of(job, "data"), field_of(job, "isa"),
             field_of(job, "octet"),      facts.shards + 1,           facts.seconds};
    for (const SegmentInfo& segment : shard.manifest->segments) {
      if (segment.seconds <= 0) continue;
      facts.seconds += segment.seconds;
      figures.speed.push_back({facts.seconds, static_cast<double>(segment.records) / segment.seconds});
    }
  }
  return {};
}

}  // namespace

Result<JobFigures> read_job_figures(const std::filesystem::path& output, std::size_t samples) {
  OCTET_TRY(LineReader lines, LineReader::open(output / output_name(OutputFormat::jsonl)));
  FigureTally tally(samples);
  while (true) {
    OCTET_TRY(const std::optional<TextLine> line, lines.next());
    if (!line) break;
    auto record = parse_record_line(line->text);
    if (!record) return Error{ErrorCode::bad_record, lines.where(*line), "the line is not a record of octet score"};
    tally.add(*std::move(record));
  }
  JobFigures figures = tally.take();
  OCTET_CHECK(add_manifests(output, figures));
  return figures;
}

}  // namespace octet
