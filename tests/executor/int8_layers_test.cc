// Quantised layers against the integer reference, element by element.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>

#include "executor/executor_testing.h"
#include "octet/executor/int8_weights.h"

namespace octet::test {
namespace {

/// What may stand before and behind a fused sum. Only functions that oneDNN applies in 8 bits.
std::vector<PostOp> random_functions(GraphBuilder& b, const Value& dst) {
  switch (b.pick(0, 3)) {
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

/// Every weight of one channel once.
Parameter all_weights() {
  Tensor values = Tensor::create(DType::s8, {1, 255, 1, 1}).value();
  const std::span<std::int8_t> w = values.mutable_as<std::int8_t>();
  for (std::size_t i = 0; i < w.size(); ++i) w[i] = static_cast<std::int8_t>(static_cast<int>(i) - 127);
  return {"w", std::move(values), {0.5F}};
}

TEST(AdjustWeight, HalvesSoThatErrorsCancel) {
  const Parameter weight = all_weights();
  const Parameter u8 = adjust_weight(weight, DType::u8, false, false).value();
  const Parameter s8 = adjust_weight(weight, DType::s8, false, false).value();
  EXPECT_EQ(u8.scale[0], 1.0F);
  EXPECT_EQ(s8.scale[0], 0.5F);
  int drift_u8 = 0, drift_s8 = 0;
  for (std::size_t i = 0; i < 255; ++i) {
    const int w = weight.value.as<std::int8_t>()[i];
    const int a = 2 * u8.value.as<std::int8_t>()[i] - w, b = s8.value.as<std::int8_t>()[i] - w;
    EXPECT_LE(std::abs(a), 1) << w;
    EXPECT_LE(std::abs(b), 1) << w;
    if (w % 2 == 0) {
      EXPECT_EQ(a, 0);
      EXPECT_EQ(b, 0);
    }
    drift_u8 += a;
    drift_s8 += b;
    EXPECT_LE(std::abs(drift_u8), 1) << w;
  }
  EXPECT_LE(std::abs(drift_s8), 2);  // 127 has no even neighbour above it
  EXPECT_EQ(adjust_weight(weight, DType::s8, false, true).value().scale[0], 0.5F);
}

}  // namespace
}  // namespace octet::test
