// What `evaluate` and `run` both print.
#pragma once

#include "octet/jobs/evaluate.h"

namespace octet::cli {

void print_evaluation(const EvaluateSummary& summary);

}  // namespace octet::cli
