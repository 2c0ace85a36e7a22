#include "octet/executor/kernels/softmax.h"

#include <gmock/gmock.h>

#include <limits>

#include "executor/kernel_testing.h"

namespace octet::test {
namespace {

using kernels::AxisView;

void expect_softmax(const AxisView& view, float temperature, const std::vector<float>& src,
                    const std::vector<float>& dst) {
  const auto count = static_cast<std::size_t>(view.axis), inner = static_cast<std::size_t>(view.inner);
  for (std::size_t o = 0; o < static_cast<std::size_t>(view.outer); ++o) {
    for (std::size_t i = 0; i < inner; ++i) {
      const auto at = [&](std::size_t a) { return (o * count + a) * inner + i; };
      double max = src[at(0)], sum = 0;
      for (std::size_t a = 0; a < count; ++a) max = std::max<double>(max, src[at(a)]);
      for (std::size_t a = 0; a < count; ++a) sum += std::exp((src[at(a)] - max) / temperature);
      for (std::size_t a = 0; a < count; ++a) {
        const double exact = std::exp((src[at(a)] - max) / temperature) / sum;
        // The difference to the maximum is rounded to float, so its size limits the accuracy.
        const double tolerance = exact * (1e-6 + 1.2e-7 * std::abs((src[at(a)] - max) / temperature)) + 1e-30;
        ASSERT_NEAR(dst[at(a)], exact, tolerance) << "class " << a << " of column " << o << ", " << i;
      }
    }
  }
}

TEST(KernelSoftmax, EqualsTheFormulaOverAnyAxis) {
  Random random(37);
  const AxisView views[] = {{3, 1000, 1}, {1, 21, 523}, {2, 7, 300}, {4, 1, 5}, {1, 17, 1}, {5, 10, 2}};
  for (const AxisView& view : views) {
    for (const float temperature : {1.0F, 0.5F, 3.0F}) {
      const auto src = random.reals(static_cast<std::size_t>(view.outer * view.axis * view.inner), -20, 20);
      std::vector<float> dst(src.size());
      kernels::softmax(view, temperature, src.data(), dst.data());
      expect_softmax(view, temperature, src, dst);
      std::vector<float> in_place = src;
      kernels::softmax(view, temperature, in_place.data(), in_place.data());
      EXPECT_EQ(dst, in_place);
    }
  }
}

TEST(KernelSoftmax, LargeValuesDoNotOverflow) {
  const std::vector<float> src{1000, 999, -1000, 1000};
  std::vector<float> dst(4);
  kernels::softmax({1, 4, 1}, 1, src.data(), dst.data());
  EXPECT_THAT(dst, testing::ElementsAre(testing::FloatNear(0.42231882F, 1e-6F), testing::FloatNear(0.15536241F, 1e-6F),
                                        0, testing::FloatNear(0.42231882F, 1e-6F)));
}

TEST(KernelSoftmax, NanStaysInItsRow) {
  std::vector<float> x{0, std::numeric_limits<float>::quiet_NaN(), 1, 1};
  kernels::softmax({2, 2, 1}, 1, x.data(), x.data());
  EXPECT_TRUE(std::isnan(x[0]) && std::isnan(x[1]));
  EXPECT_EQ(x[2], 0.5F);
  EXPECT_EQ(x[3], 0.5F);
}

TEST(KernelSoftmax, AllTargetsComputeTheSameBits) {
  Random random(41);
  for (const AxisView& view : {AxisView{2, 1001, 1}, AxisView{1, 21, 531}}) {
    const auto src = random.reals(static_cast<std::size_t>(view.outer * view.axis * view.inner), -9, 9);
    std::vector<float> first;
    for_each_target([&](const std::string& target) {
      std::vector<float> dst(src.size());
      kernels::softmax(view, 1, src.data(), dst.data());
      if (first.empty()) first = dst;
      EXPECT_EQ(first, dst) << target;
    });
  }
}

TEST(KernelSoftmax, AnImageDoesNotDependOnItsNeighbours) {
  Random random(43);
  const auto src = random.reals(std::size_t{3} * 1003, -9, 9);
  std::vector<float> all(src.size()), one(1003);
  kernels::softmax({3, 1003, 1}, 1, src.data(), all.data());
  for (std::size_t n = 0; n < 3; ++n) {
    kernels::softmax({1, 1003, 1}, 1, src.data() + n * 1003, one.data());
    EXPECT_TRUE(std::equal(one.begin(), one.end(), all.begin() + static_cast<std::ptrdiff_t>(n * 1003)));
  }
}

TEST(KernelSoftmax, ViewsOfTheOperator) {
  const std::vector<std::int64_t> shape{2, 21, 5, 7};
  const auto view = [&](SoftmaxOp op, kernels::Order order) {
    const AxisView v = kernels::softmax_view(op, shape, order);
    return std::vector<std::int64_t>{v.outer, v.axis, v.inner};
  };
  using testing::ElementsAre;
  EXPECT_THAT(view({1, false, 1}, kernels::Order::nhwc), ElementsAre(70, 21, 1));
  EXPECT_THAT(view({1, false, 1}, kernels::Order::row_major), ElementsAre(2, 21, 35));
  EXPECT_THAT(view({-1, false, 1}, kernels::Order::nhwc), ElementsAre(10, 7, 21));
  EXPECT_THAT(view({-1, false, 1}, kernels::Order::row_major), ElementsAre(210, 7, 1));
  EXPECT_THAT(view({2, false, 1}, kernels::Order::nhwc), ElementsAre(2, 5, 147));
  EXPECT_THAT(view({-1, true, 1}, kernels::Order::nhwc), ElementsAre(2, 735, 1));
}

}  // namespace
}  // namespace octet::test
