// Time of octet's own kernels on the shapes that networks give them, one thread. Bytes per second
// count source and destination once.
#include <benchmark/benchmark.h>

#include <cstring>
#include <dnnl.hpp>
#include <random>
#include <vector>

#include "octet/executor/dnnl_compat.h"
#include "octet/executor/kernels/concat.h"
#include "octet/executor/kernels/convert.h"
#include "octet/executor/kernels/depthwise.h"
#include "octet/executor/kernels/eltwise.h"
#include "octet/executor/kernels/multibox.h"
#include "octet/executor/kernels/pooling.h"
#include "octet/executor/kernels/softmax.h"
#include "octet/executor/kernels/transpose.h"

namespace octet::kernels {
namespace {

const Element f32{};
const Element u8{DType::u8, 0.02F};
const Element s8{DType::s8, 0.03F};

std::vector<float> reals(std::size_t count, float low, float high) {
  std::mt19937 engine(1);
  std::uniform_real_distribution<float> distribution(low, high);
  std::vector<float> values(count);
  for (float& value : values) value = distribution(engine);
  return values;
}

std::vector<std::uint8_t> bytes(std::size_t count) {
  std::mt19937 engine(1);
  std::vector<std::uint8_t> values(count);
  for (std::uint8_t& value : values) value = static_cast<std::uint8_t>(engine());
  return values;
}

/// Storage for `count` elements of any type, filled.
std::vector<std::uint8_t> storage(std::size_t count, Element type) {
  if (type.quantized()) return bytes(count);
  const auto values = reals(count, -4, 4);
  const auto* first = reinterpret_cast<const std::uint8_t*>(values.data());
  return {first, first + count * 4};
}

void count_bytes(benchmark::State& state, std::size_t per_iteration) {
  state.SetBytesProcessed(static_cast<std::int64_t>(per_iteration) * state.iterations());
}

constexpr std::size_t map_size = std::size_t{56} * 56 * 256;  // a stage of ResNet-50

void convert_map(benchmark::State& state, Element from, Element to) {
  const auto src = storage(map_size, from);
  auto dst = storage(map_size, to);
  while (state.KeepRunning()) {
    convert(map_size, src.data(), from, dst.data(), to);
    benchmark::ClobberMemory();
  }
  count_bytes(state, map_size * (from.bytes() + to.bytes()));
}
BENCHMARK_CAPTURE(convert_map, f32_to_u8, f32, u8);
BENCHMARK_CAPTURE(convert_map, u8_to_f32, u8, f32);
BENCHMARK_CAPTURE(convert_map, s8_to_u8, s8, u8);

void add_maps(benchmark::State& state, Element a_type, Element b_type, Element to, std::vector<EltwiseOp> ops) {
  const auto a = storage(map_size, a_type), b = storage(map_size, b_type);
  auto dst = storage(map_size, to);
  while (state.KeepRunning()) {
    add(map_size, a.data(), a_type, b.data(), b_type, ops, dst.data(), to);
    benchmark::ClobberMemory();
  }
  count_bytes(state, map_size * (a_type.bytes() + b_type.bytes() + to.bytes()));
}
const EltwiseOp relu{EltwiseKind::relu, 0, 0};
BENCHMARK_CAPTURE(add_maps, u8_s8_relu, u8, s8, u8, {relu});
BENCHMARK_CAPTURE(add_maps, f32_relu, f32, f32, f32, {relu});
BENCHMARK_CAPTURE(add_maps, u8_s8_clip, u8, s8, u8, {{EltwiseKind::clip, 0, 6}});

void eltwise_map(benchmark::State& state, EltwiseKind kind) {
  const auto src = reals(map_size, -6, 6);
  std::vector<float> dst(map_size);
  while (state.KeepRunning()) {
    eltwise({kind, 0.1F, 6}, map_size, src.data(), dst.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, map_size * 8);
}
BENCHMARK_CAPTURE(eltwise_map, relu, EltwiseKind::relu);
BENCHMARK_CAPTURE(eltwise_map, sigmoid, EltwiseKind::sigmoid);
BENCHMARK_CAPTURE(eltwise_map, tanh, EltwiseKind::tanh);
BENCHMARK_CAPTURE(eltwise_map, softrelu, EltwiseKind::softrelu);

void table_map(benchmark::State& state) {
  const auto src = bytes(map_size);
  std::vector<std::uint8_t> dst(map_size), table(256);
  eltwise_table(std::vector<EltwiseOp>{{EltwiseKind::sigmoid, 0, 0}}, s8, u8, table.data());
  while (state.KeepRunning()) {
    apply_table(map_size, src.data(), table.data(), dst.data(), u8);
    benchmark::ClobberMemory();
  }
  count_bytes(state, map_size * 2);
}
BENCHMARK(table_map);

void normalize_224(benchmark::State& state) {
  constexpr std::size_t pixels = std::size_t{224} * 224;
  const auto src = bytes(pixels * 3);
  std::vector<float> table(std::size_t{3} * 256), dst(src.size());
  normalize_table({{123, 117, 104}, {58, 57, 57}}, f32, table.data());
  while (state.KeepRunning()) {
    normalize(pixels, 3, src.data(), table.data(), dst.data(), f32);
    benchmark::ClobberMemory();
  }
  count_bytes(state, src.size() * 5);
}
BENCHMARK(normalize_224);

void concat_channels(benchmark::State& state, Element left, Element right) {
  const std::size_t pixels = std::size_t{27} * 27;  // fire modules of SqueezeNet
  const auto a = storage(pixels * 128, left), b = storage(pixels * 128, right);
  std::vector<std::uint8_t> dst(pixels * 256);
  const std::vector<ConcatInput> inputs{{a.data(), left, 128, 0}, {b.data(), right, 128, 128}};
  while (state.KeepRunning()) {
    concat(static_cast<std::int64_t>(pixels), inputs, dst.data(), u8, 256);
    benchmark::ClobberMemory();
  }
  count_bytes(state, pixels * 512);
}
BENCHMARK_CAPTURE(concat_channels, copied, u8, u8);
BENCHMARK_CAPTURE(concat_channels, requantised, u8, s8);

void pool(benchmark::State& state, PoolKind kind, Element type, std::int64_t size, std::int64_t channels, bool global) {
  PoolingOp op;
  op.kind = kind;
  op.global = global;
  op.kernel = {3, 3};
  op.stride = {2, 2};
  op.pad = {1, 1};
  const std::int64_t out = global ? 1 : pooled_size(size, 3, 2, 1, PoolConvention::valid);
  const PoolingShape shape{1, size, size, channels, out, out};
  const auto elements = static_cast<std::size_t>(size * size * channels);
  const auto src = storage(elements, type);
  auto dst = storage(static_cast<std::size_t>(out * out * channels), type);
  while (state.KeepRunning()) {
    pooling(op, shape, src.data(), type, dst.data(), type);
    benchmark::ClobberMemory();
  }
  count_bytes(state, elements * type.bytes());
}
BENCHMARK_CAPTURE(pool, max_u8_112x64, PoolKind::max, u8, 112, 64, false);
BENCHMARK_CAPTURE(pool, max_f32_112x64, PoolKind::max, f32, 112, 64, false);
BENCHMARK_CAPTURE(pool, max_u8_28x96, PoolKind::max, u8, 28, 96, false);
BENCHMARK_CAPTURE(pool, avg_u8_112x64, PoolKind::avg, u8, 112, 64, false);
BENCHMARK_CAPTURE(pool, global_avg_u8_7x2048, PoolKind::avg, u8, 7, 2048, true);
BENCHMARK_CAPTURE(pool, global_avg_f32_7x2048, PoolKind::avg, f32, 7, 2048, true);

void softmax_of(benchmark::State& state, AxisView view) {
  const auto src = reals(static_cast<std::size_t>(view.outer * view.axis * view.inner), -9, 9);
  std::vector<float> dst(src.size());
  while (state.KeepRunning()) {
    softmax(view, 1, src.data(), dst.data());
    benchmark::ClobberMemory();
  }
  count_bytes(state, src.size() * 8);
}
BENCHMARK_CAPTURE(softmax_of, thousand_classes, AxisView{1, 1000, 1});
BENCHMARK_CAPTURE(softmax_of, ssd_91x1917, AxisView{1, 91, 1917});
BENCHMARK_CAPTURE(softmax_of, ssd_1917x91, AxisView{1917, 91, 1});

void reorder_image(benchmark::State& state, std::size_t element_bytes, Order from, Order to) {
  const std::vector<std::int64_t> shape{1, 256, 28, 28}, axes{0, 1, 2, 3};
  const std::size_t elements = std::size_t{256} * 28 * 28;
  const auto src = bytes(elements * element_bytes);
  std::vector<std::uint8_t> dst(src.size());
  while (state.KeepRunning()) {
    transpose(shape, axes, element_bytes, src.data(), from, dst.data(), to);
    benchmark::ClobberMemory();
  }
  count_bytes(state, src.size() * 2);
}
BENCHMARK_CAPTURE(reorder_image, u8_nhwc_to_nchw, 1, Order::nhwc, Order::row_major);
BENCHMARK_CAPTURE(reorder_image, f32_nhwc_to_nchw, 4, Order::nhwc, Order::row_major);
BENCHMARK_CAPTURE(reorder_image, f32_nchw_to_nhwc, 4, Order::row_major, Order::nhwc);

/// SSD-VGG16-300 on VOC (21 classes) and SSD-MobileNet on COCO (91): most anchors are background.
void detection(benchmark::State& state, MultiBoxShape shape) {
  const auto anchors = static_cast<std::size_t>(shape.anchors);
  auto cls_prob = reals(static_cast<std::size_t>(shape.classes) * anchors, 0, 0.009F);
  const auto start = reals(anchors * 4, 0, 0.7F), loc = reals(anchors * 4, -1, 1);
  std::vector<float> boxes(anchors * 4);
  for (std::size_t a = 0; a < anchors; ++a) {
    for (std::size_t k = 0; k < 2; ++k) {
      boxes[4 * a + k] = start[4 * a + k];
      boxes[4 * a + k + 2] = start[4 * a + k] + 0.3F * start[4 * a + k + 2] + 0.01F;
    }
    if (a % 8 == 0) cls_prob[(1 + a / 8 % static_cast<std::size_t>(shape.classes - 1)) * anchors + a] = start[4 * a];
  }
  std::vector<float> dst(anchors * 6);
  std::vector<std::uint64_t> scratch(multibox_detection_scratch_bytes(shape) / 8 + 1);
  MultiBoxDetectionOp op;
  op.nms_topk = 400;
  while (state.KeepRunning()) {
    multibox_detection(op, shape, cls_prob.data(), loc.data(), boxes.data(), dst.data(), scratch.data());
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK_CAPTURE(detection, voc_8732, MultiBoxShape{1, 21, 8732});
BENCHMARK_CAPTURE(detection, coco_1917, MultiBoxShape{1, 91, 1917});

/// A depthwise layer of eight pictures, u8 to u8, in octet's kernel and in oneDNN's (ONEDNN_MAX_CPU_ISA chooses the
/// instruction set of both). Items are operations.
struct DepthwiseCase {
  DepthwiseCase(std::int64_t size, std::int64_t channels, std::int64_t kernel, std::int64_t stride) {
    op.kernel = {kernel, kernel};
    op.stride = {stride, stride};
    op.pad = {kernel / 2, kernel / 2, kernel / 2, kernel / 2};
    op.groups = op.num_filter = channels;
    const std::int64_t out = (size - 1) / stride + 1;
    shape = {8, size, size, channels, out, out, DType::u8, DType::u8};
    for (const std::uint8_t byte : bytes(static_cast<std::size_t>(channels * kernel * kernel))) {
      weight.push_back(static_cast<std::int8_t>(byte));
    }
    bias.assign(static_cast<std::size_t>(channels), 100);
    scale.assign(static_cast<std::size_t>(channels), 0.001F);
    src = bytes(static_cast<std::size_t>(8 * size * size * channels));
    dst.resize(static_cast<std::size_t>(8 * out * out * channels));
    operations = 2 * kernel * kernel * static_cast<std::int64_t>(dst.size());
  }
  ConvolutionOp op;
  DepthwiseShape shape;
  std::vector<std::int8_t> weight;
  std::vector<std::int32_t> bias;
  std::vector<float> scale;
  std::vector<std::uint8_t> src, dst;
  std::int64_t operations = 0;
};

/// Aligned storage inside a vector that is longer.
std::byte* aligned_in(std::vector<std::byte>& memory, std::size_t bytes) {
  memory.resize(bytes + 64);
  return memory.data() + (64 - reinterpret_cast<std::uintptr_t>(memory.data()) % 64) % 64;
}

void depthwise_octet(benchmark::State& state, DepthwiseCase layer) {
  if (!onednn::isa_has_avx2()) return state.SkipWithError("needs AVX2");
  const DepthwiseNumbers numbers{layer.weight, layer.bias, layer.scale, 0, 1e30F};
  const auto isa = onednn::isa_has_avx512_vnni() ? DepthwiseIsa::avx512_vnni : DepthwiseIsa::avx2;
  const DepthwisePlan plan = plan_depthwise(layer.op, layer.shape, numbers, isa);
  const std::vector<std::byte> constants = pack_depthwise(layer.op, plan, numbers);
  std::vector<std::byte> packed_memory, scratch_memory;
  std::byte* packed = aligned_in(packed_memory, constants.size());
  std::byte* scratch = aligned_in(scratch_memory, plan.scratch_bytes);
  std::memcpy(packed, constants.data(), constants.size());
  while (state.KeepRunning()) {
    depthwise(plan, packed, layer.src.data(), layer.dst.data(), scratch);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(layer.operations * state.iterations());
}

void depthwise_onednn(benchmark::State& state, DepthwiseCase layer) {
  const DepthwiseShape& s = layer.shape;
  onednn::ConvolutionSpec spec;
  spec.src_shape = {s.images, s.channels, s.height, s.width};
  spec.dst_shape = {s.images, s.channels, s.out_height, s.out_width};
  spec.weight_shape = {s.channels, 1, layer.op.kernel[0], layer.op.kernel[1]};
  spec.src = spec.dst = DType::u8;
  spec.weight = DType::s8;
  spec.stride = layer.op.stride;
  spec.pad = layer.op.pad;
  spec.groups = s.channels;
  spec.bias = true;
  spec.epilogue.output_scale = layer.scale;
  dnnl::engine engine(dnnl::engine::kind::cpu, 0);
  dnnl::stream stream(engine);
  auto made = onednn::make_convolution(engine, spec);
  if (!made) return state.SkipWithError(made.error().message.c_str());
  const onednn::Primitive& p = *made;
  dnnl::memory src(p.src, engine, layer.src.data()), dst(p.dst, engine, layer.dst.data());
  dnnl::memory weight(p.weight, engine), bias(p.bias, engine, layer.bias.data()), scratchpad(p.scratchpad, engine);
  if (!onednn::pack_weight(engine, p, layer.weight.data(), weight.get_data_handle())) {
    return state.SkipWithError("the weight cannot be packed");
  }
  while (state.KeepRunning()) {
    p.primitive.execute(stream, {{DNNL_ARG_SRC, src},
                                 {DNNL_ARG_WEIGHTS, weight},
                                 {DNNL_ARG_BIAS, bias},
                                 {DNNL_ARG_DST, dst},
                                 {DNNL_ARG_SCRATCHPAD, scratchpad}});
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(layer.operations * state.iterations());
}

/// Both, one behind the other, for size x size x channels.
#define DEPTHWISE(size, channels, kernel, stride)                               \
  BENCHMARK_CAPTURE(depthwise_octet, size##x##channels##_k##kernel##s##stride,  \
                    DepthwiseCase(size, channels, kernel, stride));             \
  BENCHMARK_CAPTURE(depthwise_onednn, size##x##channels##_k##kernel##s##stride, \
                    DepthwiseCase(size, channels, kernel, stride))
DEPTHWISE(112, 32, 3, 1);
DEPTHWISE(112, 64, 3, 2);
DEPTHWISE(56, 128, 3, 1);
DEPTHWISE(56, 144, 3, 1);
DEPTHWISE(28, 256, 3, 1);
DEPTHWISE(14, 512, 3, 1);
DEPTHWISE(14, 512, 3, 2);
DEPTHWISE(7, 1024, 3, 1);
DEPTHWISE(14, 480, 5, 1);
DEPTHWISE(28, 240, 5, 2);
#undef DEPTHWISE

}  // namespace
}  // namespace octet::kernels
