// The report on a calibration as a page and as JSON.
#pragma once

#include <string>  // std::string

#include "octet/jobs/calibrate_job.h"

namespace octet {

/// One self-contained HTML file, without scripts: summary, what to try next, layers by damage, a histogram for each.
/// Everything that comes from files is escaped.
std::string calibration_page(const CalibrateSummary& summary, const CalibrateOptions& options);

/// The same figures as one JSON object: to_json of the summary without `ranges`, and `mode`, `judged_on`,
/// `evaluation` (to_json of the EvaluateSummary), `layers`, `next_steps`.
std::string calibration_json(const CalibrateSummary& summary, const CalibrateOptions& options);

}  // namespace octet
