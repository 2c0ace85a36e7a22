// Summaries as JSON objects, with the field names that `--json` promises.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/jobs/bench.h"
#include "octet/jobs/draw.h"
#include "octet/jobs/job_report.h"
#include "octet/jobs/pack.h"
#include "octet/jobs/run_job.h"
#include "octet/jobs/store/manifest.h"
#include "octet/jobs/validate.h"

namespace octet {

/// One object, one line, no line end. Figures that do not exist are left out, never invented.
std::string to_json(const ScoreSummary& summary);
/// The same of a merged job, with what each shard did.
std::string to_json(const ScoreSummary& summary, const std::vector<ShardState>& shards);
std::string to_json(const EvaluateSummary& summary);
std::string to_json(const CalibrateSummary& summary);
std::string to_json(const PackSummary& summary);
std::string to_json(const BenchReport& report);
std::string to_json(const DrawSummary& summary);
std::string to_json(const JobReportSummary& summary);
std::string to_json(const ValidateSummary& summary);
std::string to_json(const RunSummary& summary);

}  // namespace octet
