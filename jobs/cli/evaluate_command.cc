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

std::string interval(const std::optional<std::array<double, 2>>& bounds) {
  return bounds ? fixed((*bounds)[0], 2) + " - " + fixed((*bounds)[1], 2) : std::string();
}

std::vector<std::string> detection_row(const Accuracy& accuracy, std::uint64_t judged) {
  const DetectionFigures& figures = *accuracy.detection;
  std::vector<std::string> cells = {accuracy.model + (accuracy.quantized ? " (INT8)" : " (FP32)"),
                                    std::to_string(judged), fixed(figures.map50, 2),
                                    interval(figures.map50_interval95)};
  if (figures.metric != DetectionMetric::coco) return cells;
  cells.insert(cells.end(), {fixed(figures.map, 2), interval(figures.map_interval95)});
  return cells;
}

const ClassAccuracy* find_class(const DetectionFigures& figures, int id) {
  for (const ClassAccuracy& one : figures.classes) {
    if (one.id == id) return &one;
  }
  return nullptr;
}

void print_classes(const EvaluateSummary& summary) {
  const DetectionFigures& first = *summary.accuracy.detection;
  const bool coco = first.metric == DetectionMetric::coco;
  std::vector<std::string> header = {"class", "objects", "AP@.5 %"};
  if (coco) header.emplace_back("AP %");
  if (summary.against) header.emplace_back("second AP@.5 %");
  if (summary.against && coco) header.emplace_back("second AP %");
  Table table(header);
  for (const ClassAccuracy& one : first.classes) {
    std::vector<std::string> cells = {one.label.empty() ? std::to_string(one.id) : one.label,
                                      std::to_string(one.objects), fixed(one.ap50, 2)};
    if (coco) cells.push_back(fixed(one.ap, 2));
    if (summary.against) {
      const ClassAccuracy* const second = find_class(*summary.against->accuracy.detection, one.id);
      cells.push_back(second == nullptr ? "" : fixed(second->ap50, 2));
      if (coco) cells.push_back(second == nullptr ? "" : fixed(second->ap, 2));
    }
    table.add(std::move(cells));
  }
  table.print(std::cout);
}

void print_detection(const EvaluateSummary& summary) {
  const DetectionMetric metric = summary.accuracy.detection->metric;
  std::vector<std::string> header = {"model", "n", "mAP@.5 %", "95 % interval"};
  if (metric == DetectionMetric::coco) header.insert(header.end(), {"mAP@[.5:.95] %", "95 % interval"});
  Table table(header);
  table.add(detection_row(summary.accuracy, summary.judged));
  if (summary.against) table.add(detection_row(summary.against->accuracy, summary.judged));
  table.print(std::cout);
  if (summary.against) {
    const Comparison& second = *summary.against;
    if (second.compared > 0) {
      std::cout << "agreement " << fixed(second.agreement, 2) << " % of " << second.compared << " detections, ";
    }
    std::cout << "drop of mAP@.5 " << fixed(second.drop50, 2) << " points";
    if (metric == DetectionMetric::coco) {
      std::cout << ", of mAP@[.5:.95] " << fixed(second.drop, 2)
                << " points (95 %: " << interval(second.drop_interval95) << ')';
    }
    std::cout << '\n';
  }
  std::cout << "metric " << to_string(metric) << ", by class:\n";
  print_classes(summary);
}

}  // namespace

void print_evaluation(const EvaluateSummary& summary) {
  print_failures(summary.stream);
  if (summary.accuracy.detection) return print_detection(summary);
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
  add("against-as-float", po::bool_switch(), "read that one, MXNet's INT8 pair, as the float network it was made from");
  add("skip-stride", po::value<std::uint64_t>()->default_value(0)->value_name("K"),
      "leave out every K-th entry (those a calibration may have used); 0: none");
  add("skip-offset", po::value<std::uint64_t>()->default_value(0)->value_name("I"), "first entry left out");
  po::options_description detection = detection_options();
  detection.add_options()("seed", po::value<std::uint64_t>()->default_value(0)->value_name("N"),
                          "of the pictures drawn for a detector's intervals");
  po::options_description options;
  options.add(model_options())
      .add(second)
      .add(data_options())
      .add(detection)
      .add(stream_options())
      .add(decoder_options());
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
  options.against_load.mxnet_int8_as_float = values["against-as-float"].as<bool>();
  options.skip_stride = values["skip-stride"].as<std::uint64_t>();
  options.skip_offset = values["skip-offset"].as<std::uint64_t>();
  options.seed = values["seed"].as<std::uint64_t>();
  OCTET_CHECK(read_detection_options(values, options));
  OCTET_TRY(const EvaluateSummary summary, evaluate(options));
  if (values["json"].as<bool>()) {
    std::cout << to_json(summary) << '\n';
  } else {
    print_evaluation(summary);
  }
  return kDone;
}

}  // namespace octet::cli
