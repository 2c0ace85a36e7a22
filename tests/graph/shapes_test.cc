// Shape inference against sizes worked out by hand from MXNet's formulas.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "graph/net.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

using testing::HasSubstr;

Result<Shape> infer(Op op, std::vector<Shape> inputs, std::size_t params = 0) {
  Node node;
  node.op = std::move(op);
  node.params.resize(params);
  auto inferred = kind_of(node.op).infer(node, inputs);
  if (!inferred) return inferred.error();
  return inferred->outputs[0];
}

void expect(const Op& op, const std::vector<Shape>& inputs, const Shape& output, std::size_t params = 0) {
  const auto shape = infer(op, inputs, params);
  ASSERT_TRUE(shape) << to_string(shape.error());
  EXPECT_EQ(*shape, output) << op_name(op);
}

TEST(Shapes, Convolution) {
  // 7x7 stride 2 pad 3 on 224: (224 + 6 - 7) / 2 + 1 = 112.
  expect(ConvolutionOp{64, {7, 7}, {2, 2}, {1, 1}, {3, 3, 3, 3}, 1}, {{2, 3, 224, 224}}, {2, 64, 112, 112}, 1);
  // VGG16-reduced's fc6, dilation 6: extent 13, 19 + 12 - 13 + 1 = 19.
  expect(ConvolutionOp{1024, {3, 3}, {1, 1}, {6, 6}, {6, 6, 6, 6}, 1}, {{1, 512, 19, 19}}, {1, 1024, 19, 19}, 1);
  // Stride 2, padding only behind: (224 + 1 - 3) / 2 + 1 = 112.
  expect(ConvolutionOp{32, {3, 3}, {2, 2}, {1, 1}, {0, 0, 1, 1}, 1}, {{1, 3, 224, 224}}, {1, 32, 112, 112}, 1);
  // Different sides and kernel: H (10 + 3 - 3) / 1 + 1 = 11, W (12 + 7 - 5) / 3 + 1 = 5.
  expect(ConvolutionOp{4, {3, 5}, {1, 3}, {1, 1}, {1, 3, 2, 4}, 2}, {{1, 4, 10, 12}}, {1, 4, 11, 5}, 1);
  EXPECT_THAT(infer(ConvolutionOp{4, {9, 9}, {1, 1}, {1, 1}, {}, 1}, {{1, 4, 8, 8}}).error().message,
              HasSubstr("does not fit"));
  EXPECT_FALSE(infer(ConvolutionOp{4, {1, 1}, {1, 1}, {1, 1}, {}, 3}, {{1, 4, 8, 8}})) << "4 channels, 3 groups";
  EXPECT_FALSE(infer(ConvolutionOp{4, {1, 1}, {1, 1}, {1, 1}, {}, 1}, {{1, 4}})) << "not an image";
}

TEST(Shapes, WeightsOfConvolutionAndFullyConnected) {
  Node node;
  node.op = ConvolutionOp{8, {3, 5}, {1, 1}, {1, 1}, {1, 1, 1, 1}, 4};
  node.params.resize(2);
  const std::vector<Shape> image{{1, 12, 9, 9}};
  EXPECT_EQ(kind_of(node.op).infer(node, image).value().params, (std::vector<Shape>{{8, 3, 3, 5}, {8}}));
  node.op = FullyConnectedOp{10, true};
  EXPECT_EQ(kind_of(node.op).infer(node, image).value().params, (std::vector<Shape>{{10, 12 * 81}, {10}}));
  node.op = FullyConnectedOp{10, false};
  EXPECT_EQ(kind_of(node.op).infer(node, image).value().params, (std::vector<Shape>{{10, 9}, {10}}));
}

TEST(Shapes, FullyConnected) {
  expect(FullyConnectedOp{10, true}, {{2, 3, 4, 5}}, {2, 10}, 1);
  expect(FullyConnectedOp{10, false}, {{2, 3, 4, 5}}, {2, 3, 4, 10}, 1);
  EXPECT_FALSE(infer(FullyConnectedOp{10, true}, {{2}}));
}

