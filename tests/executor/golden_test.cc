// FP32 results of real models against reference outputs that another implementation computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <string>

#include "executor/executor_testing.h"
#include "octet/graph/model.h"
#include "octet/graph/passes.h"
#include "support/assets.h"
#include "support/npy.h"

namespace octet::test {
namespace {

struct Golden {
  Model model;
  Npy pixels, outputs;
};

/// `inputs`: the golden folder whose pixels the model shares.
Golden load(const std::string& name, const std::string& inputs) {
  const auto root = assets();
  Golden golden{load_model(root / "models" / name / name).value(),
                read_npy(root / "golden" / inputs / "inputs_u8.npy").value(),
                read_npy(root / "golden" / name / "outputs_f32.npy").value()};
  return golden;
}

/// Largest difference, relative to the range of `want`.
double relative_difference(std::span<const float> got, std::span<const float> want) {
  const auto [low, high] = std::minmax_element(want.begin(), want.end());
  double worst = 0;
  for (std::size_t i = 0; i < want.size(); ++i) {
    const double difference = std::abs(static_cast<double>(got[i]) - want[i]);
    if (!(difference <= worst)) worst = difference;  // keeps NaN
  }
  return worst / std::max(1e-6, static_cast<double>(*high) - *low);
}

std::vector<float> run_all(const Graph& graph, const Npy& pixels) {
  const auto plan = Plan::compile(graph).value();
  const auto context = Context::create(plan).value();
  return run(*context, pixels.bytes, pixels.shape[0])[0];
}

struct Case {
  const char* name;
  const char* inputs;
};

class GoldenClassifier : public testing::TestWithParam<Case> {};

TEST_P(GoldenClassifier, OutputsEqualTheReference) {
  OCTET_REQUIRE_ASSETS();
  Golden golden = load(GetParam().name, GetParam().inputs);
  ASSERT_TRUE(optimize(golden.model.graph));
  const std::vector<float> got = run_all(golden.model.graph, golden.pixels);
  const auto want = golden.outputs.as<float>();
  ASSERT_EQ(got.size(), want.size());
  const double difference = relative_difference(got, want);
  RecordProperty("difference", std::to_string(difference));
  EXPECT_LT(difference, 1e-4);
}
INSTANTIATE_TEST_SUITE_P(Models, GoldenClassifier,
                         testing::Values(Case{"cifar_resnet20", "cifar_resnet20"},
                                         Case{"squeezenet_v1.1", "squeezenet_v1.1"},
                                         Case{"mobilenet_v2_1.0_224", "mobilenet_v2_1.0_224"},
                                         Case{"tiny_darknet", "mobilenet_v2_1.0_224"}),
                         [](const auto& info) {
                           std::string name = info.param.name;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

class GoldenLayers : public testing::TestWithParam<std::tuple<const char*, bool>> {};

TEST_P(GoldenLayers, EveryLayerEqualsTheReference) {
  OCTET_REQUIRE_ASSETS();
  const auto& [name, optimized] = GetParam();
  Golden golden = load(name, name);
  if (optimized) {
    ASSERT_TRUE(optimize(golden.model.graph));
  }
  const auto layers = read_npz(assets() / "golden" / name / "layers_image0.npz").value();
  const auto plan = Plan::compile(golden.model.graph, {1, true}).value();
  const auto context = Context::create(plan).value();
  int compared = 0;
  context->observe([&](const Observation& seen) {
    const auto found = layers.find(seen.name + "_output");
    if (found == layers.end()) return;
    ++compared;
    const Tensor value = to_tensor(seen);
    ASSERT_EQ(value.elements(), found->second.as<float>().size()) << seen.name;
    EXPECT_LT(relative_difference(value.as<float>(), found->second.as<float>()), 1e-4) << seen.name;
  });
  run(*context, golden.pixels.bytes, 1);
  EXPECT_GE(compared, optimized ? 10 : static_cast<int>(layers.size()) - 1);
}
INSTANTIATE_TEST_SUITE_P(Models, GoldenLayers,
                         testing::Combine(testing::Values("cifar_resnet20", "squeezenet_v1.1"), testing::Bool()));

/// Rows [id, score, xmin, ymin, xmax, ymax] of one image that are detections, in order.
std::vector<std::span<const float>> detections_of(std::span<const float> rows) {
  std::vector<std::span<const float>> kept;
  for (std::size_t at = 0; at + 6 <= rows.size(); at += 6) {
    if (rows[at] >= 0) kept.push_back(rows.subspan(at, 6));
  }
  return kept;
}

double overlap_of(std::span<const float> a, std::span<const float> b) {
  const auto side = [&](std::size_t k) { return std::min<double>(a[k + 2], b[k + 2]) - std::max<double>(a[k], b[k]); };
  const auto area = [](std::span<const float> x) { return (double{x[4]} - x[2]) * (double{x[5]} - x[3]); };
  const double both = std::max(0.0, side(2)) * std::max(0.0, side(3));
  return both / (area(a) + area(b) - both);
}

/// Every row of `want` has its own in `got`: of the same class, score and place, and in the same order where scores are
/// no ties. Returns how many have none.
std::size_t count_missing(const std::vector<std::span<const float>>& want,
                          const std::vector<std::span<const float>>& got, double tie) {
  std::vector<char> taken(got.size());
  std::vector<std::pair<float, std::size_t>> places;  // score and row of what was found, in the order of `want`
  for (const auto row : want) {
    std::size_t q = 0;
    const auto fits = [&](std::span<const float> other) {
      return other[0] == row[0] && std::abs(other[1] - row[1]) <= tie && overlap_of(other, row) >= 0.99;
    };
    while (q < got.size() && (taken[q] != 0 || !fits(got[q]))) ++q;
    if (q == got.size()) continue;
    taken[q] = 1;
    for (const auto& [score, place] : places) {
      if (place > q) {
        EXPECT_LE(score - row[1], tie) << "rows " << q << " and " << place << " changed places";
      }
    }
    places.emplace_back(row[1], q);
  }
  return want.size() - places.size();
}

TEST(GoldenDetector, RowsEqualTheReference) {
  OCTET_REQUIRE_ASSETS();
  Golden golden = load("ssd_mobilenet_v1_coco", "ssd_mobilenet_v1_coco");
  ASSERT_TRUE(optimize(golden.model.graph));
  const std::vector<float> got = run_all(golden.model.graph, golden.pixels);
  const Npy mxnet = read_npy(assets() / "mxnet" / "ssd_mobilenet_v1_coco-mxnet_detections.npy").value();
  const auto images = static_cast<std::size_t>(golden.outputs.shape[0]);
  std::size_t kept = 0, missing = 0, missing_of_mxnet = 0;
  for (std::size_t n = 0; n < images; ++n) {
    const auto ours = detections_of(std::span(got).subspan(n * (got.size() / images), got.size() / images));
    const auto want = detections_of(golden.outputs.row<float>(n)), theirs = detections_of(mxnet.row<float>(n));
    kept += want.size();
    missing += count_missing(want, ours, 1e-4);
    missing_of_mxnet += count_missing(theirs, ours, 1e-4);
    EXPECT_LE(ours.size(), want.size() + 2);
  }
  EXPECT_GT(kept, 3000U);
  EXPECT_EQ(missing, 0U) << "of " << kept;
  EXPECT_LE(missing_of_mxnet, 2U) << "of " << kept << "; the reference differs from MXNet by two ties";
}

TEST(GoldenDetector, InputsOfTheDetectionEqualTheReference) {
  OCTET_REQUIRE_ASSETS();
  const std::string name = "ssd_mobilenet_v1_coco";
  Golden golden = load(name, name);
  ASSERT_TRUE(optimize(golden.model.graph));
  const Graph& graph = golden.model.graph;
  const auto want = read_npz(assets() / "golden" / name / "multibox_inputs.npz").value();
  std::map<NodeId, std::string> inputs;
  for (const Node& node : graph.nodes) {
    if (node.as<MultiBoxDetectionOp>() == nullptr) continue;
    inputs[node.inputs[0].node] = "cls_prob_image0";
    inputs[node.inputs[1].node] = "loc_pred_image0";
  }
  const auto plan = Plan::compile(graph, {1, true}).value();
  const auto context = Context::create(plan).value();
  int compared = 0;
  context->observe([&](const Observation& seen) {
    const auto found = inputs.find(seen.value.node);
    if (found == inputs.end()) return;
    ++compared;
    const Tensor value = to_tensor(seen);
    EXPECT_LT(relative_difference(value.as<float>(), want.at(found->second).as<float>()), 1e-4) << found->second;
  });
  run(*context, golden.pixels.bytes, 1);
  EXPECT_EQ(compared, 2);
}

}  // namespace
}  // namespace octet::test
