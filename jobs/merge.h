// Puts the shards of a job together: what `octet merge` runs.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <vector>      // std::vector

#include "octet/jobs/score.h"
#include "octet/jobs/store/manifest.h"

namespace octet {

struct MergeOptions {
  /// Each the output folder of a shard, or a folder with shard-*-of-* folders (see store/manifest.h).
  std::vector<std::filesystem::path> shards = {};
  std::filesystem::path output = {};  ///< empty: the only element of `shards`
  /// Bounds of bad entries over all shards, as in StreamOptions.
  std::optional<double> max_bad_fraction = {};
  std::optional<std::uint64_t> max_bad = {};
  JobControl control = {};
};

/// Writes the files that one unbroken, unsharded run would have written, the same to the byte, and report.json (the
/// summary and a line for each shard). First proves that the job is complete: every shard is
/// there once, is finished, is of the same job, its segments have the digests that its manifest tells, and together
/// their entries are all from 0 to the source's last, each once. Else Error(invalid_config) that names
/// the shard that is missing, unfinished, doubled or foreign, and nothing is written.
Result<ScoreSummary> merge(const MergeOptions& options);

/// Writes the final files of some shards of one job into `output`, in order of the entries' indices; returns how many
/// entries they have. Error(invalid_config) when an index comes twice, or (with `all`) when one is missing.
Result<std::uint64_t> publish(const std::vector<ShardState>& shards, const std::filesystem::path& output, bool all,
                              const JobControl& control);
/// quarantine.jsonl alone: of a job that ends because of its bad entries.
Result<void> publish_quarantine(const ShardState& shard);

/// The counts that manifests tell.
StreamSummary summary_of(const std::vector<ShardState>& shards);

inline constexpr const char* quarantine_name = "quarantine.jsonl";

}  // namespace octet
