#include "octet/executor/kernels/convert.h"

#include <gmock/gmock.h>

#include <limits>

#include "executor/kernel_testing.h"

namespace octet::test {
namespace {

constexpr float inf = std::numeric_limits<float>::infinity();
std::vector<int> quantized(const std::vector<float>& x, Element type) {
  // Twenty copies pass through both the vector part and the tail of the loop.
  std::vector<int> result;
  std::vector<std::uint8_t> bytes(x.size() * 20);
  std::vector<float> many;
  for (int k = 0; k < 20; ++k) many.insert(many.end(), x.begin(), x.end());
  kernels::convert(many.size(), many.data(), f32, bytes.data(), type);
  for (std::size_t i = 0; i < many.size(); ++i) {
    const int q = type.dtype == DType::u8 ? bytes[i] : static_cast<std::int8_t>(bytes[i]);
    if (i < x.size()) result.push_back(q);
    EXPECT_EQ(q, result[i % x.size()]) << "copy " << i / x.size();
    EXPECT_EQ(q, kernels::quantize_one(many[i], type));
  }
  return result;
}

TEST(KernelConvert, RoundsHalvesToEvenAndSaturates) {
  for_each_target([](const std::string& target) {
    SCOPED_TRACE(target);
    EXPECT_THAT(quantized({0.5F, 1.5F, 2.5F, -0.5F, 254.5F, 255.5F, 300, -3, inf, -inf, nan, 1e30F, -1e30F, -0.0F},
                          {DType::u8, 1}),
                testing::ElementsAre(0, 2, 2, 0, 254, 255, 255, 0, 255, 0, 0, 255, 0, 0));
    EXPECT_THAT(quantized({0.5F, 1.5F, -0.5F, -1.5F, -2.5F, 126.5F, 127.5F, -127.5F, -128.5F, -400, inf, -inf, nan},
                          {DType::s8, 1}),
                testing::ElementsAre(0, 2, 0, -2, -2, 126, 127, -128, -128, -128, 127, -128, 0));
    // 0.25 steps: halves are at odd multiples of 0.125.
    EXPECT_THAT(quantized({0.125F, 0.375F, -0.125F, -0.375F, 31.625F, 31.875F}, {DType::s8, 0.25F}),
                testing::ElementsAre(0, 2, 0, -2, 126, 127));
    EXPECT_THAT(quantized({3e38F, -3e38F}, {DType::s8, 1e-10F}), testing::ElementsAre(127, -128));
  });
}

TEST(KernelConvert, EveryPairOfStoragesEqualsTheFormula) {
  for_each_target([](const std::string& target) {
    Random random(7);
    for (int round = 0; round < 60; ++round) {
      const Element from = random.element();
      const Element to = random.element();
      const auto count = static_cast<std::size_t>(random.integer(0, 100));
      const Bytes src = random.elements(count, from);
      Bytes dst(count * to.bytes());
      kernels::convert(count, src.data(), from, dst.data(), to);
      for (std::size_t i = 0; i < count; ++i) {
        ASSERT_EQ(stored(dst, i, to), to_stored(real(src, i, from), to)) << target << " element " << i;
      }
    }
  });
}

TEST(KernelConvert, EqualStorageIsCopiedBitByBit) {
  std::vector<std::uint8_t> src(256);
  for (std::size_t i = 0; i < 256; ++i) src[i] = static_cast<std::uint8_t>(i);
  std::vector<std::uint8_t> dst(256);
  // float(q) * 0.1F / 0.1F does not give q back for every scale; a copy must.
  kernels::convert(256, src.data(), {DType::s8, 0.1F}, dst.data(), {DType::s8, 0.1F});
  EXPECT_EQ(src, dst);
  const std::vector<float> odd{nan, -0.0F, inf, 1.5F};
  std::vector<float> copy(4);
  kernels::convert(4, odd.data(), f32, copy.data(), f32);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(std::bit_cast<std::uint32_t>(odd[i]), std::bit_cast<std::uint32_t>(copy[i]));
  }
}

TEST(KernelConvert, WorksInPlaceForEqualSizes) {
  Random random(3);
  Bytes bytes = random.elements(77, {DType::u8, 1});
  const Bytes before = bytes;
  kernels::convert(77, bytes.data(), {DType::u8, 0.5F}, bytes.data(), {DType::s8, 0.7F});
  for (std::size_t i = 0; i < 77; ++i) {
    EXPECT_EQ(stored(bytes, i, {DType::s8, 1}), to_stored(real(before, i, {DType::u8, 0.5F}), {DType::s8, 0.7F}));
  }
}

TEST(KernelNormalize, EqualsTheFormulaForEveryPixelValue) {
  Random random(11);
  for (const std::size_t channels : {1U, 3U, 4U}) {
    NormalizeOp op;
    for (std::size_t c = 0; c < channels; ++c) {
      op.mean.push_back(random.real(90, 140));
      op.std.push_back(random.real(20, 80));
    }
    std::vector<std::uint8_t> src;
    for (std::size_t i = 0; i < 256 * channels; ++i) src.push_back(static_cast<std::uint8_t>(i * 7 + i / 256));
    for (const Element type : {f32, Element{DType::s8, 0.02F}, Element{DType::u8, 0.013F}}) {
      Bytes table(channels * 256 * type.bytes());
      kernels::normalize_table(op, type, table.data());
      Bytes dst(src.size() * type.bytes());
      kernels::normalize(256, channels, src.data(), table.data(), dst.data(), type);
      for (std::size_t pixel = 0; pixel < 256; ++pixel) {
        for (std::size_t c = 0; c < channels; ++c) {
          const std::size_t i = pixel * channels + c;
          const float x = (static_cast<float>(src[i]) - op.mean[c]) / op.std[c];
          ASSERT_EQ(stored(dst, i, type), to_stored(x, type)) << "element " << i << " of " << channels << " channels";
        }
      }
    }
  }
}

}  // namespace
}  // namespace octet::test
