// octet calibrate: FP32 pair to INT8 pair.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"

namespace octet::cli {

po::options_description calibrate_options() {
  po::options_description output("Output");
  output.add_options()("output", po::value<std::string>()->value_name("PREFIX"),
                       "PREFIX-symbol.json and PREFIX-0000.params of the INT8 model");
  po::options_description options;
  options.add(model_options()).add(data_options()).add(output).add(calibration_options()).add(decoder_options());
  options.add(common_options());
  return options;
}

Result<ExitCode> calibrate_command(const po::variables_map& values) {
  OCTET_TRY(CalibrateOptions options, calibration_options(values));
  OCTET_TRY(options.output, required(values, "output"));
  OCTET_TRY(const CalibrateSummary summary, calibrate_model(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
    return kDone;
  }
  std::cout << summary.model << ": " << summary.report.int8_nodes << " nodes in INT8, " << summary.report.f32_nodes
            << " in FP32, calibrated on " << summary.images << " of " << summary.population << " pictures in "
            << fixed(summary.seconds, 2) << " s";
  if (summary.unreadable > 0) std::cout << " (" << summary.unreadable << " unreadable ones replaced)";
  std::cout << '\n' << summary.symbol.string() << '\n' << summary.params.string() << '\n';
  return kDone;
}

}  // namespace octet::cli
