// octet evaluate: accuracy on labelled pictures.
#include "octet/jobs/cli/evaluate_command.h"

#include <iostream>

#include "octet/jobs/cli/command.h"
#include "octet/jobs/cli/stream_arguments.h"
#include "octet/jobs/cli/table.h"
#include "octet/jobs/report.h"

namespace octet::cli {
namespace {

std::string name_cell(const Accuracy& accuracy) {
  return accuracy.model + (accuracy.quantized ? " (INT8)" : " (FP32)");
}

std::string class_cell(int id, const std::string& label) { return label.empty() ? std::to_string(id) : label; }

std::string pictures(std::uint64_t n) { return std::to_string(n) + (n == 1 ? " picture" : " pictures"); }

// " (95 %: 97.1 - 98.9)", or nothing.
std::string in_brackets(const std::optional<Interval95>& interval, int decimals) {
  return interval ? " (95 %: " + rounded(*interval, decimals) + ")" : std::string();
}

// What the figure's own interval supports, or n where there is none.
int decimals_of(const std::optional<Interval95>& interval, std::uint64_t n) {
  return interval ? supported_decimals(*interval, n) : supported_decimals(n);
}

std::vector<std::string> row(const Accuracy& accuracy, std::uint64_t judged) {
  const int decimals = supported_decimals(judged);
  return {name_cell(accuracy),
          std::to_string(judged),
          rounded(accuracy.top1, decimals),
          rounded(accuracy.interval95, decimals),
          rounded(accuracy.top5, decimals),
          rounded(accuracy.top5_interval95, decimals)};
}

void print_agreement(const Comparison& second, const char* what) {
  if (second.compared == 0) return;
  const int decimals = supported_decimals(second.compared);
  std::cout << "agreement " << rounded(second.agreement, decimals) << " %"
            << in_brackets(second.agreement_interval95, decimals) << ": " << second.agreeing << " of "
            << second.compared << ' ' << what << '\n';
}

void print_worst_class(const Comparison& second, std::size_t classes, std::uint64_t judged, const char* unit) {
  if (!second.worst_class) return;
  const ClassDrop& worst = *second.worst_class;
  std::cout << "drop by class: mean " << rounded(second.mean_class_drop, supported_decimals(judged)) << " of "
            << classes << (classes == 1 ? " class" : " classes");
  if (worst.drop > 0) {
    std::cout << ", worst " << rounded(worst.drop, supported_decimals(worst.n)) << ": "
              << class_cell(worst.id, worst.label) << " (" << worst.n << ' ' << unit << (worst.n == 1 ? ")" : "s)");
  } else {
    std::cout << ", no class lost";
  }
  std::cout << '\n';
}

void print_agreement_alone(const EvaluateSummary& summary) {
  std::cout << name_cell(summary.accuracy) << " against " << name_cell(summary.against->accuracy)
            << ", without labels\n";
  const bool detects = summary.accuracy.detection.has_value();
  print_agreement(*summary.against, detects ? "detections" : "pictures");
}

void print_classification(const EvaluateSummary& summary) {
  Table table({"model", "n", "top-1 %", "95 % interval", "top-5 %", "95 % interval"});
  table.add(row(summary.accuracy, summary.judged));
  if (summary.against) table.add(row(summary.against->accuracy, summary.judged));
  table.print(std::cout);
  if (!summary.against) return;
  const Comparison& second = *summary.against;
  print_agreement(second, summary.judged == 1 ? "picture" : "pictures");
  const int decimals = supported_decimals(summary.judged);
  std::cout << "drop of top-1 " << rounded(second.drop, decimals) << " points"
            << in_brackets(second.drop_interval95, decimals) << ": " << pictures(second.correct.only_second)
            << " lost, " << second.correct.only_first << " gained; McNemar's exact p " << significant(second.mcnemar_p)
            << '\n';
  print_worst_class(second, summary.classes.size(), summary.judged, "picture");
}

std::vector<std::string> detection_row(const Accuracy& accuracy, std::uint64_t judged) {
  const DetectionFigures& figures = *accuracy.detection;
  std::vector<std::string> cells = {name_cell(accuracy), std::to_string(judged)};
  const auto add = [&](double value, const std::optional<Interval95>& interval) {
    const int decimals = decimals_of(interval, judged);
    cells.push_back(rounded(value, decimals));
    cells.push_back(interval ? rounded(*interval, decimals) : std::string());
  };
  add(figures.map50, figures.map50_interval95);
  if (figures.metric == DetectionMetric::coco) add(figures.map, figures.map_interval95);
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
    const int decimals = supported_decimals(one.objects);
    std::vector<std::string> cells = {class_cell(one.id, one.label), std::to_string(one.objects),
                                      rounded(one.ap50, decimals)};
    if (coco) cells.push_back(rounded(one.ap, decimals));
    if (summary.against) {
      const ClassAccuracy* const second = find_class(*summary.against->accuracy.detection, one.id);
      cells.push_back(second == nullptr ? "" : rounded(second->ap50, decimals));
      if (coco) cells.push_back(second == nullptr ? "" : rounded(second->ap, decimals));
    }
    table.add(std::move(cells));
  }
  table.print(std::cout);
}

std::string drop_text(double drop, const std::optional<Interval95>& interval, std::uint64_t judged) {
  const int decimals = decimals_of(interval, judged);
  return rounded(drop, decimals) + " points" + in_brackets(interval, decimals);
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
    print_agreement(second, second.compared == 1 ? "detection" : "detections");
    std::cout << "drop of mAP@.5 " << drop_text(second.drop50, second.drop50_interval95, summary.judged);
    if (metric == DetectionMetric::coco) {
      std::cout << ", of mAP@[.5:.95] " << drop_text(second.drop, second.drop_interval95, summary.judged);
    }
    std::cout << '\n';
    print_worst_class(second, summary.accuracy.detection->classes.size(), summary.judged, "object");
  }
  std::cout << "metric " << to_string(metric) << ", by class:\n";
  print_classes(summary);
}

}  // namespace

void print_evaluation(const EvaluateSummary& summary) {
  print_failures(summary.stream);
  if (!summary.labelled) return print_agreement_alone(summary);
  if (summary.accuracy.detection) return print_detection(summary);
  print_classification(summary);
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
