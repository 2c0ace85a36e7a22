// Scalar, broadcast, reducing and image operators: MXNet's defaults and names, what is refused, shapes,
// and what becomes of them while a graph is built.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <limits>

#include "graph/evaluate.h"
#include "graph/net.h"
#include "graph/parsing.h"
#include "octet/graph/ops.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

using test::Attributes;
using test::Net;
using test::parse;
using test::parsed;
using testing::ElementsAre;
using testing::HasSubstr;

Result<InferredShapes> infer_value(Op op, const std::vector<Shape>& inputs, std::size_t params = 0) {
  Node node;
  node.op = std::move(op);
  node.params.resize(params);
  return kind_of(node.op).infer(node, inputs);
}

void expect_value_shape(const Op& op, const std::vector<Shape>& inputs, const Shape& output) {
  const auto inferred = infer_value(op, inputs);
  ASSERT_TRUE(inferred) << op_name(op) << ": " << to_string(inferred.error());
  EXPECT_EQ(inferred->outputs[0], output) << op_name(op);
}

TEST(ScalarOperators, NamesAndMeaning) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  struct Case {
    const char *name, *alias;
    EltwiseOp op;  // for the scalar 4
  };
  for (const Case& c : {Case{"_plus_scalar", "_PlusScalar", {EltwiseKind::linear, 1, 4}},
                        {"_minus_scalar", "_MinusScalar", {EltwiseKind::linear, 1, -4}},
                        {"_rminus_scalar", "_RMinusScalar", {EltwiseKind::linear, -1, 4}},
                        {"_mul_scalar", "_MulScalar", {EltwiseKind::linear, 4, 0}},
                        {"_div_scalar", "_DivScalar", {EltwiseKind::linear, 0.25F, 0}},
                        {"_rdiv_scalar", "_RDivScalar", {EltwiseKind::reciprocal, 4, 0}},
                        {"_power_scalar", "_PowerScalar", {EltwiseKind::power, 4, 0}},
                        {"_maximum_scalar", "_MaximumScalar", {EltwiseKind::clip, 4, kInfinity}},
                        {"_minimum_scalar", "_MinimumScalar", {EltwiseKind::clip, -kInfinity, 4}},
                        {"_greater_scalar", "_GreaterScalar", {EltwiseKind::greater, 4, 0}},
                        {"_greater_equal_scalar", "_GreaterEqualScalar", {EltwiseKind::greater_equal, 4, 0}},
                        {"_lesser_scalar", "_LesserScalar", {EltwiseKind::lesser, 4, 0}},
                        {"_lesser_equal_scalar", "_LesserEqualScalar", {EltwiseKind::lesser_equal, 4, 0}},
                        {"_equal_scalar", "_EqualScalar", {EltwiseKind::equal, 4, 0}},
                        {"_not_equal_scalar", "_NotEqualScalar", {EltwiseKind::not_equal, 4, 0}}}) {
    for (const char* name : {c.name, c.alias}) {
      const auto op = parsed<EltwiseOp>(name, {{"scalar", "4.0"}, {"is_int", "False"}});
      EXPECT_EQ(op.kind, c.op.kind) << name;
      EXPECT_EQ(op.alpha, c.op.alpha) << name;
      EXPECT_EQ(op.beta, c.op.beta) << name;
    }
  }
  EXPECT_EQ(parsed<EltwiseOp>("negative", {}).alpha, -1);
  EXPECT_EQ(parsed<EltwiseOp>("reciprocal", {}).alpha, 1);
  for (const auto& [name, value] : {std::pair{"zeros_like", 0}, {"ones_like", 1}}) {
    const auto op = parsed<EltwiseOp>(name, {});
    EXPECT_EQ(op.kind, EltwiseKind::clip) << name;
    EXPECT_EQ(op.alpha, value) << name;
    EXPECT_EQ(op.beta, value) << name;
  }
  for (const auto& [name, kind] : {std::pair{"exp", EltwiseKind::exp},
                                   {"log", EltwiseKind::log},
                                   {"sqrt", EltwiseKind::sqrt},
                                   {"square", EltwiseKind::square},
                                   {"abs", EltwiseKind::abs}}) {
    EXPECT_EQ(parsed<EltwiseOp>(name, {}).kind, kind);
  }
  EXPECT_FALSE(parse("_div_scalar", {{"scalar", "0"}}));
  EXPECT_FALSE(parse("_mul_scalar", {{"scalar", "inf"}}));
  EXPECT_FALSE(parse("_mul_scalar", {{"scalar", "two"}}));
}

