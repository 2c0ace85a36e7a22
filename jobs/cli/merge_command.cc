// octet merge: the shards of a job to its final files.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/console.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/merge.h"
#include "octet/jobs/report.h"

namespace octet::cli {

po::options_description merge_options() {
  po::options_description merging("Merge");
  auto add = merging.add_options();
  add("shards", po::value<std::vector<std::string>>()->multitoken()->value_name("DIR..."),
      "output folders of the shards, or the one folder of --shard auto");
  add("output", po::value<std::string>()->value_name("DIR"), "for the final files (default: the one folder)");
  add("max-bad", po::value<std::string>()->value_name("N|P%"), "more bad images than this over all shards: exit 65");
  add("json", po::bool_switch(), "print one JSON object on standard output");
  add("quiet", po::bool_switch(), "no progress");
  add("help", "this text");
  return merging;
}

Result<ExitCode> merge_command(const po::variables_map& values) {
  MergeOptions options;
  const auto shards = given<std::vector<std::string>>(values, "shards");
  if (!shards) return Error{ErrorCode::usage, "", "option --shards is missing"};
  options.shards.assign(shards->begin(), shards->end());
  if (const auto output = given<std::string>(values, "output")) options.output = *output;
  if (const auto text = given<std::string>(values, "max-bad")) {
    StreamOptions bounds;
    OCTET_CHECK(parse_max_bad(*text, bounds));
    options.max_bad = bounds.max_bad;
    options.max_bad_fraction = bounds.max_bad_fraction;
  }
  OCTET_TRY(options.control, job_control(values));
  OCTET_TRY(const ScoreSummary summary, merge(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
    return kDone;
  }
  print_failures(summary.stream);
  std::cout << summary.stream.n << " pictures of a complete job, " << summary.stream.failed << " bad\n"
            << summary.scores.string() << '\n';
  return kDone;
}

}  // namespace octet::cli
