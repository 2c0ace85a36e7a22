// The page about a scored job: what `octet report` writes.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional

#include "octet/graph/result.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

struct JobReportOptions {
  std::filesystem::path output;  ///< folder of a finished job, merged if it had shards: scores.jsonl is read
  /// Where the job's pictures are; unset: the page shows none. Its shard is not used.
  std::optional<SourceOptions> source;
  DecoderOptions decoder;
  int pictures = 24;           ///< shown, spread evenly over the job; 0..200
  std::filesystem::path page;  ///< the file written; empty: report.html in `output`
};

struct JobReportSummary {
  std::filesystem::path page;
  std::uint64_t n = 0, failed = 0;  ///< records
  std::uint64_t pictures = 0;       ///< shown
};

/// Writes one self-contained HTML file, without scripts: counts, throughput over time, histogram of
/// the best scores, classes, pictures with what was found in them, and the entries that failed.
/// Memory does not depend on the number of records, but for one count a class. Errors: not_found
/// (no scores.jsonl), bad_record (file:line, a line that is no record), usage, those of the source
/// and of writing.
Result<JobReportSummary> write_job_report(const JobReportOptions& options);

}  // namespace octet
