#include "octet/executor/kernels/eltwise.h"

#include <gtest/gtest.h>

#include <limits>

#include "executor/kernel_testing.h"

namespace octet::test {
namespace {

const EltwiseOp all_ops[] = {
    {EltwiseKind::relu, 0, 0},         {EltwiseKind::leaky_relu, 0.1F, 0}, {EltwiseKind::clip, 0, 6},
    {EltwiseKind::clip, -1.5F, 2.25F}, {EltwiseKind::sigmoid, 0, 0},       {EltwiseKind::tanh, 0, 0},
    {EltwiseKind::softrelu, 0, 0},     {EltwiseKind::softsign, 0, 0},      {EltwiseKind::elu, 1.3F, 0},
    {EltwiseKind::linear, 2.5F, -3},   {EltwiseKind::abs, 0, 0},           {EltwiseKind::exp, 0, 0},
    {EltwiseKind::gelu, 0, 0}};

double expected(const EltwiseOp& op, double x) {
  switch (op.kind) {
    case EltwiseKind::relu: return std::max(x, 0.0);
    case EltwiseKind::leaky_relu: return x < 0 ? op.alpha * x : x;
    case EltwiseKind::clip: return std::min<double>(std::max<double>(x, op.alpha), op.beta);
    case EltwiseKind::sigmoid: return 1 / (1 + std::exp(-x));
    case EltwiseKind::tanh: return std::tanh(x);
    case EltwiseKind::softrelu: return x > 50 ? x : std::log1p(std::exp(x));
    case EltwiseKind::softsign: return x / (1 + std::abs(x));
    case EltwiseKind::elu: return x < 0 ? op.alpha * std::expm1(x) : x;
    case EltwiseKind::linear: return static_cast<double>(op.alpha) * x + op.beta;
    case EltwiseKind::abs: return std::abs(x);
    case EltwiseKind::exp: return std::exp(x);
    case EltwiseKind::gelu: return x / 2 * std::erfc(-x / std::sqrt(2.0));
    default: break;  // in plans: value_kernels_test.cc
  }
  return 0;
}

std::string bits(const std::vector<float>& values) {
  return {reinterpret_cast<const char*>(values.data()), values.size() * sizeof(float)};
}

std::vector<float> inputs() {
  std::vector<float> x{0, -0.0F, 1e-30F, -1e-30F, 1e-6F, -1e-6F, 87, -87, 89, -89, 200, -200, 1e30F, -1e30F};
  for (int i = -4000; i <= 4000; ++i) x.push_back(static_cast<float>(i) * 0.0113F);
  return x;
}

TEST(KernelEltwise, EveryFunctionIsAccurateEverywhere) {
  const std::vector<float> x = inputs();
  for (const EltwiseOp& op : all_ops) {
    std::vector<float> y(x.size());
    kernels::eltwise(op, x.size(), x.data(), y.data());
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double exact = expected(op, x[i]);
      if (exact > std::numeric_limits<float>::max()) {
        ASSERT_TRUE(std::isinf(y[i])) << "kind " << static_cast<int>(op.kind) << " at " << x[i];
        continue;
      }
      // The product of `linear` is rounded before the sum, which may cancel most of it.
      const double terms = op.kind == EltwiseKind::linear ? std::abs(op.alpha * x[i]) + std::abs(op.beta) : 0;
      const double tolerance = std::max(1e-7, 4e-7 * std::max(std::abs(exact), terms));
      ASSERT_NEAR(y[i], exact, tolerance) << "kind " << static_cast<int>(op.kind) << " at " << x[i];
    }
  }
}

TEST(KernelEltwise, AllTargetsComputeTheSameBits) {
  const std::vector<float> x = inputs();
  for (const EltwiseOp& op : all_ops) {
    std::vector<float> first;
    for_each_target([&](const std::string& target) {
      std::vector<float> y(x.size());
      kernels::eltwise(op, x.size(), x.data(), y.data());
      if (first.empty()) first = y;
      EXPECT_EQ(bits(first), bits(y)) << target << ", kind " << static_cast<int>(op.kind);
      std::vector<float> in_place = x;
      kernels::eltwise(op, x.size(), in_place.data(), in_place.data());
      EXPECT_EQ(bits(first), bits(in_place)) << target << ", kind " << static_cast<int>(op.kind);
    });
  }
}

TEST(KernelEltwise, InfinitiesAndNan) {
  constexpr float inf = std::numeric_limits<float>::infinity();
  const auto at = [](EltwiseOp op, float x) {
    kernels::eltwise(op, 1, &x, &x);
    return x;
  };
  EXPECT_EQ(at({EltwiseKind::sigmoid, 0, 0}, inf), 1);
  EXPECT_EQ(at({EltwiseKind::sigmoid, 0, 0}, -inf), 0);
  EXPECT_EQ(at({EltwiseKind::tanh, 0, 0}, inf), 1);
  EXPECT_EQ(at({EltwiseKind::tanh, 0, 0}, -inf), -1);
  EXPECT_EQ(at({EltwiseKind::softrelu, 0, 0}, -inf), 0);
  EXPECT_EQ(at({EltwiseKind::softrelu, 0, 0}, inf), inf);
  EXPECT_EQ(at({EltwiseKind::elu, 2, 0}, -inf), -2);
  EXPECT_EQ(at({EltwiseKind::clip, 0, 6}, inf), 6);
  EXPECT_EQ(at({EltwiseKind::exp, 0, 0}, inf), inf);
  EXPECT_EQ(at({EltwiseKind::exp, 0, 0}, -inf), 0);
  EXPECT_EQ(at({EltwiseKind::gelu, 0, 0}, inf), inf);
  const float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ(at({EltwiseKind::relu, 0, 0}, nan), 0);
  EXPECT_EQ(at({EltwiseKind::clip, -1, 6}, nan), -1);
  for (const EltwiseKind kind : {EltwiseKind::sigmoid, EltwiseKind::tanh, EltwiseKind::softrelu, EltwiseKind::elu,
                                 EltwiseKind::softsign, EltwiseKind::leaky_relu, EltwiseKind::exp, EltwiseKind::gelu}) {
    EXPECT_TRUE(std::isnan(at({kind, 1, 1}, nan))) << static_cast<int>(kind);
  }
}

TEST(KernelEltwise, TablesEqualConvertingThere) {
  Random random(5);
  for (const Element from : {Element{DType::u8, 0.031F}, Element{DType::s8, 0.057F}}) {
    for (const Element to : {f32, Element{DType::u8, 0.02F}, Element{DType::s8, 0.04F}}) {
      const std::vector<EltwiseOp> ops{{EltwiseKind::tanh, 0, 0}, {EltwiseKind::leaky_relu, 0.3F, 0}};
      Bytes table(256 * to.bytes());
      kernels::eltwise_table(ops, from, to, table.data());
      const Bytes src = random.elements(333, from);
      Bytes dst(333 * to.bytes());
      kernels::apply_table(333, src.data(), table.data(), dst.data(), to);
      for (std::size_t i = 0; i < 333; ++i) {
        float x = real(src, i, from);
        for (const EltwiseOp& op : ops) kernels::eltwise(op, 1, &x, &x);
        ASSERT_EQ(stored(dst, i, to), to_stored(x, to));
      }
    }
  }
}

TEST(KernelAdd, EqualsTheFormulaForAllStorages) {
  const std::vector<std::vector<EltwiseOp>> chains{{},
                                                   {{EltwiseKind::relu, 0, 0}},
                                                   {{EltwiseKind::clip, 0, 3}},
                                                   {{EltwiseKind::sigmoid, 0, 0}, {EltwiseKind::elu, 1, 0}}};
  for_each_target([&](const std::string& target) {
    Random random(17);
    for (int round = 0; round < 80; ++round) {
      const Element a_type = random.element();
      const Element b_type = random.element();
      const Element to = random.element();
      const auto& ops = chains[static_cast<std::size_t>(round) % chains.size()];
      const auto count = static_cast<std::size_t>(random.integer(1, round % 10 == 0 ? 3000 : 90));
      const Bytes a = random.elements(count, a_type);
      const Bytes b = random.elements(count, b_type);
      Bytes dst(count * to.bytes());
      kernels::add(count, a.data(), a_type, b.data(), b_type, ops, dst.data(), to);
      for (std::size_t i = 0; i < count; ++i) {
        float x = real(a, i, a_type) + real(b, i, b_type);
        for (const EltwiseOp& op : ops) kernels::eltwise(op, 1, &x, &x);
        ASSERT_EQ(stored(dst, i, to), to_stored(x, to)) << target << ", element " << i << " of " << count;
      }
    }
  });
}

TEST(KernelAdd, SignedOperandIntoUnsignedResultReaches255) {
  const std::vector<std::int8_t> a(40, 100);
  const std::vector<std::uint8_t> b(40, 200);
  std::vector<std::uint8_t> dst(40);
  kernels::add(40, a.data(), {DType::s8, 0.5F}, b.data(), {DType::u8, 1}, {}, dst.data(), {DType::u8, 1});
  EXPECT_EQ(dst, std::vector<std::uint8_t>(40, 250));
}

TEST(KernelScaleShift, ChannelsInnermostAndInside) {
  Random random(23);
  for (const kernels::AxisView view :
       {kernels::AxisView{5, 37, 1}, kernels::AxisView{2, 3, 29}, kernels::AxisView{1, 1, 1}}) {
    const auto channels = static_cast<std::size_t>(view.axis);
    const auto count = static_cast<std::size_t>(view.outer * view.axis * view.inner);
    const auto scale = random.reals(channels, -2, 2);
    const auto shift = random.reals(channels, -2, 2);
    const auto src = random.reals(count, -3, 3);
    for_each_target([&](const std::string& target) {
      std::vector<float> dst(count);
      kernels::scale_shift(view, scale.data(), shift.data(), src.data(), dst.data());
      for (std::size_t i = 0; i < count; ++i) {
        const std::size_t c = i / static_cast<std::size_t>(view.inner) % channels;
        const float product = src[i] * scale[c];
        ASSERT_EQ(dst[i], product + shift[c]) << target;
      }
    });
  }
}

TEST(KernelBatchNorm, ConstantsFollowTheOperator) {
  BatchNormOp op;
  op.eps = 0.25;
  op.fix_gamma = false;
  const std::vector<float> gamma{2, 3}, beta{1, -1}, mean{4, 0.5F}, var{2, 0.75F};  // sqrt(var + eps) = 1.5, 1
  std::vector<float> scale(2), shift(2);
  kernels::batch_norm_constants(op, 2, gamma.data(), beta.data(), mean.data(), var.data(), scale.data(), shift.data());
  EXPECT_FLOAT_EQ(scale[0], 2 / 1.5F);
  EXPECT_FLOAT_EQ(shift[0], 1 - 4 * 2 / 1.5F);
  EXPECT_FLOAT_EQ(scale[1], 3);
  EXPECT_FLOAT_EQ(shift[1], -2.5F);
  op.fix_gamma = true;
  kernels::batch_norm_constants(op, 2, gamma.data(), beta.data(), mean.data(), var.data(), scale.data(), shift.data());
  EXPECT_FLOAT_EQ(scale[0], 1 / 1.5F);
  EXPECT_FLOAT_EQ(scale[1], 1);
}

}  // namespace
}  // namespace octet::test
