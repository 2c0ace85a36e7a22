// The depthwise kernel on raw memory, on every instruction set that it is written for.
#include "octet/executor/kernels/depthwise.h"

#include <gtest/gtest.h>

#include <memory>

#include "executor/kernel_testing.h"

namespace octet::test {
namespace {

using kernels::DepthwiseIsa;
using kernels::DepthwiseNumbers;
using kernels::DepthwiseShape;

std::vector<DepthwiseIsa> machine_isas() {
  std::vector<DepthwiseIsa> isas;
  if (__builtin_cpu_supports("avx2") != 0) isas.push_back(DepthwiseIsa::avx2);
  if (__builtin_cpu_supports("avx512vnni") != 0 && __builtin_cpu_supports("avx512bw") != 0 &&
      __builtin_cpu_supports("avx512vl") != 0 && __builtin_cpu_supports("avx512dq") != 0) {
    isas.push_back(DepthwiseIsa::avx512_vnni);
  }
  return isas;
}

struct AlignedFree {
  void operator()(std::byte* p) const { ::operator delete[](p, std::align_val_t{64}); }
};
using AlignedBytes = std::unique_ptr<std::byte[], AlignedFree>;

/// Exactly `bytes` long, so that a sanitizer sees what goes beyond, and filled with what nobody may rely on.
AlignedBytes aligned_bytes(std::size_t bytes) {
  AlignedBytes p(static_cast<std::byte*>(::operator new[](bytes, std::align_val_t{64})));
  std::memset(p.get(), 0xA5, bytes);
  return p;
}

struct Layer {
  ConvolutionOp op;
  DepthwiseShape shape;
  Bytes src;
  std::vector<std::int8_t> weight;
  std::vector<std::int32_t> bias;
  std::vector<float> scale;
  float low = -HUGE_VALF, high = HUGE_VALF;
};

std::int64_t out_size(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t dilate,
                      std::int64_t pads) {
  return (size + pads - dilate * (kernel - 1) - 1) / stride + 1;
}

/// Weights, biases and scales for a layer whose shape is set, and random sources.
void fill(Layer& layer, Random& random) {
  const ConvolutionOp& op = layer.op;
  DepthwiseShape& s = layer.shape;
  s.out_height = out_size(s.height, op.kernel[0], op.stride[0], op.dilate[0], op.pad.top + op.pad.bottom);
  s.out_width = out_size(s.width, op.kernel[1], op.stride[1], op.dilate[1], op.pad.left + op.pad.right);
  layer.op.groups = layer.op.num_filter = s.channels;
  const std::int64_t taps = op.kernel[0] * op.kernel[1];
  layer.src = random.elements(static_cast<std::size_t>(s.images * s.height * s.width * s.channels), {s.src, 1});
  for (std::int64_t i = 0; i < s.channels * taps; ++i) {
    layer.weight.push_back(static_cast<std::int8_t>(random.integer(-127, 127)));
  }
  const bool large_bias = random.integer(0, 3) == 0;  // beyond 24 bits: float(sum) + float(bias) rounds
  for (std::int64_t c = 0; c < s.channels; ++c) {
    const std::int32_t reach = large_bias ? 1 << 30 : 40000;
    layer.bias.push_back(static_cast<std::int32_t>(random.integer(-reach, reach)));
    layer.scale.push_back(random.real(0.0001F, 0.01F) * (random.integer(0, 9) == 0 ? 1e-4F : 1));
  }
}

Layer random_layer(Random& random) {
  Layer layer;
  ConvolutionOp& op = layer.op;
  const bool usual = random.integer(0, 1) == 0;
  op.kernel = usual ? Size2{3, 3} : Size2{random.integer(1, 7), random.integer(1, 5)};
  op.stride = {random.integer(1, 2), random.integer(1, 2)};
  if (random.integer(0, 3) == 0) op.stride = {random.integer(1, 4), random.integer(1, 4)};
  if (random.integer(0, 3) == 0) op.dilate = {random.integer(1, 3), random.integer(1, 3)};
  const auto pad = [&](std::int64_t kernel, std::int64_t dilate) {
    return random.integer(0, std::max<std::int64_t>(1, dilate * (kernel - 1)));
  };
  op.pad = {pad(op.kernel[0], op.dilate[0]), pad(op.kernel[1], op.dilate[1]), pad(op.kernel[0], op.dilate[0]),
            pad(op.kernel[1], op.dilate[1])};
  DepthwiseShape& s = layer.shape;
  s.images = random.integer(0, 3) == 0 ? 7 : 1;
  s.height = random.integer(1, 17) + std::max<std::int64_t>(0, op.dilate[0] * (op.kernel[0] - 1) - op.pad.top);
  s.width = random.integer(1, 17) + std::max<std::int64_t>(0, op.dilate[1] * (op.kernel[1] - 1) - op.pad.left);
  static constexpr std::int64_t kChannels[] = {16, 17, 24, 31, 32, 33, 48, 58, 64, 65, 96, 128, 144, 200, 320};
  s.channels = kChannels[random.integer(0, std::ssize(kChannels) - 1)];
  s.src = random.integer(0, 1) == 0 ? DType::u8 : DType::s8;
  static constexpr DType kStored[] = {DType::u8, DType::s8, DType::f32};
  s.dst = kStored[random.integer(0, 2)];
  switch (random.integer(0, 3)) {
    case 0: layer.low = 0; break;  // relu
    case 1:
      layer.low = random.real(-90, 20);
      layer.high = random.real(20, 250);
      break;
    default: break;
  }
  fill(layer, random);
  return layer;
}

/// By the definition, one element after the other.
Bytes expected_result(const Layer& layer) {
  const DepthwiseShape& s = layer.shape;
  const ConvolutionOp& op = layer.op;
  const Element from{s.src, 1}, to{s.dst, 1};
  Bytes result;
  for (std::int64_t n = 0; n < s.images; ++n) {
    for (std::int64_t oy = 0; oy < s.out_height; ++oy) {
      for (std::int64_t ox = 0; ox < s.out_width; ++ox) {
        for (std::int64_t c = 0; c < s.channels; ++c) {
          std::int32_t sum = 0;
          for (std::int64_t ky = 0; ky < op.kernel[0]; ++ky) {
            for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
              const std::int64_t y = oy * op.stride[0] + ky * op.dilate[0] - op.pad.top;
              const std::int64_t x = ox * op.stride[1] + kx * op.dilate[1] - op.pad.left;
              if (y < 0 || x < 0 || y >= s.height || x >= s.width) continue;
              const auto at = static_cast<std::size_t>(((n * s.height + y) * s.width + x) * s.channels + c);
              const int w = layer.weight[(c * op.kernel[0] + ky) * op.kernel[1] + kx];
              sum += static_cast<std::int32_t>(stored(layer.src, at, from)) * w;
            }
          }
          float t = (static_cast<float>(sum) + static_cast<float>(layer.bias[c])) * layer.scale[c];
          t = std::min(std::max(t, layer.low), layer.high);
          if (to.quantized()) {
            result.push_back(static_cast<std::byte>(static_cast<int>(rounded(t, to))));
          } else {
            const auto bytes = std::bit_cast<std::array<std::byte, 4>>(t);
            result.insert(result.end(), bytes.begin(), bytes.end());
          }
        }
      }
    }
  }
  return result;
}

Bytes computed(const Layer& layer, DepthwiseIsa isa) {
  const DepthwiseNumbers numbers{layer.weight, layer.bias, layer.scale, layer.low, layer.high};
  const kernels::DepthwisePlan plan = kernels::plan_depthwise(layer.op, layer.shape, numbers, isa);
  const std::vector<std::byte> constants = kernels::pack_depthwise(layer.op, plan, numbers);
  EXPECT_EQ(constants.size(), plan.packed_bytes);
  const AlignedBytes packed = aligned_bytes(constants.size()), scratch = aligned_bytes(plan.scratch_bytes);
  std::memcpy(packed.get(), constants.data(), constants.size());
  const DepthwiseShape& s = layer.shape;
  Bytes result(static_cast<std::size_t>(s.images * s.out_height * s.out_width * s.channels) *
               Element{s.dst, 1}.bytes());
  kernels::depthwise(plan, packed.get(), layer.src.data(), result.data(), scratch.get());
  return result;
}

/// Where two results differ first; -1 when nowhere.
std::int64_t first_difference(const Bytes& a, const Bytes& b) {
  if (a.size() != b.size()) return 0;
  const auto found = std::mismatch(a.begin(), a.end(), b.begin()).first;
  return found == a.end() ? -1 : found - a.begin();
}

class KernelDepthwise : public testing::TestWithParam<unsigned> {};

TEST_P(KernelDepthwise, EqualsTheDefinition) {
  Random random(GetParam());
  for (int round = 0; round < 30; ++round) {
    const Layer layer = random_layer(random);
    const Bytes expected = expected_result(layer);
    for (const DepthwiseIsa isa : machine_isas()) {
      const std::int64_t at = first_difference(computed(layer, isa), expected);
      const DepthwiseShape& s = layer.shape;
      ASSERT_EQ(at, -1) << "round " << round << ", instruction set " << static_cast<int>(isa) << ", kernel "
                        << layer.op.kernel[0] << "x" << layer.op.kernel[1] << " stride " << layer.op.stride[0] << ","
                        << layer.op.stride[1] << " on " << s.height << "x" << s.width << "x" << s.channels;
    }
  }
}
INSTANTIATE_TEST_SUITE_P(Seeds, KernelDepthwise, testing::Range(0U, 20U));

TEST(KernelDepthwise, LargestSumsAreExact) {
  // 9 products of the largest size, of either sign, and taps over the edge that must count as zero.
  for (const DType src : {DType::u8, DType::s8}) {
    for (const int weight : {127, -127}) {
      Layer layer;
      layer.op.kernel = {3, 3};
      layer.op.pad = {1, 1, 1, 1};
      layer.shape = {1, 4, 5, 67, 1, 1, src, DType::f32};
      Random random(1);
      fill(layer, random);
      std::fill(layer.weight.begin(), layer.weight.end(), static_cast<std::int8_t>(weight));
      std::fill(layer.bias.begin(), layer.bias.end(), 0);
      std::fill(layer.scale.begin(), layer.scale.end(), 1.0F);
      for (const int value : {0, 255, 127, 128}) {
        std::fill(layer.src.begin(), layer.src.end(), static_cast<std::byte>(value));
        const Bytes expected = expected_result(layer);
        for (const DepthwiseIsa isa : machine_isas()) EXPECT_EQ(first_difference(computed(layer, isa), expected), -1);
      }
    }
  }
}

TEST(KernelDepthwise, ResultsBeyond32BitsSaturate) {
  for (const DType dst : {DType::u8, DType::s8}) {
    for (const float scale : {3e6F, -3e6F}) {
      Layer layer;
      layer.op.kernel = {3, 3};
      layer.shape = {1, 4, 4, 64, 1, 1, DType::u8, dst};
      Random random(2);
      fill(layer, random);
      std::fill(layer.scale.begin(), layer.scale.end(), scale);
      const Bytes expected = expected_result(layer);
      for (const DepthwiseIsa isa : machine_isas()) EXPECT_EQ(first_difference(computed(layer, isa), expected), -1);
    }
  }
}

}  // namespace
}  // namespace octet::test
