// What a scoring job has durably done: the file manifest.jsonl of a shard's folder.
//
// OUT/                        the output folder of one shard, or of a job that has no shards
//   job/manifest.jsonl        this file: one line for the job, one for each durable segment, one at the end
//   job/segment-NNNNNN        the records of a segment (see segments.h)
//   job/in-flight, job/lock   see in_flight.h, lock.h
//   scores.jsonl, ...         appear when the shard is complete
// JOB/shard-III-of-NNN/       with several shards in one folder JOB (--shard auto): an OUT for each
//   ...
// JOB/scores.jsonl, ...       appear when all shards are merged
#pragma once

#include <cstdint>      // std::uint64_t
#include <filesystem>   // std::filesystem::path
#include <map>          // std::map
#include <optional>     // std::optional
#include <string>       // std::string
#include <string_view>  // std::string_view
#include <utility>      // std::pair
#include <vector>       // std::vector

#include "octet/graph/result.h"
#include "octet/jobs/record.h"
#include "octet/loader/source.h"

namespace octet {

/// What records depend on, as named texts in a fixed order: digests of model and input, options,
/// octet's version, instruction set. Threads, batch, bounds of bad entries and the shard are no part
/// of it: records do not depend on them, and all shards of a job have one identity.
struct JobIdentity {
  std::vector<std::pair<std::string, std::string>> fields;
  bool operator==(const JobIdentity&) const = default;
};

/// "top_k is 3, not 5; data is a.rec, not b.rec": how `other` differs from `expected`; empty when it does not.
std::string differences(const JobIdentity& expected, const JobIdentity& other);

/// One durable segment: consecutive entries of the shard.
struct SegmentInfo {
  std::string name;                             ///< of its file in job/
  std::uint64_t records = 0;                    ///< entries in it
  std::uint64_t failed = 0;                     ///< of these
  std::map<std::string, std::uint64_t> errors;  ///< failed entries by code name
  std::vector<FailedEntry> first_failed;        ///< those that are among the shard's first 10
  std::uint64_t bytes = 0;                      ///< size of the file
  std::string sha256;                           ///< of the file
  SourcePosition next;                          ///< where the source goes on behind it
  double seconds = 0;          ///< time that its records took: since the segment before, or since the process began
  std::int64_t committed = 0;  ///< when it became durable, in seconds since 1970
};

/// The last line of a complete shard.
struct ShardEnd {
  std::uint64_t source_entries = 0;  ///< every entry of the shard has an index below it; see Source::passed
  double seconds = 0;                ///< of scoring, over all processes
  bool segments_kept = true;         ///< false: the records stand in the final files alone
};

struct Manifest {
  JobIdentity identity;
  Shard shard;
  std::string format;                    ///< to_string(OutputFormat)
  std::vector<std::string> labels;       ///< names of the classes, for the formats whose files need them
  std::optional<std::uint64_t> entries;  ///< of the shard, where the source knew before it was read
  std::vector<SegmentInfo> segments;     ///< in order
  std::optional<ShardEnd> end;           ///< set: the shard is complete

  [[nodiscard]] std::uint64_t records() const noexcept;  ///< durable ones
  [[nodiscard]] std::uint64_t failed() const noexcept;   ///< of these
  [[nodiscard]] double seconds() const noexcept;         ///< of scoring so far, over all processes
};

/// OUT/job.
std::filesystem::path job_folder(const std::filesystem::path& output);
/// OUT/job/manifest.jsonl.
std::filesystem::path manifest_file(const std::filesystem::path& output);
/// JOB/shard-00002-of-00008 ("shard-2-of-8" is never written, so that names sort).
std::filesystem::path shard_folder(const std::filesystem::path& job, const Shard& shard);

/// The lines of the file, each with its line end.
std::string manifest_line(const Manifest& job);  ///< of identity, shard, format, entries
std::string manifest_line(const SegmentInfo& segment);
std::string manifest_line(const ShardEnd& end);

/// The manifest of an OUT; nullopt when there is none. A last line that is cut off (the process died
/// while it wrote it) is no part of it. Error(bad_record) when the file is damaged elsewhere. Whether
/// the segments' files are what the manifest says is not looked at.
Result<std::optional<Manifest>> read_manifest(const std::filesystem::path& output);

/// How far a job is, for people and schedulers.
struct ShardState {
  std::filesystem::path output;
  Shard shard;
  std::optional<Manifest> manifest;  ///< none: not begun
};

/// The shards below `folder`: itself when it is an OUT, else its shard-*-of-* folders, by index. Error(not_found)
/// when it is neither.
Result<std::vector<ShardState>> read_shards(const std::filesystem::path& folder);

}  // namespace octet
