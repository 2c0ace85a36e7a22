// How far a job is, by what it has durably written.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/result.h"
#include "octet/loader/source.h"

namespace octet {

struct ShardStatus {
  Shard shard;
  bool begun = false, complete = false;
  std::uint64_t records = 0, failed = 0;       ///< durable ones; `failed` of these
  std::optional<std::uint64_t> entries;        ///< of the shard, when it is known
  double images_per_s = 0;                     ///< over the time that the durable records took; 0: none yet
  std::optional<std::int64_t> last_committed;  ///< seconds since 1970 of its last segment
};

struct JobStatus {
  bool calibrated = false;          ///< an INT8 pair `model` is there
  std::vector<ShardStatus> shards;  ///< all of them, by index; empty: scoring has not begun anywhere
  std::uint64_t complete = 0, records = 0, failed = 0;  ///< sums over the shards
  std::optional<std::uint64_t> entries;                 ///< in all, when every shard knows
  /// Time until the slowest shard is done at its present speed; nullopt when that cannot be told.
  std::optional<double> seconds_left;
  std::filesystem::path scores;  ///< the final file; empty: not written yet
  bool evaluated = false;        ///< evaluation.json is there
};

/// Reads the manifests below a job's output folder, whoever writes them; changes nothing. Error(not_found)
/// when there is no such folder, Error(invalid_config) when it holds shards of different numbers.
Result<JobStatus> job_status(const std::filesystem::path& output);

/// One JSON object, one line, no line end.
std::string to_json(const JobStatus& status);

}  // namespace octet
