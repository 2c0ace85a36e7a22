// Whether the output of a job is whole: what `octet validate` runs.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <string>      // std::string

#include "octet/graph/result.h"

namespace octet {

struct ValidateSummary {
  std::uint64_t n = 0, failed = 0;  ///< records of scores.jsonl
  std::uint64_t shards = 0;         ///< whose manifests were compared; 0: there are none
  bool quarantine = false;          ///< quarantine.jsonl is there and agrees
  std::string sha256;               ///< of scores.jsonl
};

/// Reads `output`/scores.jsonl and what lies beside it:
///   - every line is a record (schema/scores.schema.json), ends in a line end, and indices ascend;
///   - scores of predictions, and of detections, do not ascend (null comes anywhere);
///   - quarantine.jsonl names exactly the entries that failed, with their codes, in order;
///   - manifests are those of finished shards, all of one job, and count as many records and failures.
/// The first thing that is not so is an Error(bad_record) with file:line, or with the file. Also:
/// not_found (no scores.jsonl), io. Memory does not depend on the number of records.
Result<ValidateSummary> validate(const std::filesystem::path& output);

}  // namespace octet
