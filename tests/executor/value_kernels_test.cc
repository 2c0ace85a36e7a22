// Operators on whole values, in plans, against the reference interpreter.
#include <gtest/gtest.h>

#include <limits>

#include "executor/executor_testing.h"
#include "octet/executor/kernels/binary.h"

namespace octet::test {
namespace {

/// A float image value of both signs.
ValueRef image(GraphBuilder& b, std::int64_t channels, Store store = kF32) {
  return b.convolution(b.input(), square(channels, 3), store);
}

ValueRef constant(GraphBuilder& b, const Shape& shape) {
  Tensor value = Tensor::create(DType::f32, shape).value();
  for (float& x : value.mutable_as<float>()) x = static_cast<float>(b.pick(-100, 100)) / 30.0F + 0.01F;
  return b.add(ConstantOp{value}, {});
}

TEST(ValueKernels, PReluOfEveryStorage) {
  for (unsigned seed = 0; seed < 12; ++seed) {
    GraphBuilder b(3, 5, 7, seed);
    const ValueRef src = image(b, b.pick_of<std::int64_t>({1, 3, 16, 17, 40}), b.pick_of({kF32, kS8, kU8}));
    const Store same = b.store(src);
    Store to = b.pick_of({kF32, same, Store{DType::s8, same.scale > 0 ? same.scale / 2 : 0.7F}});
    expect_equals_reference(b.finish({b.add(PReluOp{}, {src}, to)}), 2, 3);
  }
}

TEST(ValueKernels, PReluOfFlatValues) {
  GraphBuilder b(3, 5, 7, 3);
  const ValueRef dense = b.fully_connected(b.input(), 37, kF32);
  expect_equals_reference(b.finish({b.add(PReluOp{}, {dense})}), 2, 3);
}

TEST(ValueKernels, BroadcastFunctions) {
  const std::vector<Shape> shapes{{1, 17, 5, 7}, {1, 17, 1, 1}, {1, 1, 5, 7},
                                  {1, 1, 1, 1},  {1, 17, 5, 1}, {1, 1, 5, 1}};
  for (const BinaryKind kind :
       {BinaryKind::add, BinaryKind::sub, BinaryKind::mul, BinaryKind::div, BinaryKind::maximum, BinaryKind::minimum}) {
    GraphBuilder b(3, 5, 7, 11);
    const ValueRef left = image(b, 17);
    std::vector<ValueRef> outputs;
    for (const Shape& shape : shapes) {
      outputs.push_back(b.add(BinaryOp{kind}, {left, constant(b, shape)}));
      outputs.push_back(b.add(BinaryOp{kind}, {constant(b, shape), left}));
    }
    outputs.push_back(b.add(BinaryOp{kind}, {left, image(b, 17)}));
    expect_equals_reference(b.finish(outputs), 2, 3);
  }
}

TEST(ValueKernels, BroadcastFunctionsOfOtherRanksAndStorages) {
  GraphBuilder b(3, 4, 6, 5);
  const ValueRef wide = b.add(ReshapeOp{{0, 6, 2, 3, 2}, false}, {image(b, 3)});
  const ValueRef narrow = b.add(ReduceOp{ReduceKind::max, {2, 4}, true}, {wide});
  const ValueRef product = b.add(BinaryOp{BinaryKind::mul}, {wide, narrow});
  const ValueRef left = image(b, 9, kS8), right = image(b, 9, kU8);
  const ValueRef sum = b.add(BinaryOp{BinaryKind::sub}, {left, right}, {DType::s8, b.value(left).scale * 2});
  expect_equals_reference(b.finish({product, sum}), 2, 3);
}

TEST(ValueKernels, ChoiceBetweenTwoValues) {
  GraphBuilder b(3, 5, 7, 15);
  const ValueRef left = image(b, 17), right = image(b, 17), stored = image(b, 17, kS8);
  const ValueRef test = b.add(EltwiseOp{EltwiseKind::greater, 0.1F, 0}, {left});
  const ValueRef best = b.add(WhereOp{}, {test, left, right});
  const ValueRef mixed = b.add(WhereOp{}, {stored, stored, best}, {DType::s8, b.value(stored).scale});
  expect_equals_reference(b.finish({best, mixed}), 2, 3);
  // What is not a number is not 0.
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const std::vector<float> condition{0, 1, -0.0F, nan, -2}, x{1, 2, 3, 4, 5}, y{-1, -2, -3, -4, -5};
  std::vector<float> chosen(5);
  kernels::where(5, condition.data(), x.data(), y.data(), chosen.data());
  EXPECT_EQ(chosen, (std::vector<float>{-1, 2, -3, 4, 5}));
}

TEST(ValueKernels, Reductions) {
  for (const ReduceKind kind : {ReduceKind::mean, ReduceKind::sum, ReduceKind::max, ReduceKind::min}) {
    GraphBuilder b(3, 5, 7, 21);
    const ValueRef src = image(b, 19);
    std::vector<ValueRef> outputs;
    for (const std::vector<std::int64_t>& axes :
         {std::vector<std::int64_t>{1}, {2}, {3}, {1, 2}, {-1, -2}, {1, 2, 3}}) {
      for (const bool keep : {true, false}) outputs.push_back(b.add(ReduceOp{kind, axes, keep}, {src}));
    }
    outputs.push_back(b.add(ReduceOp{kind, {0, 1}, true, true}, {src}));  // all but those
    expect_equals_reference(b.finish(outputs), 2, 3);
  }
}

TEST(ValueKernels, LocalResponseNormalisation) {
  for (const float beta : {0.75F, 0.5F, 1.0F, 0.6F}) {
    for (const std::int64_t size : {1, 3, 5, 25}) {
      GraphBuilder b(3, 5, 7, 31);
      const LrnOp op{0.02F, beta, 1.5F, size};
      expect_equals_reference(b.finish({b.add(op, {image(b, 18)}), b.add(op, {image(b, 1)})}), 2, 3);
    }
  }
}

TEST(ValueKernels, InstanceNormUpSamplingAndAdaptivePooling) {
  GraphBuilder b(3, 7, 9, 41);
  const ValueRef src = image(b, 19), stored = image(b, 5, kS8);
  std::vector<ValueRef> outputs{b.add(InstanceNormOp{0.01F}, {src})};
  for (const std::int64_t scale : {1, 2, 3}) {
    outputs.push_back(b.add(UpSamplingOp{scale}, {src}));
    outputs.push_back(b.add(UpSamplingOp{scale}, {stored}, b.store(stored)));
  }
  for (const Size2& bins : {Size2{1, 1}, Size2{2, 3}, Size2{7, 9}, Size2{4, 5}, Size2{10, 2}}) {
    outputs.push_back(b.add(AdaptivePoolingOp{bins}, {src}));
  }
  expect_equals_reference(b.finish(outputs), 2, 3);
}

TEST(ValueKernels, Deconvolutions) {
  for (const DeconvolutionOp& op : {DeconvolutionOp{8, {4, 4}, {2, 2}, {1, 1}, {1, 1}, {0, 0}, 1},
                                    DeconvolutionOp{5, {3, 2}, {3, 1}, {2, 1}, {1, 0}, {2, 0}, 1},
                                    DeconvolutionOp{12, {2, 3}, {1, 2}, {1, 2}, {0, 2}, {0, 1}, 6},
                                    DeconvolutionOp{6, {4, 4}, {2, 2}, {1, 1}, {1, 1}, {0, 0}, 6}}) {
    GraphBuilder b(3, 5, 7, 51);
    expect_equals_reference(b.finish({b.add(op, {image(b, 6)})}), 2, 3);
  }
}

TEST(ValueKernels, ScalarFunctions) {
  GraphBuilder b(3, 5, 7, 61);
  const ValueRef src = image(b, 11), positive = b.add(EltwiseOp{EltwiseKind::softrelu, 0, 0}, {src});
  std::vector<ValueRef> outputs;
  for (const EltwiseKind kind :
       {EltwiseKind::linear, EltwiseKind::square, EltwiseKind::abs, EltwiseKind::greater, EltwiseKind::greater_equal,
        EltwiseKind::lesser, EltwiseKind::lesser_equal, EltwiseKind::equal, EltwiseKind::not_equal}) {
    outputs.push_back(b.add(EltwiseOp{kind, 1.25F, -3}, {src}));
  }
  const ValueRef shifted = b.add(EltwiseOp{EltwiseKind::linear, 1, 0.5F}, {positive});
  for (const EltwiseKind kind :
       {EltwiseKind::exp, EltwiseKind::gelu, EltwiseKind::log, EltwiseKind::sqrt, EltwiseKind::power}) {
    outputs.push_back(b.add(EltwiseOp{kind, 0.3F, 0}, {shifted}));
  }
  outputs.push_back(b.add(EltwiseOp{EltwiseKind::reciprocal, 3, 0}, {shifted}));
  expect_equals_reference(b.finish(outputs), 2, 3);
}

}  // namespace
}  // namespace octet::test
