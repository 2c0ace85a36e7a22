// octet calibrate: FP32 pair to INT8 pair.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"

namespace octet::cli {

namespace {

void print_precision(const PrecisionReport& precision) {
  const OutputMatch& match = precision.steps[precision.best].match;
  std::cout << "expected agreement " << fixed(match.agreement, 2) << " %";
  if (match.drop) std::cout << ", drop of top-1 " << fixed(*match.drop, 2) << " points";
  std::cout << " (" << match.agreeing << " of " << match.judged << " held-back pictures agree); "
            << (precision.met ? "the bound is met with " : "the bound is NOT met; best: ") << precision.best
            << " layers in FP32\n";
  for (std::size_t i = 1; i <= precision.best; ++i) {
    const PrecisionStep& step = precision.steps[i];
    std::cout << "  FP32: " << step.layer << " (SQNR at the output " << fixed(precision.steps[i - 1].match.sqnr, 1)
              << " -> " << fixed(step.match.sqnr, 1) << " dB, agreement "
              << fixed(precision.steps[i - 1].match.agreement, 2) << " -> " << fixed(step.match.agreement, 2)
              << " %)\n";
  }
  std::cout << "executor, one thread: " << fixed(precision.int8_images_per_s, 1) << " images/s all INT8, "
            << fixed(precision.images_per_s, 1) << " as written, " << fixed(precision.f32_images_per_s, 1)
            << " all FP32\n";
}

}  // namespace

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
    if (auto missed = missed_bound(summary)) return std::move(*missed);
    return kDone;
  }
  std::cout << summary.model << ": " << summary.report.int8_nodes << " nodes in INT8, " << summary.report.f32_nodes
            << " in FP32, calibrated on " << summary.images << " of " << summary.population << " pictures in "
            << fixed(summary.seconds, 2) << " s";
  if (summary.unreadable > 0) std::cout << " (" << summary.unreadable << " unreadable ones replaced)";
  std::cout << '\n' << summary.symbol.string() << '\n' << summary.params.string() << '\n';
  if (summary.report.precision) print_precision(*summary.report.precision);
  if (auto missed = missed_bound(summary)) return std::move(*missed);
  return kDone;
}

}  // namespace octet::cli
