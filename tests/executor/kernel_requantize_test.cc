#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <random>

#include "executor/kernel_testing.h"
#include "octet/executor/kernels/requantize.h"

namespace octet::kernels {
namespace {

using Kind = Requantize::Function::Kind;

/// One value by the kernel's definition, before it is stored.
float by_definition(const Requantize& r, std::int64_t sum, std::size_t filter, float operand) {
  float t = static_cast<float>(sum + r.offset[filter]);
  if (!r.bias.empty()) t += static_cast<float>(r.bias[filter]);
  t *= r.scale[filter];
  for (const Requantize::Function& f : r.functions) {
    if (f.kind == Kind::sum) t = std::fma(operand, f.a, t);
    if (f.kind == Kind::relu) t = t > 0 ? t : f.a * t;
    if (f.kind == Kind::clip) t = std::min(std::max(t, f.a), f.b);
  }
  return t;
}

/// Random sums of `filters` per group; every other block of filters has second rows.
class RequantizeKernel : public testing::TestWithParam<std::tuple<int, int, DType>> {
 protected:
  int pick(int low, int high) { return low + static_cast<int>(random_() % static_cast<unsigned>(high - low + 1)); }

  Requantize make(std::int64_t groups, std::int64_t filters, DType dst) {
    Requantize r;
    r.layout.groups = groups;
    r.layout.filters = filters;
    for (std::int64_t first = 0; first < filters; first += kSplitBlock) {
      const bool second = first / kSplitBlock % 2 == 0;
      r.layout.second_of.push_back(second ? r.layout.seconds : -1);
      if (second) r.layout.seconds += std::min(kSplitBlock, filters - first);
    }
    for (std::int64_t i = 0; i < groups * filters; ++i) {
      r.offset.push_back(pick(-100, 100));
      r.bias.push_back(pick(-1000, 1000));
      r.scale.push_back(static_cast<float>(pick(1, 99)) * 1e-3F);
    }
    r.functions = {{Kind::sum, 0.7F, 0}, {Kind::relu, 0.1F, 0}, {Kind::clip, -40, 200}};
    r.operand = DType::s8;
    r.dst = dst;
    return r;
  }

  std::mt19937 random_{7};
};

TEST_P(RequantizeKernel, FollowsItsDefinition) {
  const auto [groups, filters, dtype] = GetParam();
  const Requantize r = make(groups, filters, dtype);
  constexpr std::size_t kPixels = 5;
  std::vector<std::int32_t> sums(kPixels * static_cast<std::size_t>(r.layout.row()));
  for (std::int32_t& sum : sums) sum = pick(-3000, 3000);
  const std::size_t all = static_cast<std::size_t>(groups * filters);
  std::vector<std::int8_t> operand(kPixels * all);
  for (std::int8_t& x : operand) x = static_cast<std::int8_t>(pick(-128, 127));
  std::vector<float> wide(kPixels * all);  // also large enough for bytes
  requantize(r, kPixels, sums.data(), operand.data(), wide.data());
  for (std::size_t i = 0; i < wide.size(); ++i) {
    const std::size_t pixel = i / all, filter = i % all;
    const auto group = static_cast<std::int64_t>(filter) / filters, f = static_cast<std::int64_t>(filter) % filters;
    const std::int32_t* row =
        sums.data() + static_cast<std::int64_t>(pixel) * r.layout.row() + group * (r.layout.filters + r.layout.seconds);
    const std::int64_t second = r.layout.second_of[static_cast<std::size_t>(f / kSplitBlock)];
    const std::int64_t sum = row[f] + (second < 0 ? 0 : row[filters + second + f % kSplitBlock]);
    const float t = by_definition(r, sum, filter, operand[i]);
    if (dtype == DType::f32) {
      EXPECT_EQ(wide[i], t) << i;
    } else if (dtype == DType::u8) {
      const int got = reinterpret_cast<const std::uint8_t*>(wide.data())[i];
      EXPECT_EQ(got, static_cast<int>(std::nearbyint(std::clamp(t, 0.0F, 255.0F)))) << i;
    } else {
      const int got = reinterpret_cast<const std::int8_t*>(wide.data())[i];
      EXPECT_EQ(got, static_cast<int>(std::nearbyint(std::clamp(t, -128.0F, 127.0F)))) << i;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(All, RequantizeKernel,
                         testing::Combine(testing::Values(1, 3), testing::Values(1, 16, 17, 48, 91),
                                          testing::Values(DType::u8, DType::s8, DType::f32)));

TEST(MakeUnsigned, AddsAndFrames) {
  const std::vector<std::int8_t> src{-128, -1, 0, 127};  // two images of 1 x 2 pixels
  std::vector<std::uint8_t> dst(2 * 2 * 4);
  make_unsigned({2, 1, 2, 1, 1, 0, 0, 2}, src.data(), dst.data());
  EXPECT_THAT(dst, testing::ElementsAre(128, 128, 128, 128, 0, 127, 128, 128,  //
                                        128, 128, 128, 128, 128, 255, 128, 128));
  std::vector<std::int8_t> many(77);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<std::int8_t>(static_cast<int>(i) * 3 - 128);
  std::vector<std::uint8_t> moved(many.size());
  make_unsigned({1, 7, 11, 1}, many.data(), moved.data());
  for (std::size_t i = 0; i < many.size(); ++i) EXPECT_EQ(moved[i], many[i] + 128);
}

}  // namespace
}  // namespace octet::kernels
