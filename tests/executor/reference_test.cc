// The reference interpreter on cases that can be worked out by hand.
#include "executor/reference.h"

#include <gmock/gmock.h>

#include "octet/graph/model.h"
#include "octet/graph/passes.h"
#include "support/assets.h"
#include "support/npy.h"

namespace octet::test {
namespace {

using testing::ElementsAre;

template <class T>
Tensor tensor(const Shape& shape, const std::vector<T>& values) {
  Tensor result = Tensor::create(dtype_of<T>(), shape).value();
  std::copy(values.begin(), values.end(), result.mutable_as<T>().begin());
  return result;
}

template <class T>
std::vector<T> values(const Tensor& t) {
  return {t.as<T>().begin(), t.as<T>().end()};
}

/// A graph of one node behind constants, which only carry the inputs' types.
Graph one_node(Op op, const std::vector<Value>& inputs, Value output) {
  Graph graph;
  Node node;
  node.name = "n";
  node.op = std::move(op);
  for (const Value& input : inputs) {
    Node source;
    source.name = "input";
    source.op = ConstantOp{};
    source.outputs = {input};
    node.inputs.push_back({static_cast<NodeId>(graph.nodes.size()), 0});
    graph.nodes.push_back(std::move(source));
  }
  node.outputs = {std::move(output)};
  graph.nodes.push_back(std::move(node));
  return graph;
}

Tensor compute(const Graph& graph, std::vector<Tensor> inputs) {
  return reference(graph, static_cast<NodeId>(graph.nodes.size()) - 1, inputs).value();
}

TEST(Reference, QuantisedConvolutionWithSumAndRelu) {
  // Two 1x1 filters over 2 channels and 3 pixels.
  ConvolutionOp op;
  op.num_filter = 2;
  Graph graph = one_node(op, {{{1, 2, 1, 3}, DType::u8, 0.5F}, {{1, 2, 1, 3}, DType::s8, 0.25F}},
                         {{1, 2, 1, 3}, DType::u8, 0.5F});
  Node& node = graph.nodes.back();
  node.params.push_back({"w", tensor<std::int8_t>({2, 2, 1, 1}, {1, 2, -3, 4}), {0.5F, 0.25F}});
  // Bias in steps of 0.25 and 0.125: 3 (0.7 is 2.8 steps) and -8.
  node.params.push_back({"b", tensor<float>({2}, {0.7F, -1.0F}), {}});
  node.post_ops = {{PostOp::Kind::sum, {}}, {PostOp::Kind::eltwise, {EltwiseKind::relu, 0, 0}}};
  const Tensor src = tensor<std::uint8_t>({1, 2, 1, 3}, {10, 20, 255, 1, 2, 255});
  const Tensor operand = tensor<std::int8_t>({1, 2, 1, 3}, {100, -100, 127, 5, -6, 0});
  // Filter 0: acc 12, 24, 765; + 3, * 0.5: 7.5, 13.5, 384; + operand / 2: 57.5, -36.5, 447.5.
  // Filter 1: acc -26, -52, 255; - 8, * 0.25: -8.5, -15, 61.75; + operand / 2: -6, -18, 61.75.
  EXPECT_THAT(values<std::uint8_t>(compute(graph, {src, operand})), ElementsAre(58, 0, 255, 0, 0, 62));
}

TEST(Reference, QuantisedLayerWithAFunctionThatNeedsRealValues) {
  FullyConnectedOp op;
  op.num_hidden = 1;
  Graph graph = one_node(op, {{{1, 2}, DType::s8, 0.1F}}, {{1, 1}, DType::u8, 1 / 256.0F});
  Node& node = graph.nodes.back();
  node.params.push_back({"w", tensor<std::int8_t>({1, 2}, {10, -10}), {0.1F}});
  node.post_ops = {{PostOp::Kind::eltwise, {EltwiseKind::sigmoid, 0, 0}}};
  // acc = 10 * 30 - 10 * -20 = 500, real 5: sigmoid 0.99331 * 256 = 254.3.
  EXPECT_THAT(values<std::uint8_t>(compute(graph, {tensor<std::int8_t>({1, 2}, {30, -20})})), ElementsAre(254));
}

TEST(Reference, ProductsAreAddedWithoutSaturation) {
  FullyConnectedOp op;
  op.num_hidden = 1;
  Graph graph = one_node(op, {{{1, 2}, DType::u8, 1}}, {{1, 1}, DType::f32, 0});
  graph.nodes.back().params.push_back({"w", tensor<std::int8_t>({1, 2}, {127, 126}), {1}});
  const Tensor src = tensor<std::uint8_t>({1, 2}, {255, 255});
  EXPECT_THAT(values<float>(compute(graph, {src})), ElementsAre(64515));
}

TEST(Reference, FloatConvolutionWithGroupsDilationAndPadding) {
  ConvolutionOp op;
  op.num_filter = 2;
  op.kernel = {1, 2};
  op.dilate = {1, 2};
  op.pad = {0, 1, 0, 0};
  op.groups = 2;
  // Width 3 + 1 - (2 * 1 + 1) + 1 = 2: columns -1 and 1, 0 and 2.
  Graph graph = one_node(op, {{{1, 2, 1, 3}, DType::f32, 0}}, {{1, 2, 1, 2}, DType::f32, 0});
  Node& node = graph.nodes.back();
  node.params.push_back({"w", tensor<float>({2, 1, 1, 2}, {1, 10, 2, 20}), {}});
  node.params.push_back({"b", tensor<float>({2}, {0.5F, 100}), {}});
  node.post_ops = {{PostOp::Kind::eltwise, {EltwiseKind::clip, 0, 150}}};
  EXPECT_THAT(values<float>(compute(graph, {tensor<float>({1, 2, 1, 3}, {1, 2, 3, 4, 5, 6})})),
              ElementsAre(20.5F, 31.5F, 150, 150));
}

TEST(Reference, ConcatAndAddMixStorages) {
  Graph graph = one_node(ConcatOp{1}, {{{1, 2}, DType::u8, 0.5F}, {{1, 1}, DType::s8, 1}, {{1, 1}, DType::f32, 0}},
                         {{1, 4}, DType::s8, 0.5F});
  std::vector<Tensor> inputs{tensor<std::uint8_t>({1, 2}, {7, 255}), tensor<std::int8_t>({1, 1}, {-9}),
                             tensor<float>({1, 1}, {1.25F})};
  EXPECT_THAT(values<std::int8_t>(compute(graph, inputs)), ElementsAre(7, 127, -18, 2));
  graph = one_node(AddOp{}, {{{2}, DType::u8, 1}, {{2}, DType::s8, 0.5F}}, {{2}, DType::u8, 1});
  inputs = {tensor<std::uint8_t>({2}, {200, 10}), tensor<std::int8_t>({2}, {109, -40})};
  EXPECT_THAT(values<std::uint8_t>(compute(graph, inputs)), ElementsAre(254, 0));
}

TEST(Reference, WholeGraphRunsInOrder) {
  // pixels -> normalize -> global average -> flatten -> softmax.
  Graph graph;
  const auto push = [&](Op op, std::vector<ValueRef> inputs, Value out) {
    Node node;
    node.name = node.output_name = "n" + std::to_string(graph.nodes.size());
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.outputs = {std::move(out)};
    graph.nodes.push_back(std::move(node));
  };
  push(InputOp{}, {}, {{1, 2, 1, 2}, DType::u8, 1});
  push(NormalizeOp{{10, 20}, {2, 4}}, {{0, 0}}, {{1, 2, 1, 2}, DType::f32, 0});
  PoolingOp pooling;
  pooling.kind = PoolKind::avg;
  pooling.global = true;
  push(pooling, {{1, 0}}, {{1, 2, 1, 1}, DType::f32, 0});
  push(FlattenOp{}, {{2, 0}}, {{1, 2}, DType::f32, 0});
  push(SoftmaxOp{}, {{3, 0}}, {{1, 2}, DType::f32, 0});
  const auto results = run_reference(graph, tensor<std::uint8_t>({1, 2, 1, 2}, {12, 14, 20, 32})).value();
  ASSERT_EQ(results.size(), 5U);
  EXPECT_THAT(values<float>(results[1]), ElementsAre(1, 2, 0, 3));
  EXPECT_THAT(values<float>(results[3]), ElementsAre(1.5F, 1.5F));
  EXPECT_THAT(values<float>(results[4]), ElementsAre(0.5F, 0.5F));
}

TEST(Reference, RefusesInputsThatTheGraphDoesNotState) {
  const Graph graph = one_node(FlattenOp{}, {{{1, 2}, DType::f32, 0}}, {{1, 2}, DType::f32, 0});
  const std::vector<Tensor> wrong{tensor<float>({2, 1}, {1, 2})};
  EXPECT_FALSE(reference(graph, 1, wrong).has_value());
}

/// The first golden picture of `model` as the Input node's tensor.
Tensor golden_pixels(const std::string& model, const Graph& graph) {
  const Npy file = read_npy(assets() / "golden" / model / "inputs_u8.npy").value();
  const auto pixels = file.row<std::uint8_t>(0);
  const Shape& shape = graph.nodes[static_cast<std::size_t>(graph.input())].outputs[0].shape;
  Tensor result = Tensor::create(DType::u8, shape).value();
  const auto area = static_cast<std::size_t>(shape[2] * shape[3]), channels = static_cast<std::size_t>(shape[1]);
  for (std::size_t i = 0; i < area; ++i) {
    for (std::size_t c = 0; c < channels; ++c)
      result.mutable_as<std::uint8_t>()[c * area + i] = pixels[i * channels + c];
  }
  return result;
}

TEST(Reference, EqualsEveryGoldenLayerOfResnet20) {
  OCTET_REQUIRE_ASSETS();
  Graph graph = load_model(assets() / "models/cifar_resnet20/cifar_resnet20").value().graph;
  const auto layers = read_npz(assets() / "golden/cifar_resnet20/layers_image0.npz").value();
  for (const bool optimized : {false, true}) {
    if (optimized) optimize(graph).value();
    const auto results = run_reference(graph, golden_pixels("cifar_resnet20", graph)).value();
    int compared = 0;
    for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
      const auto golden = layers.find(graph.nodes[i].output_name + "_output");
      if (golden == layers.end() || results[i].dtype() != DType::f32) continue;
      const auto expected = golden->second.as<float>(), got = results[i].as<float>();
      ASSERT_EQ(expected.size(), got.size()) << golden->first;
      double range = 0, worst = 0;
      for (std::size_t k = 0; k < got.size(); ++k) {
        range = std::max<double>(range, std::abs(expected[k]));
        worst = std::max<double>(worst, std::abs(expected[k] - got[k]));
      }
      EXPECT_LE(worst, 1e-5 * range) << golden->first << (optimized ? ", optimised" : "");
      ++compared;
    }
    EXPECT_GE(compared, optimized ? 20 : 70);
  }
}

}  // namespace
}  // namespace octet::test
