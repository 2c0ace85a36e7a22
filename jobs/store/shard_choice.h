// Which shard a task of a scheduler's array is.
#pragma once

#include <functional>   // std::function
#include <string>       // std::string
#include <string_view>  // std::string_view

#include "octet/graph/result.h"
#include "octet/loader/source.h"

namespace octet {

struct ShardChoice {
  Shard shard;
  bool automatic = false;  ///< all tasks run one command with one folder: each writes in its shard_folder
};

/// "I/N" with 0 <= I < N; "auto", from what the scheduler told its task in its environment; "auto/N"
/// where the scheduler tells the task's number alone. Error(usage) when the text is neither or the environment tells
/// nothing usable. Looked at in this order:
///   Slurm         SLURM_ARRAY_TASK_ID, counted from SLURM_ARRAY_TASK_MIN; _COUNT (the array must have no gaps). With
///                 auto/N the id itself is the shard, so that single tasks can be sent again.
///   Kubernetes    JOB_COMPLETION_INDEX, from 0; needs /N
///   AWS Batch     AWS_BATCH_JOB_ARRAY_INDEX, from 0; AWS_BATCH_JOB_ARRAY_SIZE
///   GNU parallel  PARALLEL_SEQ, from 1; needs /N
/// `environment`: the value of a variable, null when it is not set; as std::getenv.
Result<ShardChoice> parse_shard(std::string_view text, const std::function<const char*(const char*)>& environment);

}  // namespace octet
