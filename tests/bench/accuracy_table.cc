// Accuracy of every calibration mode on the asset models: every tenth picture calibrates, the others are
// judged, both precisions on the same pixels. accuracy_table [MODEL...]
// Columns: agreement of the best class, drop of top-1, and SQNR of the logits (each picture's less their mean).
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstring>
#include <stdexcept>

#include "calibrator/pictures.h"
#include "octet/graph/passes.h"
#include "support/assets.h"

namespace octet {
namespace {

using test::Pictures;
using Rows = std::vector<std::vector<float>>;

/// Ends the network at its logits.
Graph without_softmax(Graph graph) {
  for (ValueRef& output : graph.outputs) {
    const Node& node = graph.nodes[static_cast<std::size_t>(output.node)];
    if (node.as<SoftmaxOp>() != nullptr) output = node.inputs[0];
  }
  remove_dead_nodes(graph).value();
  return graph;
}

double sqnr(const Rows& f32, const Rows& int8) {
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) {
    const auto n = static_cast<double>(f32[i].size());
    double mean_f32 = 0, mean_int8 = 0;
    for (std::size_t k = 0; k < f32[i].size(); ++k) {
      mean_f32 += static_cast<double>(f32[i][k]) / n;
      mean_int8 += static_cast<double>(int8[i][k]) / n;
    }
    for (std::size_t k = 0; k < f32[i].size(); ++k) {
      const double a = static_cast<double>(f32[i][k]) - mean_f32, b = static_cast<double>(int8[i][k]) - mean_int8;
      signal += a * a;
      error += (a - b) * (a - b);
    }
  }
  return 10 * std::log10(signal / error);
}

void table(const char* name, const char* pictures) {
  Model model = load_model(test::assets() / "models" / name / name).value();
  model.graph = without_softmax(std::move(model.graph));
  const Pictures all = test::load_pictures(test::assets() / "images" / pictures, model.preprocess);
  const Pictures sample = test::select(all, [](std::size_t i) { return i % 10 == 0; });
  const Pictures rest = test::select(all, [](std::size_t i) { return i % 10 != 0; });
  const Rows f32 = test::run(test::float_plan(model), rest);
  static constexpr const char* kNames[] = {"naive", "entropy", "percentile", "mse", "auto"};
  for (int mode = 0; mode < 5; ++mode) {
    CalibrationOptions options;
    options.mode = static_cast<CalibrationMode>(mode);
    const CalibratedModel calibrated = calibrate(model, options, test::source_of(sample)).value();
    const Rows int8 = test::run(Plan::compile(calibrated.model.graph).value(), rest);
    const test::Accuracy accuracy = test::compare(f32, int8, rest.labels);
    std::printf("%-22s %-10s n %4zu  agreement %6.2f  drop %5.2f  sqnr %5.2f\n", name, kNames[mode], rest.count(),
                accuracy.agreement, accuracy.top1_f32 - accuracy.top1_int8, sqnr(f32, int8));
    std::fflush(stdout);
  }
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) try {
  static constexpr const char* kModels[][2] = {{"squeezenet_v1.1", "imagenet300"},
                                               {"mobilenet_v2_1.0_224", "imagenet300"},
                                               {"tiny_darknet", "imagenet300"},
                                               {"cifar_resnet20", "cifar_test1000"}};
  for (const auto& [name, pictures] : kModels) {
    const auto wanted = [model = name](const char* argument) { return std::strcmp(argument, model) == 0; };
    if (argc == 1 || std::any_of(argv + 1, argv + argc, wanted)) octet::table(name, pictures);
  }
} catch (const std::exception& error) {
  std::fprintf(stderr, "%s\n", error.what());
  return 1;
}
