// Time of octet's own kernels on the shapes that networks give them, one thread. Bytes per second
// count source and destination once.
#include <benchmark/benchmark.h>

#include <random>
#include <vector>

#include "octet/executor/kernels/concat.h"
#include "octet/executor/kernels/convert.h"
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

}  // namespace
}  // namespace octet::kernels
