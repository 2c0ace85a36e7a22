#include "octet/executor/kernels/pooling.h"

#include <gmock/gmock.h>

#include <limits>

#include "executor/kernel_testing.h"

namespace octet::test {
namespace {

using kernels::PoolingShape;

/// Output of a whole pooling by loops over every window element, in double where sums are involved.
std::vector<double> pooled(const PoolingOp& op, const PoolingShape& s, const Bytes& src, Element type) {
  std::vector<double> result;
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t oy = 0; oy < s.out_height; ++oy) {
      for (std::int64_t ox = 0; ox < s.out_width; ++ox) {
        for (std::int64_t c = 0; c < s.channels; ++c) {
          const std::int64_t kh = op.global ? s.height : op.kernel[0], kw = op.global ? s.width : op.kernel[1];
          const std::int64_t y0 = op.global ? 0 : oy * op.stride[0] - op.pad[0];
          const std::int64_t x0 = op.global ? 0 : ox * op.stride[1] - op.pad[1];
          double best = -std::numeric_limits<double>::infinity(), sum = 0;
          int real_elements = 0, padded_elements = 0;
          for (std::int64_t y = y0; y < y0 + kh; ++y) {
            for (std::int64_t x = x0; x < x0 + kw; ++x) {
              if (y < s.height + op.pad[0] && x < s.width + op.pad[1]) ++padded_elements;
              if (y < 0 || x < 0 || y >= s.height || x >= s.width) continue;
              ++real_elements;
              const auto at = static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + c);
              best = std::max<double>(best, stored(src, at, type));
              sum += stored(src, at, type);
            }
          }
          const double divisor = op.kind == PoolKind::sum ? 1 : op.count_include_pad ? padded_elements : real_elements;
          result.push_back(real_elements == 0 ? 0 : op.kind == PoolKind::max ? best : sum / divisor);
        }
      }
    }
  }
  return result;
}

/// Compares one pooling, in every storage of the destination, with `pooled`.
void check(const PoolingOp& op, PoolingShape s, Element from, unsigned seed) {
  if (!op.global) {
    s.out_height = kernels::pooled_size(s.height, op.kernel[0], op.stride[0], op.pad[0], op.convention);
    s.out_width = kernels::pooled_size(s.width, op.kernel[1], op.stride[1], op.pad[1], op.convention);
  }
  Random random(seed);
  const Bytes src = random.elements(static_cast<std::size_t>(s.images * s.height * s.width * s.channels), from);
  const std::vector<double> expected = pooled(op, s, src, from);
  std::vector<Element> destinations{f32};
  if (from.quantized()) destinations = {f32, from, {DType::u8, 0.07F}, {DType::s8, 0.05F}};
  for (const Element to : destinations) {
    Bytes dst(expected.size() * to.bytes());
    kernels::pooling(op, s, src.data(), from, dst.data(), to);
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const double x = expected[i] * (from.quantized() ? from.scale : 1.0);
      if (!to.quantized()) {
        ASSERT_NEAR(stored(dst, i, to), x, 2e-6 * std::max(1.0, std::abs(x))) << "output " << i;
      } else {
        // Exact but where the double result is within float rounding of a half.
        const double q =
            std::clamp(x / to.scale, to.dtype == DType::u8 ? 0.0 : -128.0, to.dtype == DType::u8 ? 255.0 : 127.0);
        ASSERT_LE(std::abs(stored(dst, i, to) - q), 0.5 + 1e-4) << "output " << i;
      }
    }
  }
}

TEST(KernelPooling, RandomShapesEqualStraightforwardLoops) {
  Random random(29);
  for (unsigned round = 0; round < 250; ++round) {
    PoolingOp op;
    op.kind = static_cast<PoolKind>(random.integer(0, 2));
    op.convention = static_cast<PoolConvention>(random.integer(0, 1));
    op.global = random.integer(0, 4) == 0;
    op.count_include_pad = random.integer(0, 1) == 1;
    op.kernel = {random.integer(1, 4), random.integer(1, 4)};
    op.stride = {random.integer(1, 4), random.integer(1, 4)};
    op.pad = {random.integer(0, op.kernel[0] - 1), random.integer(0, op.kernel[1] - 1)};
    PoolingShape shape;
    shape.images = random.integer(1, 2);
    shape.height = random.integer(4, 9);
    shape.width = random.integer(4, 9);
    shape.channels = round % 5 == 0 ? random.integer(60, 200) : random.integer(1, 20);
    SCOPED_TRACE(round);
    check(op, shape, random.element(), round);
    if (testing::Test::HasFatalFailure()) return;
  }
}

std::vector<float> pool_f32(PoolingOp op, std::int64_t height, std::int64_t width, const std::vector<float>& src) {
  PoolingShape shape{1, height, width, 1, 1, 1};
  shape.out_height = kernels::pooled_size(height, op.kernel[0], op.stride[0], op.pad[0], op.convention);
  shape.out_width = kernels::pooled_size(width, op.kernel[1], op.stride[1], op.pad[1], op.convention);
  std::vector<float> dst(static_cast<std::size_t>(shape.out_height * shape.out_width));
  kernels::pooling(op, shape, src.data(), f32, dst.data(), f32);
  return dst;
}

