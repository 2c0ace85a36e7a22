#include "octet/jobs/merge.h"

#include <algorithm>  // std::sort
#include <memory>     // std::unique_ptr
#include <queue>      // std::priority_queue
#include <utility>    // std::move

#include "octet/graph/output_file.h"
#include "octet/jobs/report.h"
#include "octet/jobs/stage/entry_counter.h"
#include "octet/jobs/store/lock.h"
#include "octet/jobs/store/segments.h"
#include "octet/jobs/writers/detection_files.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

std::string shard_name(const ShardState& state) {
  return "shard " + std::to_string(state.shard.index) + "/" + std::to_string(state.shard.count) + " in " +
         state.output.string();
}

Error incomplete(const std::string& message) { return {ErrorCode::invalid_config, {}, message}; }

/// A shard's entries, the next one first.
struct ShardCursor {
  SegmentReader reader;
  StoredEntry entry;
};

/// The entries of several shards in order of their indices.
class EntryMerge {
 public:
  Result<void> open(const std::vector<ShardState>& shards) {
    for (const ShardState& shard : shards) {
      cursors_.push_back({SegmentReader(shard.output, *shard.manifest), {}});
    }
    for (std::size_t i = 0; i < cursors_.size(); ++i) OCTET_CHECK(advance(i));
    return {};
  }
  [[nodiscard]] bool done() const { return heads_.empty(); }
  [[nodiscard]] const StoredEntry& head() const { return cursors_[heads_.top().second].entry; }
  Result<void> pop() {
    const std::size_t cursor = heads_.top().second;
    heads_.pop();
    return advance(cursor);
  }

 private:
  using Head = std::pair<std::uint64_t, std::size_t>;  // index, cursor

  Result<void> advance(std::size_t cursor) {
    OCTET_TRY(const auto entry, cursors_[cursor].reader.next());
    if (!entry) return {};
    cursors_[cursor].entry = *entry;
    heads_.emplace(entry->index, cursor);
    return {};
  }

  std::vector<ShardCursor> cursors_;
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads_;
};

Result<std::vector<ShardState>> shards_of(const std::vector<fs::path>& folders) {
  std::vector<ShardState> shards;
  for (const fs::path& folder : folders) {
    OCTET_TRY(auto found, read_shards(folder));
    for (ShardState& shard : found) shards.push_back(std::move(shard));
  }
  std::stable_sort(shards.begin(), shards.end(),
                   [](const ShardState& a, const ShardState& b) { return a.shard.index < b.shard.index; });
  return shards;
}

/// All shards are there once, finished, and of one job.
Result<void> check_shards(const std::vector<ShardState>& shards) {
  if (shards.empty()) return Error{ErrorCode::usage, {}, "no shards are given"};
  const ShardState& first = shards.front();
  for (const ShardState& shard : shards) {
    if (!shard.manifest) return incomplete(shard_name(shard) + " has not begun");
    if (shard.shard.count != first.shard.count) {
      return incomplete(shard_name(shard) + " is of another job than " + shard_name(first));
    }
    const std::string differs = differences(first.manifest->identity, shard.manifest->identity);
    if (!differs.empty()) {
      return incomplete(shard_name(shard) + " is of another job than " + shard_name(first) + ": " + differs);
    }
    if (!(shard.manifest->shard == shard.shard)) return incomplete(shard_name(shard) + " holds another shard");
  }
  for (std::size_t i = 0; i < shards.size(); ++i) {
    if (i > 0 && shards[i].shard.index == shards[i - 1].shard.index) {
      return incomplete(shard_name(shards[i]) + " is there twice, also in " + shards[i - 1].output.string());
    }
    if (shards[i].shard.index != i) {
      return incomplete("shard " + std::to_string(i) + "/" + std::to_string(first.shard.count) + " is missing");
    }
    if (!shards[i].manifest->end) {
      return incomplete(shard_name(shards[i]) + " is unfinished: " + std::to_string(shards[i].manifest->records()) +
                        " entries are scored; run it again");
    }
  }
  if (!first.manifest->end->segments_kept) {
    return incomplete(first.output.string() + " is a whole job, not a shard: its files are complete");
  }
  if (shards.size() != first.shard.count) {
    return incomplete("shard " + std::to_string(shards.size()) + "/" + std::to_string(first.shard.count) +
                      " is missing");
  }
  return {};
}

}  // namespace

