// From symbol and parameters to the graph: what is dropped, attached, and refused.
#include "octet/graph/build.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <limits>

#include "graph/net.h"

namespace octet {
namespace {

using test::find;
using test::Net;
using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

std::string failure(const Net& net, ErrorCode code = ErrorCode::invalid_model) {
  const auto built = net.build();
  if (built) return "built:\n" + dump(*built);
  EXPECT_EQ(built.error().code, code) << to_string(built.error());
  EXPECT_THAT(built.error().where, HasSubstr("net"));
  return to_string(built.error());
}

TEST(Build, ImageVariableBecomesInputAndNormalize) {
  Net net(3, 8, 6);
  net.head(net.relu("r", net.data()));
  const Graph graph = net.graph();
  ASSERT_EQ(graph.nodes.size(), 3U);
  EXPECT_EQ(graph.input(), 0);
  EXPECT_EQ(graph.nodes[0].name, "data");
  const Value& pixels = graph.nodes[0].outputs[0];
  EXPECT_EQ(pixels.shape, (Shape{1, 3, 8, 6}));
  EXPECT_EQ(pixels.dtype, DType::u8);
  EXPECT_EQ(pixels.scale, 1);
  EXPECT_EQ(graph.nodes[1].name, "data_normalized");
  const auto* normalize = graph.nodes[1].as<NormalizeOp>();
  ASSERT_NE(normalize, nullptr);
  EXPECT_THAT(normalize->mean, testing::ElementsAre(120, 110, 100));
  EXPECT_THAT(normalize->std, testing::ElementsAre(60, 55, 50));
  EXPECT_EQ(graph.nodes[1].outputs[0].dtype, DType::f32);
  EXPECT_FALSE(graph.quantized()) << "raw pixels do not make a graph quantised";
}

TEST(Build, GrayImagesHaveOneMean) {
  Net net(1, 8, 8);
  net.head(net.relu("r", net.data()));
  EXPECT_EQ(find(net.graph(), "data_normalized").as<NormalizeOp>()->mean.size(), 1U);
}

TEST(Build, ImageVariableIsTheOnlyUnboundOneWhateverItsName) {
  Net net;
  net.symbol.nodes[0].name = "image0";
  net.head(net.convolution("c", net.data(), 3, 4));
  EXPECT_EQ(find(net.graph(), "image0").name, "image0");
  // With two candidates the preprocessing has to name it.
  net.symbol.heads[0].node = net.add("sum", net.symbol.heads[0].node, net.variable("other"));
  EXPECT_THAT(failure(net), AllOf(HasSubstr("'data'"), HasSubstr("image0, other")));
  net.preprocess.input = "image0";
  EXPECT_THAT(failure(net), AllOf(HasSubstr("missing (1): other"), Not(HasSubstr("image0"))));
}

TEST(Build, WeightsAreSharedNotCopied) {
  Net net;
  net.head(net.convolution("c", net.data(), 3, 4));
  const Graph graph = net.graph();
  const Node& conv = find(graph, "c");
  ASSERT_EQ(conv.params.size(), 2U);
  EXPECT_EQ(conv.params[0].name, "c_weight");
  EXPECT_EQ(conv.params[0].value.bytes().data(), net.params.at("c_weight").value.bytes().data());
  EXPECT_EQ(conv.output_name, "c");
}

TEST(Build, LabelsAreDropped) {
  for (const bool listed : {false, true}) {
    Net net;
    const auto flat = net.op("Flatten", "f", {}, {net.data()});
    const auto label = net.variable("softmax_label");
    net.head(listed ? net.op("SoftmaxOutput", "softmax", {}, {flat, label})
                    : net.op("SoftmaxOutput", "softmax", {}, {flat}));
    const Graph graph = net.graph();
    EXPECT_EQ(graph.nodes.size(), 4U) << dump(graph);
    EXPECT_EQ(find(graph, "softmax").inputs.size(), 1U);
    // A file may even hold labels: nobody reads them.
    net.params["softmax_label"] = {NamedTensor::Role::arg, test::random_tensor({4}, 1)};
    EXPECT_TRUE(net.build());
  }
}

TEST(Build, OtherVariablesBecomeConstants) {
  Net net;
  const auto anchors = net.param("anchors", {1, 4, 4});
  const auto scores = net.op("Reshape", "s", {{"shape", "(0, 48, 4)"}}, {net.data()});
  const auto boxes =
      net.op("Reshape", "b", {{"shape", "(0, 16)"}}, {net.op("Reshape", "cut", {{"shape", "(0, -1)"}}, {net.data()})});
  net.head(net.op("_contrib_MultiBoxDetection", "d", {}, {scores, boxes, anchors}));
  net.preprocess.height = net.preprocess.width = 8;
  EXPECT_THAT(failure(net), HasSubstr("node 'b' (Reshape)")) << "192 values are not 16";
  Net good(1, 4, 4);
  const auto a = good.param("anchors", {1, 4, 4});
  const auto s = good.op("Reshape", "s", {{"shape", "(0, 4, 4)"}}, {good.data()});
  const auto b = good.op("Flatten", "b", {}, {good.data()});
  good.head(good.op("MultiBoxDetection", "d", {}, {s, b, a}));
  const Graph graph = good.graph();
  ASSERT_NE(find(graph, "anchors").as<ConstantOp>(), nullptr);
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 4, 6}));
}