TEST(KernelPooling, DivisorOfWindowsOverTheEdge) {
  // One row of 6 elements, kernel 1x3, stride 2. `valid`: starts 0, 2; `full`: also 4, which holds
  // two elements and hangs over the edge by one.
  PoolingOp op;
  op.kind = PoolKind::avg;
  op.kernel = {1, 3};
  op.stride = {1, 2};
  const std::vector<float> row{1, 2, 3, 4, 5, 6};
  EXPECT_THAT(pool_f32(op, 1, 6, row), testing::ElementsAre(2, 4));
  op.convention = PoolConvention::full;
  EXPECT_THAT(pool_f32(op, 1, 6, row), testing::ElementsAre(2, 4, 5.5F));  // clipped at the padded edge: / 2
  op.count_include_pad = false;
  EXPECT_THAT(pool_f32(op, 1, 6, row), testing::ElementsAre(2, 4, 5.5F));
  // pad 1: starts -1, 1, 3, 5. The first counts its padding element, the last one ([5, 8) of the
  // padded edge 7) holds one element and one of padding.
  op.pad = {0, 1};
  EXPECT_THAT(pool_f32(op, 1, 6, row), testing::ElementsAre(1.5F, 3, 5, 6));
  op.count_include_pad = true;
  EXPECT_THAT(pool_f32(op, 1, 6, row), testing::ElementsAre(1, 3, 5, 3));
  op.kind = PoolKind::sum;
  EXPECT_THAT(pool_f32(op, 1, 6, row), testing::ElementsAre(3, 9, 15, 6));
  op.kind = PoolKind::max;
  EXPECT_THAT(pool_f32(op, 1, 6, {-1, -2, -3, -4, -5, -6}), testing::ElementsAre(-1, -2, -4, -6));
}

TEST(KernelPooling, WindowWithoutElementsIsZero) {
  // full, stride 4 behind kernel 1: 1 + ceil((5 + 2 - 1) / 4) = 3 windows at -1, 3, 7; the outer two
  // see padding or nothing.
  PoolingOp op;
  op.kernel = {1, 1};
  op.stride = {1, 4};
  op.pad = {0, 1};
  op.convention = PoolConvention::full;
  for (const PoolKind kind : {PoolKind::max, PoolKind::avg, PoolKind::sum}) {
    op.kind = kind;
    EXPECT_THAT(pool_f32(op, 1, 5, {1, 2, 3, 4, 5}), testing::ElementsAre(0, 4, 0));
  }
}

TEST(KernelPooling, SizesOfTheTwoConventions) {
  using kernels::pooled_size;
  EXPECT_EQ(pooled_size(75, 2, 2, 0, PoolConvention::valid), 37);
  EXPECT_EQ(pooled_size(75, 2, 2, 0, PoolConvention::full), 38);
  EXPECT_EQ(pooled_size(112, 3, 2, 1, PoolConvention::valid), 56);
  EXPECT_EQ(pooled_size(112, 3, 2, 1, PoolConvention::full), 57);
  EXPECT_EQ(pooled_size(13, 13, 1, 0, PoolConvention::full), 1);
  EXPECT_LT(pooled_size(2, 3, 1, 0, PoolConvention::valid), 1);
}

TEST(KernelPooling, IntegerAverageRoundsOnceHalfToEven) {
  PoolingOp op;
  op.kind = PoolKind::avg;
  op.kernel = op.stride = {1, 2};
  const PoolingShape shape{1, 1, 8, 1, 1, 4};
  const std::vector<std::uint8_t> src{0, 1, 1, 2, 254, 255, 7, 7};  // 0.5, 1.5, 254.5, 7
  std::vector<std::uint8_t> dst(4);
  kernels::pooling(op, shape, src.data(), {DType::u8, 0.3F}, dst.data(), {DType::u8, 0.3F});
  EXPECT_THAT(dst, testing::ElementsAre(0, 2, 254, 7));
}

TEST(KernelPooling, GlobalSumsOfExtremesAreExact) {
  // 256 elements of the largest size just fit 16-bit sums; 40,000 need 32 bits.
  PoolingOp op;
  op.kind = PoolKind::sum;
  op.global = true;
  for (const std::int64_t side : {16, 17, 200}) {
    const PoolingShape shape{1, side, side, 67, 1, 1};
    const auto pixels = static_cast<std::size_t>(side * side);
    for_each_target([&](const std::string& target) {
      std::vector<float> dst(67);
      const std::vector<std::uint8_t> high(pixels * 67, 255);
      kernels::pooling(op, shape, high.data(), {DType::u8, 1}, dst.data(), f32);
      EXPECT_THAT(dst, testing::Each(255.0F * static_cast<float>(pixels))) << target;
      const std::vector<std::int8_t> low(pixels * 67, -128);
      kernels::pooling(op, shape, low.data(), {DType::s8, 1}, dst.data(), f32);
      EXPECT_THAT(dst, testing::Each(-128.0F * static_cast<float>(pixels))) << target;
    });
  }
}

TEST(KernelPooling, AllTargetsComputeTheSameBits) {
  Random random(31);
  for (const PoolKind kind : {PoolKind::max, PoolKind::avg, PoolKind::sum}) {
    for (const bool global : {false, true}) {
      for (const Element from : {f32, Element{DType::u8, 0.02F}, Element{DType::s8, 0.03F}}) {
        PoolingOp op;
        op.kind = kind;
        op.global = global;
        op.kernel = {3, 3};
        op.stride = {2, 2};
        op.pad = {1, 1};
        const PoolingShape shape{2, 14, 14, 77, global ? 1 : 7, global ? 1 : 7};
        const Bytes src = random.elements(std::size_t{2} * 14 * 14 * 77, from);
        const Element to = from.quantized() ? Element{DType::s8, 0.04F} : f32;
        Bytes first;
        for_each_target([&](const std::string& target) {
          Bytes dst(static_cast<std::size_t>(2 * shape.out_height * shape.out_width * 77) * to.bytes());
          kernels::pooling(op, shape, src.data(), from, dst.data(), to);
          if (first.empty()) first = dst;
          EXPECT_EQ(first, dst) << target;
        });
      }
    }
  }
}

}  // namespace
}  // namespace octet::test
