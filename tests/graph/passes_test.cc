#include "octet/graph/passes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>

#include "graph/evaluate.h"
#include "graph/net.h"
#include "octet/graph/node_text.h"

namespace octet {
namespace {

using test::find;
using test::Net;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<double> pixels(const Graph& graph) {
  std::mt19937 random(9);
  std::vector<double> values(element_count(graph.nodes[0].outputs[0].shape).value());
  for (double& value : values) value = random() % 256;
  return values;
}

/// Both compute the same, to float rounding of folded weights.
void expect_same_function(const Graph& before, const Graph& after) {
  const auto expected = test::evaluate(before, pixels(before)), actual = test::evaluate(after, pixels(after));
  ASSERT_EQ(expected.size(), actual.size());
  double range = 1e-30, worst = 0;
  for (const double value : expected) range = std::max(range, std::abs(value));
  for (std::size_t i = 0; i < expected.size(); ++i) worst = std::max(worst, std::abs(expected[i] - actual[i]));
  EXPECT_LT(worst / range, 1e-5) << dump(after);
}

/// Optimises a copy, checks that it computes the same, and returns it.
Graph optimised(const Net& net) {
  const Graph before = net.graph();
  Graph after = before;
  const auto result = optimize(after);
  EXPECT_TRUE(result) << to_string(result.error());
  EXPECT_TRUE(validate(after));
  expect_same_function(before, after);
  return after;
}

std::string post_ops(const Graph& graph, const std::string& node) { return to_string(find(graph, node).post_ops); }

TEST(FoldBatchNorm, IntoConvolutionWithAndWithoutBias) {
  for (const bool bias : {true, false}) {
    for (const bool fix_gamma : {true, false}) {
      Net net;
      test::Attributes conv, norm{{"eps", "2e-05"}, {"fix_gamma", fix_gamma ? "True" : "False"}};
      if (!bias) conv["no_bias"] = "True";
      net.head(net.batch_norm("bn", net.convolution("c", net.data(), 3, 5, 3, conv), 5, norm));
      const Graph graph = optimised(net);
      ASSERT_EQ(graph.nodes.size(), 3U) << dump(graph);
      const Node& node = find(graph, "c");
      ASSERT_EQ(node.params.size(), 2U);
      EXPECT_EQ(node.params[1].name, "c_bias");
      EXPECT_EQ(node.output_name, "bn");
      EXPECT_THAT(node.fused, ElementsAre("bn"));
      EXPECT_TRUE(node.answers_to("bn"));
    }
  }
}

TEST(FoldBatchNorm, IntoGroupsAndFullyConnected) {
  Net grouped(3, 6, 6);
  auto x = grouped.convolution("c", grouped.data(), 3, 8, 1);
  x = grouped.batch_norm("bn", grouped.convolution("dw", x, 8, 8, 3, {{"num_group", "8"}, {"no_bias", "True"}}), 8);
  x = grouped.batch_norm("bn2", grouped.convolution("g", x, 8, 12, 3, {{"num_group", "4"}}), 12);
  grouped.head(x);
  EXPECT_EQ(optimised(grouped).nodes.size(), 5U);

  Net fc(3, 4, 4);
  const auto weight = fc.param("fc_weight", {7, 48}), bias = fc.param("fc_bias", {7});
  const auto dense = fc.op("FullyConnected", "fc", {{"num_hidden", "7"}}, {fc.data(), weight, bias});
  fc.head(fc.batch_norm("bn", dense, 7));
  const Graph graph = optimised(fc);
  EXPECT_EQ(graph.nodes.size(), 3U) << dump(graph);
}

TEST(FoldBatchNorm, ExactInDouble) {
  Net net(1, 1, 1);
  net.head(net.batch_norm("bn", net.convolution("c", net.data(), 1, 1, 1), 1, {{"eps", "1e-3"}}));
  const auto value = [&](const char* name) -> double { return net.params.at(name).value.as<float>()[0]; };
  const double alpha = value("bn_gamma") / std::sqrt(value("bn_moving_var") + 1e-3);
  const Graph graph = optimised(net);
  const Node& node = find(graph, "c");
  EXPECT_EQ(node.params[0].value.as<float>()[0], static_cast<float>(value("c_weight") * alpha));
  // b' = beta + (b - mean) * alpha, to one unit in the last place: the terms are summed in two ways.
  EXPECT_FLOAT_EQ(node.params[1].value.as<float>()[0],
                  static_cast<float>(value("bn_beta") + (value("c_bias") - value("bn_moving_mean")) * alpha));
}

TEST(FoldBatchNorm, IntoNormalizeWhenItReadsTheImage) {
  Net net;
  const auto norm = net.batch_norm("bn_data", net.data(), 3, {{"fix_gamma", "True"}, {"eps", "2e-05"}});
  net.head(net.convolution("c", norm, 3, 4));
  const Graph graph = optimised(net);
  ASSERT_EQ(graph.nodes.size(), 3U) << dump(graph);
  EXPECT_EQ(graph.nodes[1].output_name, "bn_data");
  EXPECT_NE(graph.nodes[1].as<NormalizeOp>()->mean[0], 120);
}

TEST(FoldBatchNorm, StaysWhereFoldingWouldBeWrong) {
  // A negative gamma has no standard deviation.
  Net negative;
  const auto norm = negative.batch_norm("bn", negative.data(), 3);
  negative.params["bn_gamma"].value.mutable_as<float>()[1] = -0.5F;
  negative.head(negative.convolution("c", norm, 3, 4));
  EXPECT_EQ(optimised(negative).nodes.size(), 4U);
  // The convolution's own value is read elsewhere.
  Net shared;
  const auto conv = shared.convolution("c", shared.data(), 3, 4);
  shared.head(shared.add("sum", shared.batch_norm("bn", conv, 4), conv));
  EXPECT_EQ(optimised(shared).nodes.size(), 5U);
  // Behind an activation.
  Net active;
  active.head(active.batch_norm("bn", active.relu("r", active.convolution("c", active.data(), 3, 4)), 4));
  EXPECT_EQ(optimised(active).nodes.size(), 4U);
  // Along another axis than the channels.
  Net width(3, 8, 8);
  width.head(width.batch_norm("bn", width.convolution("c", width.data(), 3, 8), 8, {{"axis", "3"}}));
  EXPECT_EQ(optimised(width).nodes.size(), 4U);
}

TEST(FoldBatchNorm, SharedWeightsGetNamesOfTheirOwn) {
  Net net;
  const auto weight = net.param("shared_weight", {3, 3, 1, 1});
  const test::Attributes attributes{{"kernel", "(1, 1)"}, {"num_filter", "3"}, {"no_bias", "True"}};
  const auto a = net.batch_norm("bn_a", net.op("Convolution", "a", attributes, {net.data(), weight}), 3);
  net.head(net.batch_norm("bn_b", net.op("Convolution", "b", attributes, {a, weight}), 3));
  const Graph graph = optimised(net);
  EXPECT_NE(find(graph, "a").params[0].name, find(graph, "b").params[0].name);
}

TEST(FoldBatchNorm, ImpossibleVarianceNamesTheNode) {
  Net net;
  net.head(net.batch_norm("bn", net.convolution("c", net.data(), 3, 4), 4));
  Graph graph = net.graph();
  for (Node& node : graph.nodes) {
    if (node.name == "bn") node.params[3].value.mutable_as<float>()[2] = -3;
  }
  const auto result = fold_batch_norm(graph);
  ASSERT_FALSE(result);
  EXPECT_THAT(to_string(result.error()), testing::AllOf(HasSubstr("'bn'"), HasSubstr("channel 2")));
}

TEST(FoldPadding, MergesZerosIntoTheWindow) {
  Net net;
  const auto pad = net.op("Pad", "p", {{"mode", "constant"}, {"pad_width", "(0,0,0,0,0,1,2,3)"}}, {net.data()});
  net.head(net.convolution("c", pad, 3, 4, 3, {{"pad", "(1, 0)"}, {"stride", "(2, 2)"}}));
  const Graph graph = optimised(net);
  ASSERT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(find(graph, "c").as<ConvolutionOp>()->pad, (Padding{1, 2, 2, 3}));
  EXPECT_THAT(find(graph, "c").fused, ElementsAre("p"));
}

TEST(FoldPadding, KeepsWhatAConvolutionCannotPad) {
  for (const test::Attributes& attributes : std::vector<test::Attributes>{
           {{"mode", "constant"}, {"pad_width", "(0,0,0,0,1,1,1,1)"}, {"constant_value", "1"}},
           {{"mode", "constant"}, {"pad_width", "(0,0,1,0,1,1,1,1)"}}}) {
    Net net;
    const auto pad = net.op("Pad", "p", attributes, {net.data()});
    const std::int64_t channels = attributes.contains("constant_value") ? 3 : 4;
    net.head(net.convolution("c", pad, channels, 4));
    Graph graph = net.graph();
    ASSERT_TRUE(optimize(graph));
    EXPECT_EQ(graph.nodes.size(), 4U) << dump(graph);
  }
  // Read twice, once by something else.
  Net net;
  const auto pad = net.op("Pad", "p", {{"mode", "constant"}, {"pad_width", "(0,0,0,0,1,1,1,1)"}}, {net.data()});
  net.head(net.add("sum", net.convolution("c", pad, 3, 3), pad));
  EXPECT_NE(find(optimised(net), "p").as<PadOp>(), nullptr);
}

TEST(FusePostOps, EveryFunctionBehindAConvolution) {
  const std::vector<std::pair<test::Attributes, std::string>> cases{
      {{{"act_type", "relu"}}, "relu"}, {{{"act_type", "sigmoid"}}, "sigmoid"},
      {{{"act_type", "tanh"}}, "tanh"}, {{{"act_type", "softrelu"}}, "softrelu"},
      {{{"act_type", "softsign"}}, ""},  // no such post-op in oneDNN
  };
  for (const auto& [attributes, text] : cases) {
    Net net;
    net.head(net.op("Activation", "a", attributes, {net.convolution("c", net.data(), 3, 4)}));
    EXPECT_EQ(post_ops(optimised(net), "c"), text);
  }
  Net net;
  auto x = net.op("LeakyReLU", "l", {{"slope", "0.1"}}, {net.convolution("c", net.data(), 3, 4)});
  x = net.op("clip", "clip", {{"a_min", "0"}, {"a_max", "6"}}, {net.convolution("d", x, 4, 4)});
  net.head(net.op("LeakyReLU", "e", {{"act_type", "elu"}}, {net.convolution("f", x, 4, 4)}));
  const Graph graph = optimised(net);
  EXPECT_EQ(post_ops(graph, "c"), "leaky_relu(0.1)");
  EXPECT_EQ(post_ops(graph, "d"), "clip(0, 6)");
  EXPECT_EQ(post_ops(graph, "f"), "elu(0.25)");
  EXPECT_EQ(graph.nodes.size(), 5U);
}

TEST(FusePostOps, OneFunctionAtATime) {
  Net net;
  const auto conv = net.convolution("c", net.data(), 3, 4);
  net.head(net.op("clip", "k", {{"a_min", "0"}, {"a_max", "6"}}, {net.relu("r", conv)}));
  const Graph graph = optimised(net);
  EXPECT_EQ(post_ops(graph, "c"), "relu");
  EXPECT_EQ(graph.nodes.size(), 4U) << "two functions in a row are no post-op chain";
}

TEST(FusePostOps, ResidualSumGoesToTheLaterConvolution) {
  for (const bool swap : {false, true}) {
    Net net;
    const auto stem = net.relu("r0", net.convolution("c0", net.data(), 3, 4));
    const auto main = net.convolution("main", stem, 4, 4);
    const auto side = net.convolution("side", stem, 4, 4, 1);
    net.head(net.relu("r", swap ? net.add("sum", side, main) : net.add("sum", main, side)));
    const Graph graph = optimised(net);
    EXPECT_EQ(post_ops(graph, "side"), "sum; relu");
    EXPECT_EQ(post_ops(graph, "main"), "");
    const Node& fused = find(graph, "side");
    ASSERT_EQ(fused.inputs.size(), 2U);
    EXPECT_EQ(graph.nodes[static_cast<std::size_t>(fused.inputs[1].node)].name, "main");
    EXPECT_THAT(fused.fused, ElementsAre("sum", "r"));
    EXPECT_EQ(fused.output_name, "r");
  }
}

TEST(FusePostOps, AnEarlierConvolutionMovesBehindItsOperand) {
  // The later operand cannot take the sum, as it is no convolution.
  Net net;
  const auto stem = net.convolution("c0", net.data(), 3, 4);
  const auto conv = net.convolution("c", stem, 4, 4);
  const auto pad = net.op("Pad", "p", {{"mode", "constant"}, {"pad_width", "(0,0,0,0,0,0,0,0)"}}, {stem});
  net.head(net.add("sum", conv, pad));
  const Graph graph = optimised(net);
  EXPECT_EQ(post_ops(graph, "c"), "sum");
  EXPECT_EQ(graph.nodes.back().name, "c");
}

TEST(FusePostOps, FunctionThenSumThenFunction) {
  Net net;
  const auto stem = net.convolution("c0", net.data(), 3, 4);
  const auto conv = net.relu("r1", net.convolution("c", stem, 4, 4));
  const auto clip = net.op("clip", "k", {{"a_min", "-1"}, {"a_max", "1"}}, {net.add("sum", stem, conv)});
  net.head(clip);
  EXPECT_EQ(post_ops(optimised(net), "c"), "relu; sum; clip(-1, 1)");
}

TEST(FusePostOps, AtMostOneSumPerConvolution) {
  Net net;
  const auto stem = net.convolution("c0", net.data(), 3, 4);
  const auto first = net.add("s1", stem, net.convolution("c", stem, 4, 4));
  net.head(net.relu("r", net.add("s2", first, stem)));
  const Graph graph = optimised(net);
  EXPECT_EQ(post_ops(graph, "c"), "sum");
  EXPECT_EQ(post_ops(graph, "s2"), "relu") << "an Add that stays takes one function";
  EXPECT_EQ(find(graph, "s2").output_name, "r");
}

TEST(FusePostOps, ValuesWithOtherReadersStay) {
  Net net;
  const auto conv = net.convolution("c", net.data(), 3, 3);
  const auto active = net.relu("r", conv);
  net.head(net.add("sum", active, conv));
  const Graph graph = optimised(net);
  EXPECT_EQ(post_ops(graph, "c"), "");
  EXPECT_EQ(graph.nodes.size(), 5U);
  // The head itself is a reader.
  Net output;
  const auto read = output.convolution("c", output.data(), 3, 3);
  output.head(read);
  output.head(output.relu("r", read));
  EXPECT_EQ(post_ops(optimised(output), "c"), "");
  // x + x.
  Net twice;
  const auto x = twice.convolution("c", twice.data(), 3, 3);
  twice.head(twice.add("sum", x, x));
  EXPECT_EQ(post_ops(optimised(twice), "c"), "");
}

TEST(FusePostOps, FullyConnectedTakesSumsToo) {
  Net net(3, 2, 2);
  const auto dense = [&](const std::string& name, std::uint32_t input, std::int64_t width) {
    return net.op("FullyConnected", name, {{"num_hidden", "6"}},
                  {input, net.param(name + "_weight", {6, width}), net.param(name + "_bias", {6})});
  };
  const auto first = net.relu("r", dense("a", net.data(), 12));
  net.head(net.op("Activation", "t", {{"act_type", "tanh"}}, {net.add("sum", first, dense("b", first, 6))}));
  EXPECT_EQ(post_ops(optimised(net), "b"), "sum; tanh");
}

TEST(RemoveDeadNodes, DropsIdentitiesAndUnreadNodes) {
  Net net;
  auto x = net.op("identity", "id", {}, {net.data()});
  x = net.op("Dropout", "drop", {{"p", "0.3"}}, {net.convolution("c", x, 3, 4)});
  net.head(net.op("BlockGrad", "stop", {}, {net.relu("r", x)}));
  Graph graph = net.graph();
  Node unread;
  unread.name = unread.output_name = "unread";
  unread.op = FlattenOp{};
  unread.inputs = {{1, 0}};
  graph.nodes.push_back(unread);
  ASSERT_TRUE(infer_shapes(graph, 1));
  const Graph before = graph;
  ASSERT_TRUE(remove_dead_nodes(graph));
  expect_same_function(before, graph);
  ASSERT_EQ(graph.nodes.size(), 4U) << dump(graph);
  EXPECT_TRUE(find(graph, "c").answers_to("drop"));
  EXPECT_EQ(find(graph, "c").output_name, "c");
  EXPECT_TRUE(find(graph, "r").answers_to("stop"));
  EXPECT_TRUE(find(graph, "data_normalized").answers_to("id"));
}

TEST(RemoveDeadNodes, AChainOfIdentitiesKeepsUseCounts) {
  Net net;
  const auto conv = net.convolution("c", net.data(), 3, 3);
  const auto a = net.op("identity", "a", {}, {net.op("identity", "b", {}, {conv})});
  net.head(net.add("sum", net.relu("r", a), net.op("identity", "d", {}, {a})));
  const Graph graph = optimised(net);
  EXPECT_EQ(graph.use_count({2, 0}), 2);
  EXPECT_EQ(post_ops(graph, "c"), "");
}

TEST(FoldBatchNorm, IntoTheLayerBehindIt) {
  // Behind a relu it cannot go back; a 1x1 convolution with groups takes it.
  Net net;
  auto x = net.relu("r", net.convolution("c", net.data(), 3, 4));
  x = net.convolution("next", net.batch_norm("bn", x, 4), 4, 6, 1, {{"num_group", "2"}, {"no_bias", "True"}});
  net.head(net.relu("last", x));
  const Graph graph = optimised(net);
  EXPECT_EQ(graph.nodes.size(), 4U) << dump(graph);
  EXPECT_TRUE(find(graph, "next").answers_to("bn"));
  EXPECT_EQ(find(graph, "next").output_name, "last");
  EXPECT_EQ(find(graph, "next").params.size(), 2U);

  // A FullyConnected, with the image flattened by itself or by a node of its own.
  Net dense(3, 4, 5);
  x = dense.batch_norm("bn", dense.relu("r", dense.convolution("c", dense.data(), 3, 4)), 4);
  const auto weight = dense.param("fc_weight", {7, 80}), bias = dense.param("fc_bias", {7});
  dense.head(dense.op("FullyConnected", "fc", {{"num_hidden", "7"}}, {x, weight, bias}));
  EXPECT_EQ(optimised(dense).nodes.size(), 4U);
}

TEST(FoldBatchNorm, StaysBeforeWhatItWouldChange) {
  // Zero padding would have to become the shift; a second reader wants the result.
  Net padded;
  auto x = padded.relu("r", padded.convolution("c", padded.data(), 3, 4));
  padded.head(padded.convolution("next", padded.batch_norm("bn", x, 4), 4, 4, 3));
  EXPECT_EQ(optimised(padded).nodes.size(), 5U);
  Net shared;
  x = shared.batch_norm("bn", shared.relu("r", shared.convolution("c", shared.data(), 3, 4)), 4);
  shared.head(shared.add("sum", shared.convolution("next", x, 4, 4, 1), x));
  EXPECT_EQ(optimised(shared).nodes.size(), 5U);
}

/// ResNet v2: the trunk is read by a sum and by a BatchNorm + relu.
TEST(FusePostOps, PreActivationUnitsKeepOneNodePerLayer) {
  Net net(3, 6, 6);
  auto trunk = net.convolution("stem", net.data(), 3, 8);
  for (const std::string n : {"a", "b"}) {
    auto x = net.relu(n + "r1", net.batch_norm(n + "n1", trunk, 8));
    x = net.relu(n + "r2", net.batch_norm(n + "n2", net.convolution(n + "c1", x, 8, 4, 1), 4));
    trunk = net.add(n + "s", net.convolution(n + "c2", x, 4, 8, 3), trunk);
  }
  net.head(net.relu("r", net.batch_norm("n", trunk, 8)));
  const Graph graph = optimised(net);
  // pixels, normalisation, stem, (norm, c1, c2) twice, last norm
  EXPECT_EQ(graph.nodes.size(), 10U) << dump(graph);
  EXPECT_EQ(post_ops(graph, "an1"), "relu");
  EXPECT_EQ(post_ops(graph, "ac1"), "relu");
  EXPECT_EQ(post_ops(graph, "ac2"), "sum");
  EXPECT_EQ(post_ops(graph, "n"), "relu");
  EXPECT_EQ(find(graph, "n").output_name, "r");
}

TEST(FusePostOps, BatchNormTakesOneFunctionAndNoSum) {
  Net net;
  const auto conv = net.convolution("c", net.data(), 3, 4);
  auto x = net.batch_norm("bn", net.relu("r", conv), 4);
  x = net.op("clip", "clip", {{"a_min", "0"}, {"a_max", "6"}}, {x});
  net.head(net.add("sum", net.relu("again", x), conv));
  const Graph graph = optimised(net);
  EXPECT_EQ(graph.nodes.size(), 7U) << dump(graph);
  Graph wrong = graph;
  for (Node& node : wrong.nodes) {
    if (node.as<BatchNormOp>() != nullptr) node.post_ops = {{PostOp::Kind::sum, {}}};
  }
  EXPECT_FALSE(validate(wrong));
}

TEST(GraphHelpers, ReplaceUsesAndCompact) {
  Net net;
  const auto conv = net.convolution("c", net.data(), 3, 3);
  net.head(net.relu("r", conv));
  Graph graph = net.graph();
  replace_uses(graph, {3, 0}, {2, 0});
  EXPECT_EQ(graph.outputs[0], (ValueRef{2, 0}));
  compact(graph, std::vector<char>{0, 0, 0, 1});
  EXPECT_EQ(graph.nodes.size(), 3U);
  EXPECT_TRUE(validate(graph));
}

/// Random networks of convolutions, norms, functions, sums, identities and pads.
TEST(Optimize, KeepsTheFunctionOfRandomNetworks) {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    std::mt19937 random(seed);
    Net net(3, 5, 6);
    net.seed = seed * 1000;
    std::vector<std::uint32_t> values{net.convolution("c", net.data(), 3, 4)};
    const auto pick = [&] { return values[values.size() - 1 - random() % std::min<std::size_t>(values.size(), 3)]; };
    for (int i = 0; i < 12; ++i) {
      const std::string n = std::to_string(i);
      switch (random() % 7) {
        case 0: values.push_back(net.convolution(n + "c", pick(), 4, 4, 3)); break;
        case 1:
          values.push_back(net.convolution(n + "g", pick(), 4, 4, 1, {{"num_group", "2"}, {"no_bias", "1"}}));
          break;
        case 2: values.push_back(net.batch_norm(n + "n", pick(), 4)); break;
        case 3: values.push_back(net.relu(n + "r", pick())); break;
        case 4: values.push_back(net.add(n + "s", pick(), pick())); break;
        case 5: values.push_back(net.op("Dropout", n + "d", {}, {pick()})); break;
        default: {
          const auto pad = net.op("Pad", n + "p", {{"mode", "constant"}, {"pad_width", "(0,0,0,0,1,1,0,2)"}}, {pick()});
          values.push_back(net.convolution(n + "v", pad, 4, 4, 3, {{"pad", "(0, 0)"}}));
        }
      }
    }
    net.head(net.relu("last", values.back()));
    SCOPED_TRACE(seed);
    const Graph graph = optimised(net);
    const auto shape = graph.value(graph.outputs[0]).shape;
    EXPECT_EQ(shape, (Shape{1, 4, 5, 6}));
  }
}

}  // namespace
}  // namespace octet
