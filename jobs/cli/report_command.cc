// octet report: the page about a scored job.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/job_report.h"
#include "octet/jobs/report.h"

namespace octet::cli {

po::options_description report_options() {
  po::options_description page("Report");
  auto add = page.add_options();
  add("output", po::value<std::string>()->value_name("DIR"), "folder of the scored job; report.html goes there");
  add("pictures", po::value<int>()->default_value(24)->value_name("N"),
      "pictures shown when --data is given, spread evenly over the job");
  po::options_description options;
  options.add(page).add(data_options()).add(decoder_options()).add(common_options());
  return options;
}

Result<ExitCode> report_command(const po::variables_map& values) {
  JobReportOptions options;
  OCTET_TRY(options.output, required(values, "output"));
  options.pictures = values["pictures"].as<int>();
  if (values.count("data") != 0) {
    OCTET_TRY(options.source, source_options(values));
  }
  OCTET_TRY(options.decoder, decoder_options(values));
  OCTET_TRY(const JobReportSummary summary, write_job_report(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
    return kDone;
  }
  std::cout << summary.n << " records, " << summary.failed << " failed, " << summary.pictures << " pictures shown\n"
            << summary.page.string() << '\n';
  return kDone;
}

}  // namespace octet::cli
