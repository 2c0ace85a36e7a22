// Slices and L2 normalisation of raw memory, on every instruction set.
#include <gtest/gtest.h>

#include <array>
#include <cmath>

#include "executor/kernel_testing.h"
#include "octet/executor/kernels/l2_normalization.h"
#include "octet/executor/kernels/slice.h"

namespace octet::test {
namespace {

using kernels::AxisPart;
using kernels::Order;

TEST(KernelSlice, RandomPartsOfAllRanksAndOrders) {
  Random random(31);
  for (int round = 0; round < 200; ++round) {
    const auto rank = static_cast<std::size_t>(random.integer(1, 5));
    const Order order = rank == 4 && random.integer(0, 1) == 1 ? Order::nhwc : Order::row_major;
    Shape shape;
    std::vector<AxisPart> parts;
    std::size_t count = 1, taken = 1;
    for (std::size_t k = 0; k < rank; ++k) {
      shape.push_back(random.integer(1, 6));
      const std::int64_t step = random.integer(1, 3) * (random.integer(0, 1) == 0 ? 1 : -1);
      const std::int64_t most = (shape[k] - 1) / std::abs(step) + 1, n = random.integer(1, most);
      const std::int64_t room = shape[k] - 1 - (n - 1) * std::abs(step);
      const std::int64_t low = random.integer(0, room);
      parts.push_back(random.integer(0, 2) == 0 ? AxisPart{0, 1, shape[k]}
                                                : AxisPart{step > 0 ? low : low + (n - 1) * -step, step, n});
      count *= static_cast<std::size_t>(shape[k]);
      taken *= static_cast<std::size_t>(parts[k].count);
    }
    // Axes from the outermost to the innermost in memory.
    std::vector<std::size_t> axes{0, 1, 2, 3, 4};
    if (order == Order::nhwc) axes = {0, 2, 3, 1};
    axes.resize(rank);
    const auto place = [&](const std::vector<std::int64_t>& index, bool source) {
      std::int64_t at = 0;
      for (const std::size_t k : axes) {
        at =
            at * (source ? shape[k] : parts[k].count) + (source ? parts[k].begin + index[k] * parts[k].step : index[k]);
      }
      return static_cast<std::size_t>(at);
    };
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{4}}) {
      const Bytes src = random.elements(count, bytes == 4 ? f32 : Element{DType::u8, 1});
      Bytes dst(taken * bytes);
      kernels::slice(shape, parts, order, bytes, src.data(), dst.data());
      std::vector<std::int64_t> index(rank);
      for (std::size_t i = 0; i < taken; ++i) {
        std::size_t rest = i;
        for (std::size_t k = rank; k-- > 0;) {
          index[k] = static_cast<std::int64_t>(rest) % parts[k].count;
          rest /= static_cast<std::size_t>(parts[k].count);
        }
        ASSERT_EQ(std::memcmp(dst.data() + place(index, false) * bytes, src.data() + place(index, true) * bytes, bytes),
                  0)
            << "round " << round;
      }
    }
  }
}

TEST(KernelL2Normalization, ByHand) {
  L2NormalizationOp op;
  op.mode = L2Mode::channel;
  op.eps = 0;
  // (1, 2, 1, 2), NHWC: pixels (3, 4) and (0, 0).
  const Shape shape{1, 2, 1, 2};
  const std::array<float, 4> src{3, 4, 0, 0};
  const std::array<float, 2> scale{10, 20};
  std::array<float, 4> dst{};
  kernels::l2_normalization(op, l2_view(op, shape, Order::nhwc), scale.data(), src.data(), {}, dst.data(), {});
  EXPECT_FLOAT_EQ(dst[0], 6);
  EXPECT_FLOAT_EQ(dst[1], 16);
  EXPECT_EQ(dst[2], 0) << "no NaN without an eps";
  op.mode = L2Mode::spatial;  // channels (3, 0) and (4, 0)
  kernels::l2_normalization(op, l2_view(op, shape, Order::nhwc), nullptr, src.data(), {}, dst.data(), {});
  EXPECT_FLOAT_EQ(dst[0], 1);
  EXPECT_FLOAT_EQ(dst[1], 1);
  op.mode = L2Mode::instance;
  kernels::l2_normalization(op, l2_view(op, shape, Order::nhwc), nullptr, src.data(), {}, dst.data(), {});
  EXPECT_FLOAT_EQ(dst[0], 0.6F);
  EXPECT_FLOAT_EQ(dst[1], 0.8F);
}

TEST(KernelL2Normalization, RowsOfChannelsOfEveryTypeAndTarget) {
  Random random(32);
  for (int round = 0; round < 30; ++round) {
    const Element from = random.element(), to = random.element();
    const Shape shape{2, random.integer(1, 70), 3, 2};
    const auto channels = static_cast<std::size_t>(shape[1]), rows = std::size_t{12};
    const Bytes src = random.elements(rows * channels, from);
    const auto scale = random.reals(channels, 1, 30);
    L2NormalizationOp op;
    op.mode = L2Mode::channel;
    const double unit = from.quantized() ? static_cast<double>(from.scale) : 1;
    Bytes first;
    for_each_target([&](const std::string& target) {
      Bytes dst(rows * channels * to.bytes());
      kernels::l2_normalization(op, l2_view(op, shape, Order::nhwc), scale.data(), src.data(), from, dst.data(), to);
      for (std::size_t row = 0; row < rows; ++row) {
        double sum = 0;
        for (std::size_t c = 0; c < channels; ++c) sum += std::pow(stored(src, row * channels + c, from), 2.0);
        for (std::size_t c = 0; c < channels; ++c) {
          const std::size_t at = row * channels + c;
          const double exact = static_cast<double>(stored(src, at, from)) * unit /
                               std::sqrt(sum * unit * unit + 1e-10) * static_cast<double>(scale[c]);
          if (to.quantized()) {
            ASSERT_NEAR(stored(dst, at, to), rounded(static_cast<float>(exact / static_cast<double>(to.scale)), to), 1)
                << target;
          } else {
            ASSERT_NEAR(stored(dst, at, to), exact, 1e-5 * std::abs(exact) + 1e-7) << target;
          }
        }
      }
      if (first.empty()) first = dst;
      ASSERT_EQ(first, dst) << target << " yields other bits";
    });
  }
}

}  // namespace
}  // namespace octet::test
