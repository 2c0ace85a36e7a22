// Steps that octet's own kernels compute.
#include <algorithm>  // std::find
#include <array>      // std::array
#include <string>     // std::string
#include <utility>    // std::move

#include "octet/executor/kernel.h"
#include "octet/executor/kernels/affine.h"
#include "octet/executor/kernels/concat.h"
#include "octet/executor/kernels/convert.h"
#include "octet/executor/kernels/eltwise.h"
#include "octet/executor/kernels/pooling.h"
#include "octet/executor/kernels/softmax.h"
#include "octet/executor/kernels/transpose.h"

namespace octet {

using kernels::Element;
using kernels::Order;

std::size_t count_of(const Value& value) noexcept { return bytes_of(value) / size_of(value.dtype); }

Kernel float_kernel(const char* name, const Value& src, const Value& dst, FloatFunction function) {
  const Element from = element_of(src), to = element_of(dst);
  const std::size_t count = count_of(src);
  if (!from.quantized() && !to.quantized()) {
    return {name, [function = std::move(function)](auto in, void* out, void*) {
              function(static_cast<const float*>(in[0]), static_cast<float*>(out));
            }};
  }
  const bool direct = !to.quantized();  // dst itself can hold the floats
  return {name,
          [=, function = std::move(function)](auto in, void* out, void* temporary) {
            auto* work = static_cast<float*>(direct ? out : temporary);
            kernels::convert(count, in[0], from, work, {});
            function(work, work);
            if (!direct) kernels::convert(count, work, {}, out, to);
          },
          direct ? 0 : count * sizeof(float)};
}

namespace {

Result<Kernel> normalize_kernel(const StepBuilder& b, NodeId id, const NormalizeOp& op) {
  const Value& src = b.input(id, 0);
  const Element to = element_of(b.output(id));
  const std::size_t channels = op.mean.size();
  if (src.shape.size() != 4 || src.dtype != DType::u8 || op.std.size() != channels ||
      src.shape[1] != static_cast<std::int64_t>(channels)) {
    return unsupported(b.node(id), "needs u8 pixels with one mean and std per channel");
  }
  const std::size_t pixels = count_of(src) / channels;
  std::vector<std::byte> table(channels * 256 * to.bytes());
  kernels::normalize_table(op, to, table.data());
  return Kernel{"octet:normalize", [=, table = std::move(table)](auto in, void* out, void*) {
                  kernels::normalize(pixels, channels, static_cast<const std::uint8_t*>(in[0]), table.data(), out, to);
                }};
}

/// y = x * scale[c] + shift[c], then relu or nothing.
struct Affine {
  std::vector<float> scale, shift;
  bool relu;
};

/// Channels innermost: any storage to any storage in one pass.
Kernel affine_kernel(const StepBuilder& b, NodeId id, const kernels::AxisView& view, const Affine& function) {
  const Element from = element_of(b.input(id, 0)), to = element_of(b.output(id));
  const auto channels = static_cast<std::size_t>(view.axis);
  const auto step = [&](ValueRef ref) { return static_cast<std::size_t>(b.pixel_step(ref, view.axis)); };
  const kernels::AffineShape shape{static_cast<std::size_t>(view.outer), channels, step(b.node(id).inputs[0]),
                                   step({id, 0})};
  kernels::AffineConstants numbers = kernels::affine_constants(function.scale, function.shift, from, to);
  return {function.relu ? "octet:affine_relu" : "octet:affine",
          [=, relu = function.relu, numbers = std::move(numbers)](auto in, void* out, void*) {
            kernels::affine(shape, numbers.factor.data(), numbers.offset.data(), relu, in[0], from.dtype, out,
                            to.dtype);
          }};
}

Result<Kernel> batch_norm_kernel(const StepBuilder& b, NodeId id, const BatchNormOp& op) {
  const Node& node = b.node(id);
  const Shape& shape = b.input(id, 0).shape;
  const auto rank = static_cast<std::int64_t>(shape.size());
  const std::int64_t axis = op.axis < 0 ? op.axis + rank : op.axis;
  if (axis < 0 || axis >= rank) return unsupported(node, "has no axis " + std::to_string(op.axis));
  const auto channels = static_cast<std::size_t>(shape[axis]);
  std::array<const float*, 4> params{};
  for (std::size_t k = 0; k < params.size(); ++k) {
    if (k >= node.params.size() || node.params[k].value.as<float>().size() != channels) {
      return Error{ErrorCode::invalid_model, node.name, "needs four f32 parameters of the channels' number"};
    }
    params[k] = node.params[k].value.as<float>().data();
  }
  std::vector<float> scale(channels), shift(channels);
  kernels::batch_norm_constants(op, channels, params[0], params[1], params[2], params[3], scale.data(), shift.data());
  const kernels::AxisView view = kernels::axis_view(shape, static_cast<std::size_t>(axis), order_of(shape));
  std::vector<EltwiseOp> ops;
  for (const PostOp& op : node.post_ops) ops.push_back(op.eltwise);
  const bool relu = ops.size() == 1 && ops[0].kind == EltwiseKind::relu;
  if (view.inner == 1 && (ops.empty() || relu)) return affine_kernel(b, id, view, {scale, shift, relu});
  const std::size_t count = count_of(b.input(id, 0));
  return float_kernel("octet:batch_norm", b.input(id, 0), b.output(id),
                      [=, scale = std::move(scale), shift = std::move(shift)](const float* src, float* dst) {
                        kernels::scale_shift(view, scale.data(), shift.data(), src, dst);
                        for (const EltwiseOp& op : ops) kernels::eltwise(op, count, dst, dst);
                      });
}

Kernel eltwise_kernel(const StepBuilder& b, NodeId id, const EltwiseOp& op) {
  const Element from = element_of(b.input(id, 0)), to = element_of(b.output(id));
  const std::size_t count = count_of(b.output(id));
  if (!from.quantized()) {
    return float_kernel("octet:eltwise", b.input(id, 0), b.output(id),
                        [op, count](const float* src, float* dst) { kernels::eltwise(op, count, src, dst); });
  }
  std::vector<std::byte> table(256 * to.bytes());
  kernels::eltwise_table(std::span(&op, 1), from, to, table.data());
  return {"octet:table", [=, table = std::move(table)](auto in, void* out, void*) {
            kernels::apply_table(count, in[0], table.data(), out, to);
          }};
}

Result<Kernel> pooling_kernel(const StepBuilder& b, NodeId id, const PoolingOp& op) {
  const Value &src = b.input(id, 0), &dst = b.output(id);
  if (src.shape.size() != 4) return unsupported(b.node(id), "needs a value of four axes");
  if (!src.quantized() && dst.quantized()) return unsupported(b.node(id), "cannot quantise its result");
  const Element from = element_of(src), to = element_of(dst);
  const kernels::PoolingShape shape{src.shape[0],
                                    src.shape[2],
                                    src.shape[3],
                                    src.shape[1],
                                    dst.shape[2],
                                    dst.shape[3],
                                    b.pixel_step(b.node(id).inputs[0], src.shape[1]),
                                    b.pixel_step({id, 0}, src.shape[1])};
  return Kernel{op.global ? "octet:global_pooling" : "octet:pooling",
                [=](auto in, void* out, void*) { kernels::pooling(op, shape, in[0], from, out, to); }};
}

Result<Kernel> concat_kernel(const StepBuilder& b, NodeId id, const ConcatOp& op) {
  const Node& node = b.node(id);
  const Value& dst = b.output(id);
  const auto rank = static_cast<std::int64_t>(dst.shape.size());
  const std::int64_t axis = op.axis < 0 ? op.axis + rank : op.axis;
  if (axis < 0 || axis >= rank) return unsupported(node, "has no axis " + std::to_string(op.axis));
  const auto row = kernels::axis_view(dst.shape, static_cast<std::size_t>(axis), order_of(dst.shape));
  std::vector<kernels::ConcatInput> inputs;
  std::vector<std::size_t> index;  // of those that are copied
  std::int64_t at = 0;
  for (std::size_t k = 0; k < node.inputs.size(); ++k) {
    const Value& src = b.input(id, k);
    const auto view = kernels::axis_view(src.shape, static_cast<std::size_t>(axis), order_of(src.shape));
    const std::int64_t run = view.axis * view.inner;
    if (!b.layout.in_place(b.graph, id, k)) {
      inputs.push_back({nullptr, element_of(src), run, at, b.placed_input(id, k).step});
      index.push_back(k);
    }
    at += run;
  }
  return Kernel{"octet:concat", [outer = row.outer, step = b.pixel_step({id, 0}, at), inputs, index,
                                 to = element_of(dst)](auto in, void* out, void*) mutable {
                  for (std::size_t k = 0; k < inputs.size(); ++k) inputs[k].data = in[index[k]];
                  kernels::concat(outer, inputs, out, to, step);
                }};
}

Kernel add_kernel(const StepBuilder& b, NodeId id) {
  const Element left = element_of(b.input(id, 0)), right = element_of(b.input(id, 1)), to = element_of(b.output(id));
  std::vector<EltwiseOp> ops;
  for (const PostOp& op : b.node(id).post_ops) ops.push_back(op.eltwise);
  return {"octet:add", [=, count = count_of(b.output(id))](auto in, void* out, void*) {
            kernels::add(count, in[0], left, in[1], right, ops, out, to);
          }};
}

/// Flatten, Reshape and Transpose that do move elements: to row-major order, then to the result's.
Result<Kernel> move_kernel(const StepBuilder& b, NodeId id, std::vector<std::int64_t> axes) {
  const Value &src = b.input(id, 0), &dst = b.output(id);
  if (!element_of(src).same_as(element_of(dst))) return unsupported(b.node(id), "cannot change how values are stored");
  const std::size_t bytes = size_of(src.dtype);
  const Order from = order_of(src.shape), to = order_of(dst.shape);
  if (b.node(id).as<TransposeOp>() != nullptr) {
    if (axes.empty()) {
      for (auto k = static_cast<std::int64_t>(src.shape.size()) - 1; k >= 0; --k) axes.push_back(k);
    }
    return Kernel{"octet:transpose", [=, shape = src.shape](auto in, void* out, void*) {
                    kernels::transpose(shape, axes, bytes, in[0], from, out, to);
                  }};
  }
  static constexpr std::array<std::int64_t, 4> kSame{0, 1, 2, 3};
  if (to != Order::nhwc) {
    return Kernel{"octet:to_nchw", [=, shape = src.shape](auto in, void* out, void*) {
                    kernels::transpose(shape, kSame, bytes, in[0], from, out, Order::row_major);
                  }};
  }
  if (from != Order::nhwc) {
    return Kernel{"octet:to_nhwc", [=, shape = dst.shape](auto in, void* out, void*) {
                    kernels::transpose(shape, kSame, bytes, in[0], Order::row_major, out, to);
                  }};
  }
  return Kernel{"octet:reshape",
                [=, before = src.shape, after = dst.shape](auto in, void* out, void* temporary) {
                  kernels::transpose(before, kSame, bytes, in[0], from, temporary, Order::row_major);
                  kernels::transpose(after, kSame, bytes, temporary, Order::row_major, out, to);
                },
                bytes_of(src)};
}

Result<Kernel> softmax_kernel(const StepBuilder& b, NodeId id, const SoftmaxOp& op) {
  const Value& src = b.input(id, 0);
  const auto rank = static_cast<std::int64_t>(src.shape.size());
  if (!op.per_sample && (op.axis < -rank || op.axis >= rank)) {
    return unsupported(b.node(id), "has no axis " + std::to_string(op.axis));
  }
  const kernels::AxisView view = kernels::softmax_view(op, src.shape, order_of(src.shape));
  return float_kernel("octet:softmax", src, b.output(id),
                      [=](const float* in, float* out) { kernels::softmax(view, op.temperature, in, out); });
}

Result<Kernel> pad_kernel(const StepBuilder& b, NodeId id, const PadOp& op) {
  const Value& src = b.input(id, 0);
  const Element type = element_of(src);
  if (!type.same_as(element_of(b.output(id)))) return unsupported(b.node(id), "cannot change how values are stored");
  if (op.before.size() != src.shape.size() || op.after.size() != src.shape.size()) {
    return unsupported(b.node(id), "needs two widths per axis");
  }
  return Kernel{"octet:pad", [=, shape = src.shape](auto in, void* out, void*) {
                  kernels::pad(op, shape, order_of(shape), in[0], out, type);
                }};
}

Kernel convert_kernel(const StepBuilder& b, NodeId id) {
  return {"octet:convert",
          [from = element_of(b.input(id, 0)), to = element_of(b.output(id)), count = count_of(b.output(id))](
              auto in, void* out, void*) { kernels::convert(count, in[0], from, out, to); }};
}

Result<Kernel> select(const StepBuilder& b, NodeId id) {
  const Node& node = b.node(id);
  if (const auto* normalize = node.as<NormalizeOp>()) return normalize_kernel(b, id, *normalize);
  if (const auto* batch_norm = node.as<BatchNormOp>()) return batch_norm_kernel(b, id, *batch_norm);
  if (const auto* eltwise = node.as<EltwiseOp>()) return eltwise_kernel(b, id, *eltwise);
  if (const auto* pooling = node.as<PoolingOp>()) return pooling_kernel(b, id, *pooling);
  if (const auto* concat = node.as<ConcatOp>()) return concat_kernel(b, id, *concat);
  if (node.as<AddOp>() != nullptr) return add_kernel(b, id);
  if (const auto* transpose = node.as<TransposeOp>()) return move_kernel(b, id, transpose->axes);
  if (node.as<FlattenOp>() != nullptr || node.as<ReshapeOp>() != nullptr) return move_kernel(b, id, {});
  if (const auto* softmax = node.as<SoftmaxOp>()) return softmax_kernel(b, id, *softmax);
  if (const auto* pad = node.as<PadOp>()) return pad_kernel(b, id, *pad);
  if (node.as<PReluOp>() != nullptr) return prelu_kernel(b, id);
  if (const auto* binary = node.as<BinaryOp>()) return binary_kernel(b, id, *binary);
  if (node.as<WhereOp>() != nullptr) return where_kernel(b, id);
  if (const auto* reduce = node.as<ReduceOp>()) return reduce_kernel(b, id, *reduce);
  if (const auto* lrn = node.as<LrnOp>()) return lrn_kernel(b, id, *lrn);
  if (const auto* norm = node.as<InstanceNormOp>()) return instance_norm_kernel(b, id, *norm);
  if (const auto* up_sampling = node.as<UpSamplingOp>()) return up_sampling_kernel(b, id, *up_sampling);
  if (node.as<AdaptivePoolingOp>() != nullptr) return adaptive_pooling_kernel(b, id);
  if (const auto* deconvolution = node.as<DeconvolutionOp>()) return deconvolution_kernel(b, id, *deconvolution);
  if (node.as<QuantizeOp>() != nullptr || node.as<DequantizeOp>() != nullptr || node.as<IdentityOp>() != nullptr) {
    return convert_kernel(b, id);
  }
  return make_detection_kernel(b, id);
}

}  // namespace

Result<std::unique_ptr<Step>> make_kernel_step(StepBuilder& builder, NodeId id) {
  OCTET_TRY(Kernel kernel, select(builder, id));
  BufferId temporary = -1;
  if (kernel.temporary_bytes > 0) temporary = builder.layout.add_temporary(kernel.temporary_bytes, id);
  std::vector<Location> src;
  for (const ValueRef input : builder.node(id).inputs) src.push_back(builder.layout[input].location);
  auto step = std::make_unique<KernelStep>(std::move(kernel.function), std::move(src),
                                           builder.layout.values[id][0].location, temporary);
  step->info = {builder.node(id).name, describe(builder.node(id)), kernel.name, 0};
  return std::unique_ptr<Step>(std::move(step));
}

std::unique_ptr<Step> make_output_step(StepBuilder& builder, ValueRef ref, std::int32_t time, BufferId& buffer) {
  static constexpr std::array<std::int64_t, 4> kSame{0, 1, 2, 3};
  const Value& value = builder.graph.value(ref);
  const Location& location = builder.layout[ref].location;
  const Element from = element_of(value);
  const bool moves =
      value.shape.size() == 4 && !kernels::transpose_is_copy(value.shape, kSame, Order::nhwc, Order::row_major);
  if (!from.quantized() && !moves && location.kind == Location::Kind::arena) return nullptr;
  const std::size_t count = count_of(value);
  buffer = builder.layout.add_temporary(count * sizeof(float), time);
  builder.layout.buffers[buffer].last =
      static_cast<std::int32_t>(builder.graph.nodes.size() + builder.graph.outputs.size());
  BufferId temporary = -1;
  if (moves) temporary = builder.layout.add_temporary(count * from.bytes(), time);
  auto step = std::make_unique<KernelStep>(
      [=, shape = value.shape](auto in, void* out, void* moved) {
        if (moves) kernels::transpose(shape, kSame, from.bytes(), in[0], Order::nhwc, moved, Order::row_major);
        kernels::convert(count, moves ? moved : in[0], from, out, {});
      },
      std::vector<Location>{location}, Location{Location::Kind::arena, buffer}, temporary);
  step->info = {builder.node(ref.node).output_name, "output", "octet:to_float_nchw", 0};
  return step;
}

}  // namespace octet
