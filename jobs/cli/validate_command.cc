// octet validate: whether a job's output is whole.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/report.h"
#include "octet/jobs/validate.h"

namespace octet::cli {

po::options_description validate_options() {
  po::options_description options("Output");
  options.add_options()("output", po::value<std::string>()->value_name("DIR"), "folder of a scored or merged job")(
      "json", po::bool_switch(), "print one JSON object on standard output")("help", "this text");
  return options;
}

Result<ExitCode> validate_command(const po::variables_map& values) {
  OCTET_TRY(const std::string output, required(values, "output"));
  OCTET_TRY(const ValidateSummary summary, validate(output));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
    return kDone;
  }
  std::cout << summary.n << " records, " << summary.failed << " failed: whole and in order";
  if (summary.quarantine) std::cout << "; quarantine.jsonl agrees";
  if (summary.shards > 0)
    std::cout << "; " << summary.shards << (summary.shards == 1 ? " manifest agrees" : " manifests agree");
  std::cout << "\nsha256 " << summary.sha256 << '\n';
  return kDone;
}

}  // namespace octet::cli
