// octet draw: pictures with their boxes or labels, of one model or two side by side.
#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/draw.h"
#include "octet/jobs/report.h"

namespace octet::cli {

po::options_description draw_options() {
  po::options_description drawing("Drawing");
  auto add = drawing.add_options();
  add("against", po::value<std::string>()->value_name("PREFIX"), "a second model beside the first, on the same pixels");
  add("output", po::value<std::string>()->value_name("DIR"), "folder for the pictures and index.html");
  add("format", po::value<std::string>()->default_value("jpeg")->value_name("jpeg|png"), "of the pictures");
  add("min-score", po::value<float>()->default_value(0.3F, "0.3")->value_name("S"), "boxes below are not drawn");
  add("top-k", po::value<int>()->default_value(5)->value_name("K"), "classes a picture, best first");
  po::options_description options;
  options.add(model_options()).add(data_options()).add(drawing).add(stream_options()).add(decoder_options());
  options.add(common_options());
  return options;
}

Result<ExitCode> draw_command(const po::variables_map& values) {
  DrawOptions options;
  OCTET_TRY(options.model, required(values, "model"));
  OCTET_TRY(options.output, required(values, "output"));
  OCTET_TRY(options.load, load_options(values));
  OCTET_TRY(options.stream, stream_options(values));
  OCTET_TRY(options.format, parse_image_format(values["format"].as<std::string>()));
  if (const auto against = given<std::string>(values, "against")) options.against = *against;
  options.against_load.preprocess = options.load.preprocess;
  options.min_score = values["min-score"].as<float>();
  options.top_k = values["top-k"].as<int>();
  OCTET_TRY(const DrawSummary summary, draw(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
    return kDone;
  }
  print_failures(summary.stream);
  std::cout << summary.drawn << " pictures drawn in " << fixed(summary.stream.seconds, 2) << " s, "
            << summary.stream.failed << " bad";
  if (summary.models.size() > 1) std::cout << ", " << summary.differing << " with another class or box";
  std::cout << '\n' << summary.page.string() << '\n';
  return kDone;
}

}  // namespace octet::cli
