// Networks that end at inner nodes.
#include "octet/graph/cut.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/evaluate.h"
#include "graph/net.h"
#include "graph/temp_folder.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

using test::Net;
using testing::ElementsAre;
using testing::HasSubstr;

/// conv -> bn -> relu -> (drop -> fc -> prob, side), and a sum of constants.
class Cut : public testing::Test {
 protected:
  Cut() {
    const auto conv = net_.convolution("conv", net_.data(), 3, 4);
    const auto relu = net_.relu("relu", net_.batch_norm("bn", conv, 4));
    const auto side = net_.convolution("side", relu, 4, 2, 1);
    const auto drop = net_.op("Dropout", "drop", {}, {relu});
    const auto fixed = net_.op("sqrt", "fixed", {}, {net_.param("fixed_var", {1, 3})});
    const auto fc = net_.op("FullyConnected", "fc", {{"num_hidden", "3"}},
                            {drop, net_.param("fc_weight", {3, 4 * 8 * 8}), net_.param("fc_bias", {3})});
    const auto sum = net_.op("broadcast_add", "sum", {}, {fc, fixed});
    net_.head(net_.op("softmax", "prob", {}, {sum}));
    net_.head(side);
  }

  static std::vector<std::string> outputs(const Graph& graph) {
    std::vector<std::string> names;
    for (const ValueRef output : graph.outputs) names.push_back(graph.nodes[output.node].output_name);
    return names;
  }

  static bool has(const Graph& graph, const std::string& name) {
    return std::any_of(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == name; });
  }

  Net net_;
};

TEST_F(Cut, ValuesOfInnerNodesBecomeTheOutputs) {
  Graph graph = net_.graph();
  ASSERT_TRUE(cut_at(graph, {"fc", "relu_output"}));
  EXPECT_THAT(outputs(graph), ElementsAre("fc", "relu"));
  EXPECT_FALSE(has(graph, "prob") || has(graph, "sum") || has(graph, "side") || has(graph, "fixed")) << dump(graph);
  EXPECT_TRUE(has(graph, "conv"));
  EXPECT_TRUE(validate(graph));
  ASSERT_TRUE(optimize(graph));
  EXPECT_THAT(outputs(graph), ElementsAre("fc", "relu")) << dump(graph);
}

TEST_F(Cut, TheValueIsThatOfTheWholeNetwork) {
  Graph cut = net_.graph(), fused = net_.graph();
  ASSERT_TRUE(cut_at(cut, {"bn"}));
  ASSERT_TRUE(cut_at(fused, {"bn"}));
  ASSERT_TRUE(optimize(fused));
  std::vector<double> pixels(3 * 8 * 8);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<double>(i * 37 % 256);
  const auto want = test::evaluate(cut, pixels), got = test::evaluate(fused, pixels);
  ASSERT_EQ(want.size(), 4U * 8 * 8);
  ASSERT_EQ(got.size(), want.size());
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-3 * std::max(1.0, std::abs(want[i])));
  EXPECT_TRUE(std::any_of(want.begin(), want.end(), [](double x) { return x < 0; })) << "before the relu";
}

TEST_F(Cut, NamesWithoutAValueAreListedTogether) {
  Graph graph = net_.graph();
  const Graph before = graph;
  const auto error = [](Graph& graph, const std::vector<std::string>& names) {
    const auto result = cut_at(graph, names);
    return result ? Error{ErrorCode::internal, "", "no error"} : result.error();
  };
  const Error unknown = error(graph, {"fcc", "fixed", "data", "relu", "relu_output", "fixed_var"});
  EXPECT_EQ(unknown.code, ErrorCode::usage);
  EXPECT_THAT(unknown.message, HasSubstr("no node yields 'fcc' (nearest: fc"));
  EXPECT_THAT(unknown.message, HasSubstr("'fixed' is not computed from the picture"));
  EXPECT_THAT(unknown.message, HasSubstr("'data' is not computed from the picture"));
  EXPECT_THAT(unknown.message, HasSubstr("'fixed_var' is not computed from the picture"));
  EXPECT_THAT(unknown.message, HasSubstr("'relu_output' is given twice"));
  EXPECT_EQ(error(graph, {}).code, ErrorCode::usage);
  EXPECT_EQ(test::difference(graph, before), "") << "a graph that is not cut stays as it is";
  ASSERT_TRUE(optimize(graph));
  EXPECT_THAT(error(graph, {"bn"}).message, HasSubstr("'bn' is inside the fused node that yields 'relu'"));
  EXPECT_TRUE(cut_at(graph, {"relu"}));
}

TEST_F(Cut, WhenAModelIsLoaded) {
  const test::TempFolder folder;
  Model model;
  model.graph = net_.graph();
  model.preprocess = net_.preprocess;
  ASSERT_TRUE(optimize(model.graph));
  ASSERT_TRUE(save_model(model, folder / "net"));
  LoadOptions options;
  options.output_nodes = {"fc"};
  const auto loaded = load_model(folder / "net", options);
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  EXPECT_TRUE(loaded->is_cut);
  EXPECT_THAT(outputs(loaded->graph), ElementsAre("fc"));
  EXPECT_FALSE(load_model(folder / "net").value().is_cut);
  options.output_nodes = {"nothing"};
  EXPECT_EQ(load_model(folder / "net", options).error().code, ErrorCode::usage);
}

}  // namespace
}  // namespace octet
