// octet evaluate: accuracy on labelled pictures.
#include "octet/jobs/cli/evaluate_command.h"

#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"

namespace octet::cli {
namespace {

std::vector<std::string> row(const Accuracy& accuracy, std::uint64_t judged) {
  return {accuracy.model + (accuracy.quantized ? " (INT8)" : " (FP32)"), std::to_string(judged),
          fixed(accuracy.top1, 2), fixed(accuracy.interval95[0], 2) + " - " + fixed(accuracy.interval95[1], 2),
          fixed(accuracy.top5, 2)};
}

}  // namespace

void print_evaluation(const EvaluateSummary& summary) {
  print_failures(summary.stream);
  Table table({"model", "n", "top-1 %", "95 % interval", "top-5 %"});
  table.add(row(summary.accuracy, summary.judged));
  if (summary.against) table.add(row(summary.against->accuracy, summary.judged));
  table.print(std::cout);
  if (summary.against) {
    std::cout << "agreement " << fixed(summary.against->agreement, 2) << " %, drop of top-1 "
              << fixed(summary.against->drop, 2) << " points\n";
  }
}

po::options_description evaluate_options() {
  po::options_description second("Comparison");
  auto add = second.add_options();
  add("against", po::value<std::string>()->value_name("PREFIX"), "a second model on the same pixels");
  add("skip-stride", po::value<std::uint64_t>()->default_value(0)->value_name("K"),
      "leave out every K-th entry (those a calibration may have used); 0: none");
  add("skip-offset", po::value<std::uint64_t>()->default_value(0)->value_name("I"), "first entry left out");
  po::options_description options;
  options.add(model_options()).add(second).add(data_options()).add(stream_options()).add(decoder_options());
  options.add(common_options());
  return options;
}

Result<ExitCode> evaluate_command(const po::variables_map& values) {
  EvaluateOptions options;
  OCTET_TRY(options.model, required(values, "model"));
  OCTET_TRY(options.load, load_options(values));
  OCTET_TRY(options.stream, stream_options(values));
  if (const auto against = given<std::string>(values, "against")) options.against = *against;
  options.against_load.preprocess = options.load.preprocess;
  options.skip_stride = values["skip-stride"].as<std::uint64_t>();
  options.skip_offset = values["skip-offset"].as<std::uint64_t>();
  OCTET_TRY(const EvaluateSummary summary, evaluate(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
  } else {
    print_evaluation(summary);
  }
  return kDone;
}

}  // namespace octet::cli