TEST(Build, AllParameterFaultsInOneError) {
  Net net;
  auto x = net.convolution("c1", net.data(), 3, 4);
  x = net.convolution("c2", x, 4, 4);
  x = net.convolution("c3", x, 4, 4);
  net.head(x);
  net.params.erase("c1_bias");
  net.params.erase("c3_weight");
  net.params["c2_weight"].value = test::random_tensor({4, 3, 3, 3}, 1);
  net.params["c2_bias"].value = Tensor::create(DType::i64, {4}).value();
  net.params["c3_bias"].value.mutable_as<float>()[1] = std::numeric_limits<float>::quiet_NaN();
  net.params["stray"] = {NamedTensor::Role::arg, test::random_tensor({2}, 1)};
  EXPECT_THAT(failure(net), AllOf(HasSubstr("missing (2): c1_bias (4,), c3_weight (4, 4, 3, 3)"),
                                  HasSubstr("c2_weight has shape (4, 3, 3, 3) instead of (4, 4, 3, 3)"),
                                  HasSubstr("c2_bias holds s64, not f32"), HasSubstr("c3_bias holds NaN"),
                                  HasSubstr("not in the symbol (1): stray")));
}

TEST(Build, LongListsAreCut) {
  Net net;
  net.head(net.relu("r", net.data()));
  for (int i = 0; i < 50; ++i)
    net.params[std::to_string(i) + "x"] = {NamedTensor::Role::arg, test::random_tensor({1}, 1)};
  EXPECT_THAT(failure(net), AllOf(HasSubstr("(50)"), HasSubstr(", ..."), Not(HasSubstr("30x"))));
}

TEST(Build, GluonParameterFilesAreRecognised) {
  Net net;
  net.head(net.convolution("c", net.data(), 3, 4));
  net.params = {{"features.0.weight", {NamedTensor::Role::unprefixed, test::random_tensor({4, 3, 3, 3}, 1)}}};
  EXPECT_THAT(failure(net), HasSubstr("HybridBlock.export"));
}

TEST(Build, PartsBehindNoHeadAreNotNeeded) {
  Net net;
  const auto c = net.convolution("c", net.data(), 3, 4);
  net.op("NoSuchOperator", "n", {}, {c});
  net.convolution("unused", c, 4, 4);
  net.head(net.relu("r", c));
  EXPECT_EQ(net.graph().nodes.size(), 4U);
  net.params.erase("unused_weight");
  EXPECT_TRUE(net.build());
}

TEST(Build, FixGammaCountsAsOne) {
  Net net;
  net.head(net.batch_norm("bn", net.data(), 3, {{"fix_gamma", "True"}}));
  EXPECT_THAT(find(net.graph(), "bn").params[0].value.as<float>(), testing::Each(1.0F));
  net.params.erase("bn_gamma");
  EXPECT_THAT(find(net.graph(), "bn").params[0].value.as<float>(), testing::ElementsAre(1, 1, 1));
  net.params["bn_moving_var"].value.mutable_as<float>()[2] = -1;
  EXPECT_THAT(failure(net), HasSubstr("bn_moving_var has a variance that is not positive"));
}

TEST(Build, OnlyFirstOutputsCanBeRead) {
  Net net;
  const auto bn = net.batch_norm("bn", net.data(), 3);
  const auto r = net.relu("r", bn);
  net.symbol.nodes[r].inputs[0].output = 1;
  net.head(r);
  EXPECT_THAT(failure(net, ErrorCode::unsupported), AllOf(HasSubstr("'bn'"), HasSubstr("'r' reads output 1")));
  net.symbol.nodes[r].inputs[0].output = 0;
  net.symbol.heads[0].output = 2;
  EXPECT_THAT(failure(net, ErrorCode::unsupported), HasSubstr("output 2"));
}

TEST(Build, UnknownOperatorsNameNodeAndHint) {
  Net net;
  const auto first = net.op("LeakyRelu", "act1", {}, {net.data()});
  net.head(net.op("Poolin", "pool1", {}, {first}));
  EXPECT_THAT(failure(net, ErrorCode::unsupported),
              AllOf(HasSubstr("node 'act1' (LeakyRelu)"), HasSubstr("'LeakyReLU'"), HasSubstr("1 more")));
}