TEST(Shapes, PoolingRoundsDownOrUp) {
  PoolingOp op{PoolKind::max, false, PoolConvention::valid, {3, 3}, {2, 2}, {0, 0}, true};
  expect(op, {{1, 64, 113, 112}}, {1, 64, 56, 55});
  op.convention = PoolConvention::full;
  expect(op, {{1, 64, 113, 112}}, {1, 64, 56, 56});
  // VGG16-reduced's pool3: 75 -> 38 by rounding up.
  expect(PoolingOp{PoolKind::max, false, PoolConvention::full, {2, 2}, {2, 2}, {0, 0}, true}, {{1, 8, 75, 75}},
         {1, 8, 38, 38});
  // 3x3 stride 1 pad 1 keeps the size.
  expect(PoolingOp{PoolKind::avg, false, PoolConvention::valid, {3, 3}, {1, 1}, {1, 1}, true}, {{1, 8, 19, 19}},
         {1, 8, 19, 19});
  PoolingOp global;
  global.global = true;
  expect(global, {{4, 8, 13, 7}}, {4, 8, 1, 1});
}

TEST(Shapes, PoolingRefusesEmptyWindows) {
  // full, kernel 1, stride 2 on 4: windows at 0, 2, 4, the last one outside.
  const PoolingOp op{PoolKind::max, false, PoolConvention::full, {1, 1}, {2, 2}, {0, 0}, true};
  EXPECT_EQ(infer(op, {{1, 1, 4, 4}}).error().code, ErrorCode::unsupported);
  expect(op, {{1, 1, 5, 5}}, {1, 1, 3, 3});
  EXPECT_FALSE(
      infer(PoolingOp{PoolKind::max, false, PoolConvention::valid, {2, 2}, {1, 1}, {2, 2}, true}, {{1, 1, 4, 4}}));
  EXPECT_FALSE(
      infer(PoolingOp{PoolKind::max, false, PoolConvention::valid, {5, 5}, {1, 1}, {0, 0}, true}, {{1, 1, 4, 9}}));
}

TEST(Shapes, ReshapeCodes) {
  const Shape x{2, 3, 4, 5};
  expect(ReshapeOp{{0, -1}, false}, {x}, {2, 60});
  expect(ReshapeOp{{0, -1, 5}, false}, {x}, {2, 12, 5});
  expect(ReshapeOp{{-1, 0}, false}, {x}, {40, 3});
  expect(ReshapeOp{{6, 1, 2, -1}, false}, {x}, {6, 1, 2, 10});
  expect(ReshapeOp{{-2}, false}, {x}, x);
  expect(ReshapeOp{{0, -2}, false}, {x}, x);
  expect(ReshapeOp{{-2, 1, 1}, false}, {x}, {2, 3, 4, 5, 1, 1});
  expect(ReshapeOp{{-3, -3}, false}, {x}, {6, 20});
  expect(ReshapeOp{{0, -3, -2}, false}, {x}, {2, 12, 5});
  expect(ReshapeOp{{-4, 1, 2, -2}, false}, {x}, {1, 2, 3, 4, 5});
  expect(ReshapeOp{{0, 0, -4, -1, 2, 0}, false}, {x}, {2, 3, 2, 2, 5});
  // From MXNet's documentation: (10, 5, 4) with (-1, 0) is (40, 5), and (50, 4) in reverse.
  expect(ReshapeOp{{-1, 0}, false}, {{10, 5, 4}}, {40, 5});
  expect(ReshapeOp{{-1, 0}, true}, {{10, 5, 4}}, {50, 4});
  for (const std::vector<std::int64_t>& codes : std::vector<std::vector<std::int64_t>>{
           {-1, -1}, {7, -1}, {0, 0, 0, 0, 0}, {-3, -3, -3}, {0, -4, 2, 2}, {-4, 2}, {2, 3}}) {
    EXPECT_FALSE(infer(ReshapeOp{codes, false}, {x})) << to_string(codes);
  }
}

TEST(Shapes, ConcatTransposePadFlatten) {
  expect(ConcatOp{1}, {{2, 3, 4}, {2, 5, 4}, {2, 1, 4}}, {2, 9, 4});
  expect(ConcatOp{-1}, {{2, 3, 4}, {2, 3, 1}}, {2, 3, 5});
  EXPECT_THAT(infer(ConcatOp{1}, {{2, 3, 4}, {2, 3, 5}}).error().message, HasSubstr("input 1 (2, 3, 5)"));
  EXPECT_FALSE(infer(ConcatOp{1}, {{2, 3, 4}, {2, 3}}));
  EXPECT_FALSE(infer(ConcatOp{3}, {{2, 3, 4}}));
  expect(TransposeOp{}, {{2, 3, 4}}, {4, 3, 2});
  expect(TransposeOp{{0, 2, 3, 1}}, {{1, 24, 19, 18}}, {1, 19, 18, 24});
  expect(TransposeOp{{0, -1, 1}}, {{2, 3, 4}}, {2, 4, 3});
  EXPECT_FALSE(infer(TransposeOp{{0, 1, 1}}, {{2, 3, 4}}));
  EXPECT_FALSE(infer(TransposeOp{{0, 1}}, {{2, 3, 4}}));
  EXPECT_FALSE(infer(TransposeOp{{0, 1, 3}}, {{2, 3, 4}}));
  expect(PadOp{PadMode::constant, {0, 0, 1, 2}, {0, 0, 3, 4}, 0}, {{1, 3, 8, 8}}, {1, 3, 12, 14});
  EXPECT_FALSE(infer(PadOp{PadMode::constant, {0, 0}, {1, 1}, 0}, {{1, 3, 8, 8}}));
  EXPECT_FALSE(infer(PadOp{PadMode::reflect, {0, 0, 8, 0}, {0, 0, 0, 0}, 0}, {{1, 3, 8, 8}}));
  expect(FlattenOp{}, {{2, 3, 4, 5}}, {2, 60});
  expect(FlattenOp{}, {{2}}, {2, 1});
}