TEST(BinaryOperators, NamesAndShapes) {
  for (const auto& [kind, names] : std::vector<std::pair<BinaryKind, std::vector<const char*>>>{
           {BinaryKind::add, {"broadcast_add", "broadcast_plus"}},
           {BinaryKind::sub, {"broadcast_sub", "broadcast_minus", "elemwise_sub", "_sub", "_minus", "_Minus"}},
           {BinaryKind::mul, {"broadcast_mul", "elemwise_mul", "_mul", "_Mul"}},
           {BinaryKind::div, {"broadcast_div", "elemwise_div", "_div", "_Div"}},
           {BinaryKind::maximum, {"broadcast_maximum", "_maximum", "_Maximum"}},
           {BinaryKind::minimum, {"broadcast_minimum", "_minimum", "_Minimum"}}}) {
    for (const char* name : names) EXPECT_EQ(parsed<BinaryOp>(name, {}, 2).kind, kind) << name;
  }
  const Op op = BinaryOp{};
  expect_value_shape(op, {{2, 3, 4, 5}, {1, 3, 1, 1}}, {2, 3, 4, 5});
  expect_value_shape(op, {{2, 1, 4, 1}, {1, 3, 1, 5}}, {2, 3, 4, 5});
  EXPECT_THAT(infer_value(op, {{2, 3}, {2, 4}}).error().message, HasSubstr("(2, 3) and (2, 4)"));
  EXPECT_FALSE(infer_value(op, {{2, 3, 1}, {2, 3}}));
  for (const char* name : {"elemwise_add", "_add", "_plus", "_Plus"}) parsed<AddOp>(name, {}, 2);
  const Op where = parsed<WhereOp>("where", {}, 3);
  expect_value_shape(where, {{2, 3}, {2, 3}, {2, 3}}, {2, 3});
  EXPECT_THAT(infer_value(where, {{2, 3}, {2, 3}, {2, 4}}).error().message, HasSubstr("(2, 3) and (2, 4)"));
  EXPECT_EQ(infer_value(where, {{2}, {2, 3}, {2, 3}}).error().code, ErrorCode::unsupported);
}

TEST(ReduceOperators, DefaultsAndShapes) {
  const auto mean = parsed<ReduceOp>("mean", {});
  EXPECT_EQ(mean.kind, ReduceKind::mean);
  EXPECT_THAT(mean.axes, ElementsAre());
  EXPECT_FALSE(mean.keep_dims);
  EXPECT_FALSE(mean.exclude);
  EXPECT_THAT(parsed<ReduceOp>("sum", {{"axis", "None"}}).axes, ElementsAre());
  EXPECT_THAT(parsed<ReduceOp>("sum_axis", {{"axis", "2"}}).axes, ElementsAre(2));
  EXPECT_EQ(parsed<ReduceOp>("max", {{"axis", "(1, -1)"}, {"keepdims", "True"}}).keep_dims, true);
  EXPECT_EQ(parsed<ReduceOp>("min_axis", {{"exclude", "1"}, {"axis", "()"}}).exclude, true);
  expect_value_shape(mean, {{2, 3, 4}}, {1});
  expect_value_shape(ReduceOp{ReduceKind::sum, {1}}, {{2, 3, 4}}, {2, 4});
  expect_value_shape(ReduceOp{ReduceKind::sum, {1}, true}, {{2, 3, 4}}, {2, 1, 4});
  expect_value_shape(ReduceOp{ReduceKind::sum, {0, 1}, false, true}, {{2, 3, 4, 5}}, {2, 3});
  EXPECT_FALSE(infer_value(ReduceOp{ReduceKind::sum, {3}}, {{2, 3, 4}}));
  EXPECT_FALSE(infer_value(ReduceOp{ReduceKind::sum, {1, -2}}, {{2, 3, 4}})) << "the same axis twice";
}