TEST(Build, WrongNumbersOfInputsNameTheArguments) {
  Net net;
  const auto w = net.param("w", {4, 3, 1, 1});
  net.head(net.op("Convolution", "c", {{"kernel", "(1, 1)"}, {"num_filter", "4"}}, {net.data(), w}));
  EXPECT_THAT(failure(net), AllOf(HasSubstr("node 'c'"), HasSubstr("2 inputs"), HasSubstr("data, weight, bias")));
}

TEST(Build, ComputedWeightsAreUnsupported) {
  Net net;
  const auto w = net.relu("w", net.param("v", {4, 3, 1, 1}));
  net.head(
      net.op("Convolution", "c", {{"kernel", "(1, 1)"}, {"num_filter", "4"}, {"no_bias", "True"}}, {net.data(), w}));
  EXPECT_THAT(failure(net, ErrorCode::unsupported), HasSubstr("computed by node 'w'"));
}

TEST(Build, ShapesMustFollowTheBatch) {
  Net fixed(3, 8, 8);
  fixed.head(fixed.op("Reshape", "r", {{"shape", "(1, -1)"}}, {fixed.data()}));
  EXPECT_THAT(failure(fixed, ErrorCode::unsupported), HasSubstr("number of images"));
  Net constant(3, 2, 2);
  constant.head(constant.add("sum", constant.data(), constant.param("k", {1, 3, 2, 2})));
  EXPECT_THAT(failure(constant, ErrorCode::unsupported), AllOf(HasSubstr("number of images"), HasSubstr("'sum'")));
}

TEST(Build, ElementwiseSumsNeedEqualShapes) {
  Net net;
  const auto c = net.convolution("c", net.data(), 3, 4);
  const auto pooled = net.op("Pooling", "p", {{"global_pool", "True"}, {"pool_type", "avg"}}, {c});
  net.head(net.op("elemwise_add", "sum", {}, {c, pooled}));
  EXPECT_THAT(failure(net, ErrorCode::unsupported), HasSubstr("different shapes"));
  net.symbol.nodes.back().op = "broadcast_add";
  EXPECT_EQ(net.graph().nodes.back().outputs[0].shape, (Shape{1, 4, 8, 8}));
}

TEST(Build, RepeatedNodeNamesGetDistinctOutputNames) {
  Net net;
  net.head(net.relu("r", net.relu("r", net.relu("r", net.data()))));
  const Graph graph = net.graph();
  EXPECT_EQ(graph.nodes[2].output_name, "r");
  EXPECT_EQ(graph.nodes[3].output_name, "r#2");
  EXPECT_EQ(graph.nodes[4].output_name, "r#3");
  EXPECT_EQ(graph.nodes[4].name, "r") << "names stay as they are";
}

TEST(Build, AxesAreCountedFromTheFront) {
  Net net;
  const auto t = net.op("transpose", "t", {}, {net.op("Flatten", "f", {}, {net.data()})});
  const auto back = net.op("transpose", "back", {{"axes", "(-1, 0)"}}, {t});
  net.head(net.op("softmax", "s", {}, {back}));
  const Graph graph = net.graph();
  EXPECT_THAT(find(graph, "t").as<TransposeOp>()->axes, testing::ElementsAre(1, 0));
  EXPECT_THAT(find(graph, "back").as<TransposeOp>()->axes, testing::ElementsAre(1, 0));
  EXPECT_EQ(find(graph, "s").as<SoftmaxOp>()->axis, 1);
}

TEST(Build, QuantisedMxnetModelsAreRefusedWithTheWayOut) {
  Net net;
  net.head(net.op("_contrib_quantize_v2", "q", {{"out_type", "auto"}}, {net.data()}));
  EXPECT_THAT(failure(net, ErrorCode::unsupported), HasSubstr("FP32 pair"));
}

TEST(Build, OwnOperatorsNeedOwnFormat) {
  Net net;
  net.head(net.op("_octet_Activation", "r", {{"act_type", "relu"}}, {net.data()}));
  EXPECT_THAT(failure(net), HasSubstr("octet_format"));
  net.symbol.attrs["octet_format"] = "2";
  EXPECT_THAT(failure(net, ErrorCode::unsupported), HasSubstr("octet format '2'"));
}

TEST(Build, DegenerateInputsAreErrors) {
  Net net;
  net.head(net.relu("r", net.data()));
  net.preprocess.height = 0;
  EXPECT_THAT(failure(net), HasSubstr("'data' (Input)"));
  Net scalar;
  const auto k = scalar.param("k", {});
  scalar.head(scalar.op("Flatten", "f", {}, {k}));
  scalar.head(scalar.data());
  EXPECT_THAT(failure(scalar), HasSubstr("node 'k'"));
}

}  // namespace
}  // namespace octet