StreamSummary summary_of(const std::vector<ShardState>& shards) {
  StreamSummary summary;
  for (const ShardState& shard : shards) {
    if (!shard.manifest) continue;
    summary.seconds += shard.manifest->seconds();
    for (const SegmentInfo& segment : shard.manifest->segments) {
      summary.n += segment.records;
      summary.failed += segment.failed;
      for (const auto& [code, count] : segment.errors) summary.errors[code] += count;
      summary.first_failed.insert(summary.first_failed.end(), segment.first_failed.begin(), segment.first_failed.end());
    }
  }
  const auto damaged = summary.errors.find(std::string(to_string(ErrorCode::bad_record)));
  if (damaged != summary.errors.end()) summary.damaged_places = damaged->second;
  std::sort(summary.first_failed.begin(), summary.first_failed.end(),
            [](const FailedEntry& a, const FailedEntry& b) { return a.index < b.index; });
  if (summary.first_failed.size() > 10) summary.first_failed.resize(10);
  if (summary.seconds > 0) summary.images_per_s = static_cast<double>(summary.n) / summary.seconds;
  summary.peak_rss_bytes = peak_rss_bytes();
  return summary;
}

Result<std::uint64_t> publish(const std::vector<ShardState>& shards, const fs::path& output, bool all,
                              const JobControl& control) {
  const Manifest& job = *shards.front().manifest;
  OCTET_TRY(const OutputFormat format, parse_output_format(job.format));
  OCTET_CHECK(make_folder(output));
  OCTET_TRY(OutputFile scores, OutputFile::create(output / output_name(format)));
  OCTET_TRY(OutputFile quarantine, OutputFile::create(output / quarantine_name));
  std::unique_ptr<DetectionFiles> detections;
  if (has_detection_files(format)) {
    OCTET_TRY(detections, DetectionFiles::create(format, output, job.labels));
  }
  OCTET_CHECK(scores.write(header_text(format)));
  EntryMerge entries;
  OCTET_CHECK(entries.open(shards));
  std::uint64_t count = 0, next = 0;
  for (; !entries.done(); ++count) {
    if (control.stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    const StoredEntry& entry = entries.head();
    if (entry.index < next) return incomplete("entry " + std::to_string(entry.index) + " is there twice");
    if (all && entry.index > next) return incomplete("entry " + std::to_string(next) + " is missing");
    next = entry.index + 1;
    OCTET_CHECK(scores.write(entry.record));
    OCTET_CHECK(quarantine.write(entry.quarantine));
    if (detections) OCTET_CHECK(detections->write(entry.detections));
    OCTET_CHECK(entries.pop());
  }
  std::uint64_t source_entries = 0;
  for (const ShardState& shard : shards) source_entries = std::max(source_entries, shard.manifest->end->source_entries);
  if (all && count != source_entries) {
    return incomplete("there are " + std::to_string(count) + " of " + std::to_string(source_entries) + " entries");
  }
  // What can fail comes before the first name; the records come last: where they are, all is.
  OCTET_CHECK(scores.sync());
  OCTET_CHECK(quarantine.sync());
  if (detections) OCTET_CHECK(detections->commit());
  OCTET_CHECK(quarantine.commit());
  OCTET_CHECK(scores.commit());
  return count;
}

Result<void> publish_quarantine(const ShardState& shard) {
  OCTET_TRY(OutputFile quarantine, OutputFile::create(shard.output / quarantine_name));
  SegmentReader reader(shard.output, *shard.manifest);
  while (true) {
    OCTET_TRY(const auto entry, reader.next());
    if (!entry) return quarantine.commit();
    OCTET_CHECK(quarantine.write(entry->quarantine));
  }
}

Result<ScoreSummary> merge(const MergeOptions& options) {
  OCTET_TRY(const auto shards, shards_of(options.shards));
  OCTET_CHECK(check_shards(shards));
  ScoreSummary summary;
  summary.stream = summary_of(shards);
  StreamOptions bounds;
  bounds.max_bad = options.max_bad;
  bounds.max_bad_fraction = options.max_bad_fraction;
  OCTET_CHECK(check_stream_options(bounds));
  EntryCounter counter(bounds, summary.stream.n);
  counter.go_on_from(summary.stream);
  OCTET_CHECK(counter.finish());
  if (options.output.empty() && options.shards.size() != 1) {
    return Error{ErrorCode::usage, {}, "no output folder is given"};
  }
  const fs::path output = options.output.empty() ? options.shards.front() : options.output;
  OCTET_CHECK(make_folder(job_folder(output)));
  OCTET_TRY(const FileLock lock, FileLock::acquire(job_folder(output) / "lock"));
  OCTET_TRY(const std::uint64_t count, publish(shards, output, true, options.control));
  if (count != summary.stream.n) return incomplete("the segments have other entries than the manifests tell");
  const Manifest& job = *shards.front().manifest;
  OCTET_TRY(const OutputFormat format, parse_output_format(job.format));
  for (const auto& [name, value] : job.identity.fields) {
    if (name == "model_name") summary.model = value;
    if (name == "precision") summary.quantized = value == "int8";
  }
  summary.scores = output / output_name(format);
  summary.quarantine = output / quarantine_name;
  if (has_detection_files(format)) {
    summary.detections = output / detection_files_name(format);
  }
  OCTET_CHECK(write_file(output / "report.json", to_json(summary, shards) + "\n"));
  return summary;
}

}  // namespace octet