TEST(ImageOperators, DefaultsAndShapes) {
  const auto lrn = parsed<LrnOp>("LRN", {{"nsize", "5"}});
  EXPECT_EQ(lrn.alpha, 1e-4F);
  EXPECT_EQ(lrn.beta, 0.75F);
  EXPECT_EQ(lrn.knorm, 2);
  EXPECT_FALSE(parse("LRN", {})) << "nsize is required";
  EXPECT_FALSE(parse("LRN", {{"nsize", "4"}}));
  EXPECT_EQ(parsed<InstanceNormOp>("InstanceNorm", {}).eps, 1e-3F);
  EXPECT_THAT(parse("InstanceNorm", {})->params, ElementsAre("gamma", "beta"));

  expect_value_shape(parsed<UpSamplingOp>("UpSampling", {{"scale", "3"}, {"sample_type", "nearest"}}), {{1, 2, 4, 5}},
                     {1, 2, 12, 15});
  EXPECT_EQ(parse("UpSampling", {{"scale", "2"}, {"sample_type", "bilinear"}}).error().code, ErrorCode::unsupported);
  EXPECT_EQ(parse("UpSampling", {{"scale", "2"}, {"sample_type", "nearest"}, {"num_args", "2"}}, 2).error().code,
            ErrorCode::unsupported);

  EXPECT_TRUE(parsed<PoolingOp>("_contrib_AdaptiveAvgPooling2D", {}).global) << "(1, 1) is global pooling";
  expect_value_shape(parsed<AdaptivePoolingOp>("_contrib_AdaptiveAvgPooling2D", {{"output_size", "3"}}), {{1, 2, 7, 8}},
                     {1, 2, 3, 3});
  expect_value_shape(parsed<AdaptivePoolingOp>("_contrib_AdaptiveAvgPooling2D", {{"output_size", "(3, 5)"}}),
                     {{1, 2, 7, 8}}, {1, 2, 3, 5});

  const Attributes attributes{{"kernel", "(4, 4)"}, {"num_filter", "6"}, {"stride", "(2, 2)"}, {"pad", "(1, 1)"}};
  const auto deconvolution = parsed<DeconvolutionOp>("Deconvolution", attributes);
  EXPECT_EQ(deconvolution.adjust, (Size2{0, 0}));
  EXPECT_THAT(parse("Deconvolution", attributes)->params, ElementsAre("weight")) << "no_bias is True unless written";
  const auto inferred = infer_value(deconvolution, {{1, 8, 5, 7}}, 1);
  EXPECT_EQ(inferred->outputs[0], (Shape{1, 6, 10, 14}));  // 2 * (5 - 1) + 4 - 2
  EXPECT_EQ(inferred->params, (std::vector<Shape>{{8, 6, 4, 4}}));
  Attributes target = attributes;
  target["target_shape"] = "(10, 14)";
  EXPECT_EQ(parse("Deconvolution", target).error().code, ErrorCode::unsupported);
  target["target_shape"] = "(0, 0)";
  EXPECT_TRUE(parse("Deconvolution", target));
  target["adj"] = "(2, 2)";
  EXPECT_FALSE(parse("Deconvolution", target)) << "adj must be below stride";

  expect_value_shape(ExpandDimsOp{1}, {{2, 3}}, {2, 1, 3});
  expect_value_shape(ExpandDimsOp{-1}, {{2, 3}}, {2, 3, 1});
  EXPECT_FALSE(infer_value(ExpandDimsOp{3}, {{2, 3}}));
  expect_value_shape(SqueezeOp{}, {{2, 1, 3, 1}}, {2, 3});
  expect_value_shape(SqueezeOp{{-1}}, {{2, 1, 3, 1}}, {2, 1, 3});
  EXPECT_FALSE(infer_value(SqueezeOp{{0}}, {{2, 1, 3, 1}}));
  EXPECT_EQ(parse("Cast", {{"dtype", "float16"}}).error().code, ErrorCode::unsupported);
  parsed<IdentityOp>("Cast", {{"dtype", "float32"}});
}

TEST(ActivationOperators, PReluAndRandomSlopes) {
  EXPECT_THAT(parse("LeakyReLU", {{"act_type", "prelu"}}, 2)->params, ElementsAre("gamma"));
  parsed<PReluOp>("LeakyReLU", {{"act_type", "prelu"}, {"slope", "0.25"}}, 2);
  const auto random = parsed<EltwiseOp>("LeakyReLU", {{"act_type", "rrelu"}});
  EXPECT_EQ(random.kind, EltwiseKind::leaky_relu);
  EXPECT_FLOAT_EQ(random.alpha, (0.125F + 0.334F) / 2);
  EXPECT_EQ(parsed<EltwiseOp>("LeakyReLU", {{"act_type", "gelu"}}).kind, EltwiseKind::gelu);
  EXPECT_EQ(parse("LeakyReLU", {{"act_type", "selu"}}).error().code, ErrorCode::unsupported);
  parsed<ConvolutionOp>("ChannelwiseConvolution", {{"kernel", "(3, 3)"}, {"num_filter", "8"}, {"num_group", "8"}}, 2);
}

