// Options of the commands that read a whole source: score, evaluate, run.
#pragma once

#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/cli/arguments.h"
#include "octet/jobs/score.h"

namespace octet::cli {

/// --batch, --limit, --shard, --on-error, --max-bad.
po::options_description stream_options();
/// Reads these, the data and decoder options, --streams, --quiet.
Result<StreamOptions> stream_options(const po::variables_map& values);

/// --mode, --fraction, --samples, --seed, --stride, --offset, --exclude, --dtype, --percentile.
po::options_description calibration_options();
/// Reads these and everything else that CalibrateOptions has, but for `output`.
Result<CalibrateOptions> calibration_options(const po::variables_map& values);

/// "65 too many bad images" and its like for people: what failed, with the first few entries.
void print_failures(const StreamSummary& summary);

}  // namespace octet::cli
