// The five real models: they load, optimise to the expected nodes, and survive being written.
#include <gtest/gtest.h>
#include <algorithm>
#include <map>

#include "octet/graph/build.h"
#include "octet/graph/file_io.h"
#include "octet/graph/model.h"
#include "octet/graph/passes.h"
#include "octet/graph/random_weights.h"
#include "support/assets.h"

namespace octet {
namespace {

using Counts = std::map<std::string, int>;

Counts count(const Graph& graph) {
  Counts counts;
  for (const Node& node : graph.nodes) ++counts[op_name(node.op)];
  return counts;
}

std::filesystem::path model_prefix(const std::string& name) { return test::assets() / "models" / name / name; }

struct Case {
  std::string name;
  std::size_t labels;
  Shape output;
  int with_sum;  ///< fused residual sums
  Counts nodes;  ///< after optimisation
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.name; }

class AssetModel : public testing::TestWithParam<Case> {};

TEST_P(AssetModel, OptimisesToTheExpectedNodes) {
  OCTET_REQUIRE_ASSETS();
  const Case& expected = GetParam();
  auto model = load_model(model_prefix(expected.name));
  ASSERT_TRUE(model) << to_string(model.error());
  EXPECT_EQ(model->labels.size(), expected.labels);
  EXPECT_EQ(model->name, expected.name);
  const Counts before = count(model->graph);
  EXPECT_EQ(before.at("Normalize"), 1);
  const auto optimised = optimize(model->graph);
  ASSERT_TRUE(optimised) << to_string(optimised.error());
  ASSERT_TRUE(validate(model->graph));
  EXPECT_EQ(count(model->graph), expected.nodes) << dump(model->graph);
  int sums = 0;
  for (const Node& node : model->graph.nodes) sums += node.has_sum() ? 1 : 0;
  EXPECT_EQ(sums, expected.with_sum);
  ASSERT_EQ(model->graph.outputs.size(), 1U);
  EXPECT_EQ(model->graph.value(model->graph.outputs[0]).shape, expected.output);
  std::string line;
  for (const auto& [op, n] : count(model->graph)) line += " " + op + " " + std::to_string(n);
  RecordProperty("nodes", line);
}

INSTANTIATE_TEST_SUITE_P(
    All, AssetModel,
    testing::Values(
        Case{"cifar_resnet20",
             10,
             {1, 10},
             9,
             {{"Convolution", 21},
              {"Flatten", 1},
              {"FullyConnected", 1},
              {"Input", 1},
              {"Normalize", 1},
              {"Pooling", 1}}},
        Case{"mobilenet_v2_1.0_224",
             1000,
             {1, 1000},
             10,
             {{"Convolution", 53}, {"Flatten", 1}, {"Input", 1}, {"Normalize", 1}, {"Pooling", 1}, {"softmax", 1}}},
        Case{"squeezenet_v1.1",
             1000,
             {1, 1000},
             0,
             {{"Concat", 8},
              {"Convolution", 26},
              {"Flatten", 1},
              {"Input", 1},
              {"Normalize", 1},
              {"Pooling", 4},
              {"softmax", 1}}},
        Case{"ssd_mobilenet_v1_coco",
             90,
             {1, 1917, 6},
             0,
             {{"Concat", 2},
              {"Constant", 1},
              {"Convolution", 47},
              {"Flatten", 12},
              {"Input", 1},
              {"MultiBoxDetection", 1},
              {"Normalize", 1},
              {"Reshape", 1},
              {"sigmoid", 1},
              {"transpose", 1}}},
        Case{"tiny_darknet",
             1000,
             {1, 1000},
             0,
             {{"Convolution", 16}, {"Flatten", 1}, {"Input", 1}, {"Normalize", 1}, {"Pooling", 5}, {"softmax", 1}}}),
    [](const auto& info) {
      std::string name = info.param.name;
      for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
      return name;
    });

struct ZooCase {
  const char* name;
  int convolutions, sums;
  int norms;  ///< BatchNorms that stand before their convolution and stay
  int side = 224;
};

TEST(ZooSymbols, BuildAndOptimise) {
  OCTET_REQUIRE_ASSETS();
  for (const ZooCase& zoo : std::vector<ZooCase>{{"resnet18_v1", 20, 8, 0},
                                                 {"resnet50_v1", 53, 16, 0},
                                                 {"resnet50_v2", 53, 16, 17},
                                                 {"mobilenet1.0", 27, 0, 0},
                                                 {"mobilenetv2_1.0", 54, 10, 0},
                                                 {"squeezenet1.0", 26, 0, 0},
                                                 {"densenet121", 120, 0, 62},
                                                 {"inceptionv3", 94, 0, 0, 299}}) {
    const std::string file = (test::assets() / "mxnet/symbols" / (std::string(zoo.name) + "-symbol.json")).string();
    const Symbol symbol = parse_symbol(read_text_file(file, 1 << 24).value(), file).value();
    Preprocess preprocess;
    preprocess.height = preprocess.width = zoo.side;
    auto weights = random_weights(symbol, preprocess, 0, zoo.name);
    ASSERT_TRUE(weights) << to_string(weights.error());
    auto graph = build_graph(symbol, *weights, preprocess, zoo.name);
    ASSERT_TRUE(graph) << zoo.name << to_string(graph.error());
    ASSERT_TRUE(optimize(*graph));
    Counts counts = count(*graph);
    int sums = 0;
    for (const Node& node : graph->nodes) sums += node.has_sum() ? 1 : 0;
    EXPECT_EQ(counts["Convolution"], zoo.convolutions) << zoo.name;
    EXPECT_EQ(sums, zoo.sums) << zoo.name;
    EXPECT_EQ(counts["BatchNorm"], zoo.norms) << zoo.name;
    EXPECT_EQ(counts["identity"] + counts["elemwise_add"], 0) << zoo.name;
  }
}

}  // namespace
}  // namespace octet