TEST(ActivationOperators, PReluHasOneSlopeOrOneForEachChannel) {
  for (const std::int64_t slopes : {1, 3, 2}) {
    Net net;
    net.head(net.op("LeakyReLU", "act", {{"act_type", "prelu"}}, {net.data(), net.param("slope", {slopes})}));
    const auto built = net.build();
    EXPECT_EQ(built.has_value(), slopes != 2);
    if (!built) {
      EXPECT_THAT(built.error().message, HasSubstr("slope has shape (2,) instead of (3,)"));
    }
  }
}

Graph built(const Net& net) {
  Graph graph = net.graph();
  for (const Node& node : graph.nodes) {
    EXPECT_EQ(node.as<AddNOp>() != nullptr || node.as<ExpandDimsOp>() != nullptr || node.as<SqueezeOp>() != nullptr,
              false)
        << dump(graph);
  }
  return graph;
}

TEST(Lowering, SumsOfManyValues) {
  Net net;
  const auto a = net.convolution("a", net.data(), 3, 4), b = net.convolution("b", net.data(), 3, 4);
  const auto c = net.convolution("c", net.data(), 3, 4);
  net.head(net.op("add_n", "all", {{"num_args", "3"}}, {a, b, c}));
  net.head(net.op("ElementWiseSum", "one", {}, {a}));
  net.head(net.op("broadcast_add", "same", {}, {a, b}));
  Graph graph = built(net);
  EXPECT_NE(test::find(graph, "all_sum1").as<AddOp>(), nullptr);
  EXPECT_NE(test::find(graph, "all").as<AddOp>(), nullptr);
  EXPECT_NE(test::find(graph, "one").as<IdentityOp>(), nullptr);
  EXPECT_NE(test::find(graph, "same").as<AddOp>(), nullptr) << "a residual sum";
  EXPECT_EQ(graph.nodes[static_cast<std::size_t>(graph.outputs[0].node)].output_name, "all");
  Net wrong;
  wrong.head(wrong.op("add_n", "all", {}, {wrong.data(), wrong.convolution("w", wrong.data(), 3, 4)}));
  EXPECT_FALSE(wrong.build());
}

TEST(Lowering, ASumWithWhatAllImagesShareStaysABroadcast) {
  Net net(3, 4, 4);
  const auto image = net.convolution("conv", net.data(), 3, 3);
  net.head(net.op("broadcast_add", "plus", {}, {image, net.param("offsets", {1, 3, 4, 4})}));
  net.head(net.op("broadcast_add", "twice", {}, {image, image}));
  const Graph graph = built(net);  // which checks the shapes of two images
  EXPECT_NE(test::find(graph, "plus").as<BinaryOp>(), nullptr);
  EXPECT_NE(test::find(graph, "twice").as<AddOp>(), nullptr);
}

TEST(Lowering, AxesOfSizeOneAndGlobalMeans) {
  Net net;
  const auto image = net.convolution("conv", net.data(), 3, 4);
  const auto mean = net.op("mean", "mean", {{"axis", "(2, 3)"}}, {image});
  net.head(net.op("expand_dims", "wide", {{"axis", "2"}}, {mean}));
  const auto kept = net.op("mean", "kept", {{"axis", "(2, 3)"}, {"keepdims", "True"}}, {image});
  net.head(net.op("squeeze", "narrow", {{"axis", "(2, 3)"}}, {kept}));
  net.head(net.op("mean", "rows", {{"axis", "2"}}, {image}));
  const Graph graph = built(net);
  EXPECT_TRUE(test::find(graph, "mean_pool").as<PoolingOp>()->global);
  EXPECT_NE(test::find(graph, "mean").as<FlattenOp>(), nullptr);
  EXPECT_EQ(test::find(graph, "wide").outputs[0].shape, (Shape{1, 4, 1}));
  EXPECT_NE(test::find(graph, "kept").as<PoolingOp>(), nullptr);
  EXPECT_EQ(test::find(graph, "narrow").outputs[0].shape, (Shape{1, 4}));
  EXPECT_NE(test::find(graph, "rows").as<ReduceOp>(), nullptr);
  Net batch;  // the batch's axis cannot be dropped
  batch.head(batch.op("squeeze", "s", {{"axis", "0"}}, {batch.data()}));
  EXPECT_FALSE(batch.build());
}