TEST(Shapes, MultiBoxDetection) {
  expect(MultiBoxDetectionOp{}, {{2, 21, 100}, {2, 400}, {1, 100, 4}}, {2, 100, 6});
  EXPECT_THAT(infer(MultiBoxDetectionOp{}, {{2, 21, 100}, {2, 300}, {1, 100, 4}}).error().message,
              HasSubstr("loc_pred"));
  EXPECT_THAT(infer(MultiBoxDetectionOp{}, {{2, 21, 100}, {2, 400}, {2, 100, 4}}).error().message, HasSubstr("anchor"));
  EXPECT_THAT(infer(MultiBoxDetectionOp{}, {{2, 1, 100}, {2, 400}, {1, 100, 4}}).error().message,
              HasSubstr("cls_prob"));
}

TEST(Shapes, FollowTheBatchAndNameTheNode) {
  test::Net net(3, 8, 8);
  const auto conv = net.convolution("c", net.data(), 3, 4);
  net.head(net.relu("r", conv));
  Graph graph = net.graph();
  ASSERT_TRUE(infer_shapes(graph, 5));
  for (const Node& node : graph.nodes) EXPECT_EQ(node.outputs[0].shape[0], 5) << node.name;
  EXPECT_FALSE(infer_shapes(graph, 0));
  for (Node& node : graph.nodes) {
    if (auto* op = node.as<ConvolutionOp>()) op->kernel = {99, 99};
  }
  const auto result = infer_shapes(graph, 1);
  ASSERT_FALSE(result);
  EXPECT_THAT(to_string(result.error()), HasSubstr("node 'c' (Convolution)"));
  EXPECT_THAT(result.error().message, HasSubstr("(1, 3, 8, 8)"));
}

TEST(Shapes, AbsurdValuesAreALimit) {
  test::Net net(3, 16384, 16384);
  net.preprocess.height = net.preprocess.width = 16384;
  net.head(net.convolution("c", net.data(), 3, 64, 1));
  const auto built = net.build();
  ASSERT_FALSE(built);
  EXPECT_EQ(built.error().code, ErrorCode::limit);
  EXPECT_THAT(to_string(built.error()), HasSubstr("'c'"));
}

TEST(Shapes, ValidateFindsBrokenGraphs) {
  test::Net net;
  net.head(net.relu("r", net.convolution("c", net.data(), 3, 4)));
  const Graph good = net.graph();
  ASSERT_TRUE(validate(good));
  const auto broken = [&](auto change) {
    Graph graph = good;
    change(graph);
    return !validate(graph);
  };
  EXPECT_TRUE(broken([](Graph& g) { g.outputs.clear(); }));
  EXPECT_TRUE(broken([](Graph& g) { g.outputs[0].node = 99; }));
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[1].inputs[0].node = 1; })) << "reads itself";
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[3].inputs.clear(); }));
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[3].inputs[0].output = 1; }));
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[1].op = InputOp{}; })) << "two inputs";
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[2].params.clear(); }));
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[2].params[0].scale = {1}; })) << "f32 with scales";
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[2].outputs[0].dtype = DType::s8; })) << "no scale";
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[2].outputs[0].scale = 1; })) << "f32 with a scale";
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[3].post_ops.resize(1); })) << "post-op behind relu";
  EXPECT_TRUE(broken([](Graph& g) { g.nodes[2].post_ops.resize(2); })) << "two sums";
  EXPECT_TRUE(broken([](Graph& g) {
    g.nodes[2].post_ops = {{PostOp::Kind::eltwise, {}}, {PostOp::Kind::eltwise, {}}};
  })) << "two functions in a row";
}

}  // namespace
}  // namespace octet
