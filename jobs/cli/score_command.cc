// octet score: one record per entry, in order.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"

namespace octet::cli {

namespace {

Result<Resume> parse_resume(const std::string& text) {
  if (text == "auto") return Resume::automatic;
  if (text == "yes") return Resume::required;
  if (text == "no") return Resume::never;
  return Error{ErrorCode::usage, "", "--resume is auto, yes or no, not '" + text + "'"};
}

}  // namespace

po::options_description score_options() {
  po::options_description output("Output");
  auto add = output.add_options();
  add("output", po::value<std::string>()->value_name("DIR"), "folder for scores.jsonl (or scores.csv)");
  add("resume", po::value<std::string>()->default_value("auto")->implicit_value("yes")->value_name("auto|yes|no"),
      "go on with the job that DIR holds: where there is one (auto), or there must be one (--resume); --resume=no: "
      "begin anew");
  add("checkpoint", po::value<double>()->default_value(2)->value_name("SECONDS"),
      "how often the records so far become durable: about so much work a kill can lose");
  add("top-k", po::value<int>()->default_value(5)->value_name("K"), "classes per picture, best first");
  add("format", po::value<std::string>()->default_value("jsonl")->value_name("KIND"), format_help);
  add("output-node", po::value<std::vector<std::string>>()->composing()->value_name("NAME"),
      "write the values of this inner node (features) in place of classes; may be repeated");
  add("annotations", po::value<std::string>()->value_name("PATH"),
      "COCO JSON whose image and category ids --format coco uses (default: numeric file names, class + 1)");
  po::options_description options;
  options.add(model_options()).add(data_options()).add(output).add(stream_options()).add(decoder_options());
  options.add(common_options());
  return options;
}

Result<ExitCode> score_command(const po::variables_map& values) {
  ScoreOptions options;
  OCTET_TRY(options.model, required(values, "model"));
  OCTET_TRY(options.load, load_options(values));
  OCTET_TRY(options.stream, stream_options(values));
  OCTET_CHECK(set_output(values, options));
  const double checkpoint = values["checkpoint"].as<double>();
  if (!(checkpoint > 0 && checkpoint <= 3600)) {
    return Error{ErrorCode::usage, "", "--checkpoint must be above 0 and at most 3600 seconds"};
  }
  options.checkpoint = std::chrono::milliseconds(static_cast<std::int64_t>(checkpoint * 1000));
  OCTET_TRY(options.resume, parse_resume(values["resume"].as<std::string>()));
  OCTET_TRY(options.format, parse_output_format(values["format"].as<std::string>()));
  if (const auto annotations = given<std::string>(values, "annotations")) {
    if (options.format != OutputFormat::coco) return Error{ErrorCode::usage, "", "--annotations is for --format coco"};
    options.annotations = *annotations;
  }
  options.top_k = values["top-k"].as<int>();
  if (const auto nodes = given<std::vector<std::string>>(values, "output-node")) options.load.output_nodes = *nodes;
  OCTET_TRY(const ScoreSummary summary, score(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
    return kDone;
  }
  print_failures(summary.stream);
  if (summary.resumed > 0) std::cout << "went on behind " << summary.resumed << " pictures that were scored before\n";
  std::cout << summary.stream.n << " pictures scored by " << summary.model
            << (summary.quantized ? " (INT8)" : " (FP32)") << " in " << fixed(summary.stream.seconds, 2)
            << " s: " << fixed(summary.stream.images_per_s, 1) << " images/s, " << summary.stream.failed << " bad\n"
            << summary.scores.string() << '\n';
  if (!summary.detections.empty()) std::cout << summary.detections.string() << '\n';
  print_busy(summary.stream);
  return kDone;
}

}  // namespace octet::cli
