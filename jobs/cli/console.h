// Progress and signals of the command line.
#pragma once

#include "octet/jobs/cli/arguments.h"
#include "octet/jobs/progress.h"

namespace octet::cli {

/// The control of a job started from the command line: progress on standard error (a bar on a
/// terminal, a line every 10 s otherwise, nothing with --quiet) and in the file of --metrics; stopped by
/// SIGINT, SIGTERM and SIGUSR1: within two seconds the process has ended with kStopped, whatever it does.
Result<JobControl> job_control(const po::variables_map& values);

/// True once such a signal has come.
bool stop_requested() noexcept;

}  // namespace octet::cli
