// Quantised layers against the integer reference, element by element.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "executor/executor_testing.h"
#include "octet/executor/int8_weights.h"

namespace octet::test {
namespace {

/// What may stand before and behind a fused sum. Only functions that oneDNN applies in 8 bits.
std::vector<PostOp> random_functions(GraphBuilder& b, const Value& dst) {
  switch (b.pick(0, 4)) {
    case 4:  // a lift
      return {eltwise(EltwiseKind::leaky_relu, 0.1F), eltwise(EltwiseKind::linear, 1, 20 * dst.scale + 1),
              eltwise(EltwiseKind::relu)};
    case 0: return {eltwise(EltwiseKind::relu)};
    case 1: return {eltwise(EltwiseKind::leaky_relu, 0.1F)};
    case 2: return {eltwise(EltwiseKind::clip, 0, dst.quantized() ? 100 * dst.scale + 1 : 50)};
    default: return {};
  }
}

ConvolutionOp random_convolution(GraphBuilder& b, const Shape& src) {
  ConvolutionOp op;
  op.num_filter = b.pick_of<std::int64_t>({1, 3, 8, 16, 17, 24, 32, 64, 91});
  op.kernel = {b.pick_of<std::int64_t>({1, 3, 5, 7}), b.pick_of<std::int64_t>({1, 3})};
  if (b.pick(0, 1) == 0) op.kernel[1] = op.kernel[0];
  op.stride = {b.pick(1, 2), b.pick(1, 2)};
  if (b.pick(0, 4) == 0) op.dilate = {b.pick(1, 3), b.pick(1, 2)};
  const std::int64_t reach_y = op.dilate[0] * (op.kernel[0] - 1), reach_x = op.dilate[1] * (op.kernel[1] - 1);
  op.pad = {b.pick(0, static_cast<int>(reach_y) / 2), b.pick(0, static_cast<int>(reach_x) / 2),
            b.pick(0, static_cast<int>(reach_y) / 2), b.pick(0, static_cast<int>(reach_x) / 2)};
  op.pad.bottom += std::max<std::int64_t>(0, reach_y + 1 - src[2] - op.pad.top - op.pad.bottom);
  op.pad.right += std::max<std::int64_t>(0, reach_x + 1 - src[3] - op.pad.left - op.pad.right);
  const int mode = b.pick(0, 3);
  if (mode == 0) {
    op.groups = op.num_filter = src[1];
  } else if (mode == 1 && src[1] % 4 == 0) {
    op.groups = b.pick_of<std::int64_t>({2, 4});
    op.num_filter = op.groups * b.pick_of<std::int64_t>({1, 4, 8, 16});
  }
  return op;
}

/// pixels -> 1x1 convolution (u8 or s8, any number of channels) -> the layer under test, with an operand
/// of either type that comes from a third layer and may be read again by a fourth.
Graph random_graph(unsigned seed) {
  GraphBuilder b(3, 5 + static_cast<int>(seed % 9), 4 + static_cast<int>(seed % 7), seed);
  const auto channels = b.pick_of<std::int64_t>({1, 3, 8, 16, 17, 24, 32, 64, 91});
  const Store source_store = b.pick_of({kU8, kS8});
  const ValueRef source = b.convolution(b.input(), square(channels), source_store);
  const ConvolutionOp op = random_convolution(b, b.value(source).shape);
  const Store store = b.pick_of({kU8, kS8, kF32});
  if (b.pick(0, 2) == 0) {
    const Value dst{{}, store.dtype, 0.5F};
    return b.finish({b.convolution(source, op, {store.dtype, store.dtype == DType::f32 ? 0 : 0.5F},
                                   random_functions(b, dst), {}, b.pick(0, 1) == 0)});
  }
  const bool mixed = b.pick(0, 5) == 0;  // float operand of a quantised sum, or the reverse
  const bool float_operand = (store.dtype == DType::f32) != mixed;
  const ValueRef operand = b.convolution(source, op, float_operand ? kF32 : b.pick_of({kU8, kS8}));
  std::vector<PostOp> post_ops{sum()};
  const Value dst{{}, store.dtype, 20.0F};
  for (const PostOp& f : random_functions(b, dst)) post_ops.push_back(f);
  if (b.pick(0, 2) == 0) post_ops.insert(post_ops.begin(), eltwise(EltwiseKind::relu));
  const ValueRef result = b.convolution(source, op, store, post_ops, operand);
  std::vector<ValueRef> outputs{result};
  if (b.pick(0, 1) == 0) outputs.push_back(operand);  // read after the sum
  return b.finish(outputs);
}

class Int8Convolution : public testing::TestWithParam<unsigned> {};

TEST_P(Int8Convolution, EqualsTheReference) {
  for (unsigned k = 0; k < 20; ++k) {
    const Graph graph = random_graph(GetParam() * 20 + k);
    SCOPED_TRACE(testing::Message() << "seed " << GetParam() * 20 + k << "\n" << dump(graph));
    expect_equals_reference(graph, 2, 3);
    if (HasFailure()) break;
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, Int8Convolution, testing::Range(0U, 20U));

class Int8FullyConnected : public testing::TestWithParam<unsigned> {};

TEST_P(Int8FullyConnected, EqualsTheReference) {
  GraphBuilder b(3, 4, 5, GetParam());
  const ValueRef image =
      b.convolution(b.input(), square(b.pick_of<std::int64_t>({1, 5, 16, 33})), b.pick_of({kU8, kS8}));
  ValueRef source = image;
  if (b.pick(0, 1) == 0) source = b.add(FlattenOp{}, {image}, b.store(image));
  const auto outputs = b.pick_of<std::int64_t>({1, 10, 17, 64, 100});
  const Store store = b.pick_of({kU8, kS8, kF32});
  if (b.pick(0, 1) == 0) {
    const ValueRef result = b.fully_connected(source, outputs, store, {eltwise(EltwiseKind::relu)});
    return expect_equals_reference(b.finish({result}), 4, 5);
  }
  const ValueRef operand = b.fully_connected(source, outputs, store.dtype == DType::f32 ? kF32 : b.pick_of({kU8, kS8}));
  const ValueRef result = b.fully_connected(source, outputs, store, {sum()}, operand);
  expect_equals_reference(b.finish({result, operand}), 4, 5);
}
INSTANTIATE_TEST_SUITE_P(Seeds, Int8FullyConnected, testing::Range(0U, 40U));

TEST(Int8Layers, SumWithASignedOperandUsesTheWholeUnsignedRange) {
  GraphBuilder b(3, 8, 8, 1);
  const ValueRef operand = b.convolution(b.input(), square(16), kS8);
  const float fine = b.value(operand).scale / 2;
  const ValueRef result =
      b.convolution(b.input(), square(16), {DType::u8, fine}, {sum(), eltwise(EltwiseKind::relu)}, operand);
  const Graph graph = b.finish({result});
  expect_equals_reference(graph, 2, 2);
  const auto plan = Plan::compile(graph, {2, false}).value();
  const auto context = Context::create(plan).value();
  const auto out = run(*context, random_pixels(*plan, 2, 3), 2)[0];
  const float largest = *std::max_element(out.begin(), out.end());
  EXPECT_GT(largest, 200 * fine) << "values above half of the range exist";
}

TEST(Int8Layers, OtherFunctionsWithinOneStep) {
  for (const EltwiseKind kind :
       {EltwiseKind::sigmoid, EltwiseKind::tanh, EltwiseKind::softrelu, EltwiseKind::softsign, EltwiseKind::elu}) {
    GraphBuilder b(3, 6, 6, 5);
    const ValueRef operand = b.convolution(b.input(), square(8), kS8);
    const ValueRef plain = b.convolution(b.input(), square(8), {DType::s8, 1 / 127.0F}, {eltwise(kind, 1)});
    const ValueRef before = b.convolution(b.input(), square(8), kS8, {eltwise(kind, 1), sum()}, operand);
    const ValueRef behind = b.convolution(b.input(), square(8), kS8, {sum(), eltwise(kind, 1)}, operand);
    const ValueRef real = b.convolution(b.input(), square(8), kF32, {eltwise(kind, 1)});
    expect_equals_reference(b.finish({plain, before, behind, real, operand}), 2, 2, 2e-5);
  }
}

TEST(Int8Layers, AnOperandInItsLastUseStandsForBothSides) {
  // y = conv(x) + x: the operand is the source as well, so it must not be overwritten.
  GraphBuilder b(3, 6, 6, 9);
  const ValueRef x = b.convolution(b.input(), square(16), kU8);
  const ValueRef y = b.convolution(x, square(16), kU8, {sum(), eltwise(EltwiseKind::relu)}, x);
  expect_equals_reference(b.finish({y}), 2, 3);
}

/// A quantised layer whose weights are `rows` filters of `inputs` x `positions`.
Node layer_of(const Shape& weight, std::int64_t groups, std::span<const std::int8_t> values) {
  Node node;
  node.name = "layer";
  ConvolutionOp op;
  op.num_filter = weight[0];
  op.groups = groups;
  op.kernel = {weight[2], weight[3]};
  node.op = op;
  Parameter p{"weight", Tensor::create(DType::s8, weight).value(), std::vector<float>(weight[0], 0.5F)};
  std::ranges::copy(values, p.value.mutable_as<std::int8_t>().begin());
  node.params = {std::move(p)};
  return node;
}

constexpr Value kSource{{}, DType::u8, 1}, kSigned{{}, DType::s8, 1}, kReal{{}, DType::f32, 0};

TEST(Int8LayerNumbers, FiltersThatCouldSaturateGetTwoRows) {
  // 18 filters of 2 inputs x 2 positions: of inputs side by side only those of filter 17 exceed 128.
  std::vector<std::int8_t> weights(18 * 4, 64);
  const std::array<std::int8_t, 4> wide{-127, 100, -2, 28};
  std::ranges::copy(wide, weights.end() - 4);
  const Node node = layer_of({18, 2, 1, 2}, 1, weights);
  EXPECT_FALSE(needs_split(node, {true, 2}));
  EXPECT_TRUE(needs_split(node, {false, 2}));
  EXPECT_FALSE(int8_layer(node, kSource, kReal, {true, 2}).value().split);
  const Int8Layer layer = int8_layer(node, kSource, kReal, {false, 2}).value();
  ASSERT_TRUE(layer.split);
  EXPECT_THAT(layer.split->second_of, testing::ElementsAre(-1, 0));
  EXPECT_EQ(layer.split->seconds, 2);
  EXPECT_EQ(layer.weight.shape(), (Shape{20, 2, 1, 2}));
  const auto rows = layer.weight.as<std::int8_t>();
  EXPECT_THAT(rows.first(16 * 4), testing::Each(64));
  for (std::size_t i = 16 * 4; i < weights.size(); ++i) EXPECT_EQ(rows[i] + rows[i + 8], weights[i]) << i;
  for (std::size_t first = 0; first < rows.size(); first += 4) {
    EXPECT_FALSE(pairs_can_saturate(rows.subspan(first, 4), 2)) << first / 4;
  }
}

TEST(Int8LayerNumbers, RowsOfGroupsLieBehindTheGroup) {
  std::vector<std::int8_t> weights(2 * 3 * 2, 1);
  weights[6] = weights[7] = -128;  // first filter of the second group
  const Int8Layer layer = int8_layer(layer_of({6, 2, 1, 1}, 2, weights), kSource, kReal, {false, 2}).value();
  ASSERT_TRUE(layer.split);
  EXPECT_EQ(layer.split->row(), 12);
  EXPECT_THAT(layer.weight.as<std::int8_t>(),
              testing::ElementsAre(1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, -64, -64, 1, 1, 1, 1, -64, -64, 0, 0, 0, 0));
}

TEST(Int8LayerNumbers, PairsAreNeighboursInMemory) {
  const std::array<std::int8_t, 4> apart{0, 100, 100, 0}, together{100, 0, 100, 0};  // inputs x positions
  EXPECT_FALSE(pairs_can_saturate(apart, 4));
  EXPECT_FALSE(pairs_can_saturate(apart, 2)) << "0, 100 at one position; 100, 0 at the other";
  EXPECT_TRUE(pairs_can_saturate(apart, 1)) << "one input: positions may be added";
  EXPECT_FALSE(pairs_can_saturate(together, 4));
  EXPECT_TRUE(pairs_can_saturate(together, 2)) << "100, 100 at the first position";
}

TEST(Int8LayerNumbers, SignedSourcesAreMadeUnsigned) {
  const std::array<std::int8_t, 4> weights{3, -5, 100, 27};
  const Node node = layer_of({2, 2, 1, 1}, 1, weights);
  EXPECT_FALSE(int8_layer(node, kSigned, kReal, {true, 2}).value().unsigned_copy);
  EXPECT_FALSE(int8_layer(node, kSource, kReal, {false, 2}).value().unsigned_copy);
  const Int8Layer layer = int8_layer(node, kSigned, kReal, {false, 2}).value();
  EXPECT_TRUE(layer.unsigned_copy);
  EXPECT_FALSE(layer.split);
  EXPECT_THAT(layer.offset, testing::ElementsAre(256, -128 * 127));
}

}  // namespace
}  // namespace octet::test
