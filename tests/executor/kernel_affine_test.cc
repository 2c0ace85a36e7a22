#include "octet/executor/kernels/affine.h"

#include <gtest/gtest.h>

#include <limits>

#include "executor/kernel_testing.h"

namespace octet::test {
namespace {

using kernels::AffineConstants;
using kernels::AffineShape;

TEST(KernelAffine, ConstantsBringStepsToSteps) {
  const std::vector<float> scale{2, -3}, shift{0.5F, 4};
  const AffineConstants q = kernels::affine_constants(scale, shift, {DType::s8, 0.5F}, {DType::u8, 0.25F});
  EXPECT_EQ(q.factor, (std::vector<float>{4, -6}));
  EXPECT_EQ(q.offset, (std::vector<float>{2, 16}));
  const AffineConstants real = kernels::affine_constants(scale, shift, f32, f32);
  EXPECT_EQ(real.factor, scale);
  EXPECT_EQ(real.offset, shift);
}

/// Every storage, odd numbers of channels, rows with gaps: what lies in the gaps stays.
TEST(KernelAffine, EqualsTheFormulaForAllStorages) {
  for_each_target([&](const std::string& target) {
    Random random(71);
    for (int round = 0; round < 120; ++round) {
      const Element from = random.element(), to = random.element();
      AffineShape shape;
      shape.rows = static_cast<std::size_t>(random.integer(1, 9));
      shape.channels = static_cast<std::size_t>(random.integer(1, 100));
      shape.src_step = shape.channels + static_cast<std::size_t>(random.integer(0, 3));
      shape.dst_step = shape.channels + static_cast<std::size_t>(random.integer(0, 3));
      const auto factor = random.reals(shape.channels, -2, 2), offset = random.reals(shape.channels, -40, 90);
      const bool relu = random.integer(0, 1) == 1;
      const Bytes src = random.elements(shape.rows * shape.src_step, from);
      const Bytes before = random.elements(shape.rows * shape.dst_step, to);
      Bytes dst = before;
      kernels::affine(shape, factor.data(), offset.data(), relu, src.data(), from.dtype, dst.data(), to.dtype);
      for (std::size_t row = 0; row < shape.rows; ++row) {
        for (std::size_t c = 0; c < shape.dst_step; ++c) {
          const std::size_t at = row * shape.dst_step + c;
          float expected = stored(before, at, to);
          if (c < shape.channels) {
            float t = stored(src, row * shape.src_step + c, from) * factor[c];
            t += offset[c];
            if (relu && !(t > 0)) t = 0;
            expected = to.quantized() ? rounded(t, to) : t;
          }
          ASSERT_EQ(stored(dst, at, to), expected) << target << " round " << round << " channel " << c;
        }
      }
    }
  });
}

TEST(KernelAffine, InPlaceAndExtremes) {
  const float huge = std::numeric_limits<float>::max(), nan = std::nanf("");
  std::vector<std::uint8_t> bytes{1, 255, 0, 7, 128};
  const std::vector<float> factor{huge, huge, 1, 0.5F, -1}, offset{-1, huge, nan, 0, 0};
  kernels::affine({1, 5, 5, 5}, factor.data(), offset.data(), false, bytes.data(), DType::u8, bytes.data(), DType::u8);
  EXPECT_EQ(bytes, (std::vector<std::uint8_t>{255, 255, 0, 4, 0}));  // 3.5 rounds to even
}

}  // namespace
}  // namespace octet::test
