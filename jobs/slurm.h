// A job on a Slurm cluster: calibrate -> score, one array task per shard -> merge (-> evaluate).
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/result.h"

namespace octet {

struct SlurmOptions {
  std::filesystem::path job_file;  ///< of `octet run`; a copy of it is what the tasks run
  std::filesystem::path output;    ///< the job's output folder; scripts and logs go to its folder slurm/
  std::filesystem::path folder;    ///< what paths in the job file are relative to
  std::filesystem::path program;   ///< octet. All paths must be the same on every node
  std::uint64_t shards = 1;        ///< 1..10000
  bool evaluate = false;           ///< a last stage that evaluates, on one node
  int cpus = 1;                    ///< of a task
  std::string max_bad = {};        ///< of the whole job, as merge's --max-bad; empty: no bound
  std::uint64_t at_once = 0;       ///< array tasks at a time; 0: as many as fit
  std::string partition = {}, account = {}, qos = {}, constraint = {}, time = {}, memory = {};  ///< as sbatch has them
};

struct SlurmStage {
  std::string name;  ///< "calibrate", "score", "merge" or "evaluate"
  std::filesystem::path script;
  std::string text;         ///< of the script
  std::string job_id = {};  ///< once it is submitted
};

/// The scripts of the chain, in order; each waits for the one before (afterok) and is cancelled when
/// that fails. A task that is told to stop (a signal, 90 s before its time limit, preemption) ends with
/// exit code 75, goes back into the queue and goes on where it stopped; so does one whose node died. Writes nothing.
/// Error(usage) for values that sbatch would misread.
Result<std::vector<SlurmStage>> slurm_stages(const SlurmOptions& options);

/// How stage `i` is submitted, once the ids of those before are known.
std::vector<std::string> sbatch_command(const std::vector<SlurmStage>& stages, std::size_t i);

/// Writes scripts and job file, and submits them. When a stage cannot be submitted, those before are
/// cancelled. Error(not_found) without sbatch, Error(io) with sbatch's words when it refuses.
Result<std::vector<SlurmStage>> submit_to_slurm(const SlurmOptions& options);

}  // namespace octet