TEST(OldFiles, PoolingRoundsUpWhereOnlyThatFits) {
  for (const int version : {800, 904}) {
    Net net(3, 28, 28);
    const auto pool =
        net.op("Pooling", "pool", {{"kernel", "(3, 3)"}, {"stride", "(2, 2)"}, {"pool_type", "max"}}, {net.data()});
    const auto conv = net.convolution("conv", net.data(), 3, 4, 3, {{"stride", "(2, 2)"}});
    net.head(net.op("Concat", "concat", {}, {conv, pool}));
    net.symbol.mxnet_version = version;
    const auto built = net.build();
    ASSERT_EQ(built.has_value(), version == 800);
    if (built) {
      EXPECT_EQ(test::find(*built, "pool").outputs[0].shape, (Shape{1, 3, 14, 14}));
    }
  }
  Net fits(3, 28, 28);  // as MXNet's later readers do
  fits.head(fits.op("Pooling", "pool", {{"kernel", "(3, 3)"}, {"stride", "(2, 2)"}}, {fits.data()}));
  fits.symbol.mxnet_version = 800;
  EXPECT_EQ(test::find(fits.graph(), "pool").outputs[0].shape, (Shape{1, 3, 13, 13}));
}

TEST(Lowering, WrittenGraphsReadBack) {
  Net net;
  auto at = net.convolution("conv", net.data(), 3, 4);
  at = net.op("LeakyReLU", "prelu", {{"act_type", "prelu"}}, {at, net.param("gamma", {4})});
  at = net.op("LRN", "lrn", {{"nsize", "3"}}, {at});
  const auto gate = net.op("sigmoid", "gate", {}, {net.op("mean", "m", {{"axis", "(2,3)"}, {"keepdims", "1"}}, {at})});
  at = net.op("broadcast_mul", "scaled", {}, {at, gate});
  at = net.op("UpSampling", "up", {{"scale", "2"}, {"sample_type", "nearest"}}, {at});
  at = net.op("Deconvolution", "deconv", {{"kernel", "(2, 2)"}, {"num_filter", "2"}},
              {at, net.param("dw", {4, 2, 2, 2})});
  at = net.op("_maximum_scalar", "max", {{"scalar", "0.5"}}, {net.op("_rminus_scalar", "r", {{"scalar", "2"}}, {at})});
  at = net.op("where", "w", {}, {net.op("exp", "e", {}, {at}), at, net.op("ones_like", "one", {}, {at})});
  at = net.op("LeakyReLU", "gelu", {{"act_type", "gelu"}}, {at});
  net.head(net.op("sum", "s", {{"axis", "1"}}, {at}));
  const Graph graph = net.graph();
  const auto written = write_graph(graph);
  ASSERT_TRUE(written) << to_string(written.error());
  Preprocess preprocess = net.preprocess;
  const auto back = build_graph(written->symbol, written->params, preprocess, "written");
  ASSERT_TRUE(back) << to_string(back.error());
  EXPECT_EQ(test::difference(graph, *back), "");
}

TEST(ScalarFolding, IntoTheInputAndIntoWeights) {
  Net net(3, 4, 4);
  net.preprocess.mean = {0, 0, 0};
  net.preprocess.std = {1, 1, 1};
  auto at = net.op("_minus_scalar", "minus", {{"scalar", "127.5"}}, {net.data()});
  at = net.op("_mul_scalar", "mul", {{"scalar", "0.0078125"}}, {at});
  at = net.convolution("conv", at, 3, 4);
  at = net.op("_mul_scalar", "half", {{"scalar", "0.5"}}, {at});
  net.head(net.relu("relu", net.op("_plus_scalar", "plus", {{"scalar", "0.25"}}, {at})));
  const Graph before = net.graph();
  Graph after = before;
  ASSERT_TRUE(optimize(after));
  ASSERT_EQ(after.nodes.size(), 3U) << dump(after);
  EXPECT_THAT(after.nodes[1].as<NormalizeOp>()->mean, testing::Each(127.5F));
  EXPECT_THAT(after.nodes[1].as<NormalizeOp>()->std, testing::Each(128.0F));
  std::vector<double> pixels(48);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<double>(i * 37 % 256);
  const auto want = test::evaluate(before, pixels), got = test::evaluate(after, pixels);
  for (std::size_t i = 0; i < want.size(); ++i) EXPECT_NEAR(got[i], want[i], 1e-5);
  Net negative(3, 4, 4);  // a negative factor is no standard deviation
  negative.head(negative.convolution("conv", negative.op("negative", "n", {}, {negative.data()}), 3, 4));
  Graph kept = negative.graph();
  ASSERT_TRUE(optimize(kept));
  EXPECT_EQ(kept.nodes.size(), 4U) << dump(kept);
}

}  // namespace
}  // namespace octet
