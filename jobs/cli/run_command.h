// What the commands about job files share.
#pragma once

#include "octet/jobs/cli/arguments.h"
#include "octet/jobs/run_job.h"

namespace octet::cli {

/// The job that the values of run_options() describe.
Result<RunOptions> run_job_options(const po::variables_map& values);

}  // namespace octet::cli
