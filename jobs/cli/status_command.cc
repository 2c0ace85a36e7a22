// octet status: how far a job is.
#include <ctime>
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/status.h"

namespace octet::cli {
namespace {

/// The output folder that a job file names, or the folder itself.
Result<std::filesystem::path> folder_of_job(const std::string& job) {
  std::error_code failed;
  if (std::filesystem::is_directory(job, failed)) return std::filesystem::path(job);
  OCTET_TRY(const auto values, parse_job_file(job, {}, run_options()));
  OCTET_TRY(std::string output, required(values, "output"));
  return std::filesystem::path(std::move(output));
}

const char* word_for(const ShardStatus& shard) {
  if (shard.complete) return "complete";
  return shard.begun ? "begun" : "not begun";
}

void print_shards(const JobStatus& status) {
  Table table({"shard", "state", "pictures", "of", "bad", "images/s", "last durable"});
  const std::int64_t now = std::time(nullptr);
  for (const ShardStatus& shard : status.shards) {
    table.add({std::to_string(shard.shard.index), word_for(shard), std::to_string(shard.records),
               shard.entries ? std::to_string(*shard.entries) : "?", std::to_string(shard.failed),
               shard.images_per_s > 0 ? fixed(shard.images_per_s, 1) : "-",
               shard.last_committed ? std::to_string(now - *shard.last_committed) + " s ago" : "-"});
  }
  table.print(std::cout);
}

void print_status(const JobStatus& status) {
  std::cout << "calibrate: " << (status.calibrated ? "done" : "not yet") << "\nscore: ";
  if (status.shards.empty()) {
    std::cout << "not begun\n";
    return;
  }
  std::cout << status.complete << " of " << status.shards.size() << " shards complete, " << status.records;
  if (status.entries) std::cout << " of " << *status.entries;
  std::cout << " pictures, " << status.failed << " bad";
  if (status.seconds_left && status.complete < status.shards.size()) {
    std::cout << ", " << fixed(*status.seconds_left, 0) << " s left";
  }
  std::cout << "\nfinal file: " << (status.scores.empty() ? "not yet" : status.scores.string())
            << "\nevaluate: " << (status.evaluated ? "done" : "not yet") << '\n';
  print_shards(status);
}

}  // namespace

po::options_description status_options() {
  po::options_description options("Status");
  auto add = options.add_options();
  add("job", po::value<std::string>()->value_name("JOB"),
      "a job file or its output folder (also the first argument); what a running job has not made durable is not seen");
  add("json", po::bool_switch(), "print one JSON object on standard output");
  add("help", "this text");
  return options;
}

Result<ExitCode> status_command(const po::variables_map& values) {
  OCTET_TRY(const std::string job, required(values, "job"));
  OCTET_TRY(const std::filesystem::path output, folder_of_job(job));
  OCTET_TRY(const JobStatus status, job_status(output));
  if (values["json"].as<bool>()) {
    std::cout << to_json(status) << '\n';
  } else {
    print_status(status);
  }
  return kDone;
}

}  // namespace octet::cli
