#include <array>    // std::array
#include <memory>   // std::shared_ptr
#include <utility>  // std::move

#include "octet/executor/kernel.h"
#include "octet/executor/kernels/binary.h"
#include "octet/executor/kernels/convert.h"
#include "octet/executor/kernels/norm.h"
#include "octet/executor/kernels/reduce.h"
#include "octet/executor/kernels/spatial.h"
#include "octet/executor/kernels/transpose.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

using kernels::Element;
using kernels::Order;

using FloatsFunction = std::function<void(const std::array<const float*, 3>& src, float* dst, void* scratch)>;

constexpr std::size_t aligned(std::size_t bytes) { return (bytes + 63) / 64 * 64; }

/// Lets a float function of one to three values read and write quantised values too. The scratch
/// memory that it asks for comes first in the kernel's.
Kernel on_floats(const char* name, const StepBuilder& b, NodeId id, FloatsFunction function, std::size_t scratch = 0) {
  struct Side {
    Element type;
    std::size_t count = 0, offset = 0;
  };
  std::array<Side, 3> sides;
  const std::size_t inputs = b.node(id).inputs.size();
  std::size_t bytes = aligned(scratch);
  for (std::size_t k = 0; k < inputs; ++k) {
    sides[k] = {element_of(b.input(id, k)), count_of(b.input(id, k)), bytes};
    if (sides[k].type.quantized()) bytes += aligned(sides[k].count * sizeof(float));
  }
  const Side result{element_of(b.output(id)), count_of(b.output(id)), bytes};
  if (result.type.quantized()) bytes += result.count * sizeof(float);
  return {name,
          [=, function = std::move(function)](auto in, void* out, void* temporary) {
            const auto at = [&](std::size_t offset) {
              return reinterpret_cast<float*>(static_cast<std::byte*>(temporary) + offset);
            };
            std::array<const float*, 3> src{};
            for (std::size_t k = 0; k < inputs; ++k) {
              src[k] = static_cast<const float*>(in[k]);
              if (!sides[k].type.quantized()) continue;
              kernels::convert(sides[k].count, in[k], sides[k].type, at(sides[k].offset), {});
              src[k] = at(sides[k].offset);
            }
            float* dst = result.type.quantized() ? at(result.offset) : static_cast<float*>(out);
            function(src, dst, temporary);
            if (result.type.quantized()) kernels::convert(result.count, dst, {}, out, result.type);
          },
          bytes};
}

Result<std::span<const float>> floats_of(const Node& node, std::size_t k, std::size_t count) {
  const auto values = k < node.params.size() ? node.params[k].value.as<float>() : std::span<const float>();
  if (values.size() == count) return values;
  return Error{ErrorCode::invalid_model, node.name, "needs f32 parameters of the input's size"};
}

Result<kernels::SpatialShape> spatial_shape(const StepBuilder& b, NodeId id) {
  const Shape &src = b.input(id, 0).shape, &dst = b.output(id).shape;
  if (src.size() != 4 || dst.size() != 4) return unsupported(b.node(id), "needs a value of four axes");
  return kernels::SpatialShape{src[0], src[2], src[3], src[1], dst[2], dst[3], dst[1]};
}

}  // namespace

Result<Kernel> prelu_kernel(const StepBuilder& b, NodeId id) {
  const Value& src = b.input(id, 0);
  if (src.shape.size() < 2) return unsupported(b.node(id), "needs channels");
  const auto channels = static_cast<std::size_t>(src.shape[1]);
  const bool shared = !b.node(id).params.empty() && b.node(id).params[0].value.elements() == 1;
  OCTET_TRY(const auto stored, floats_of(b.node(id), 0, shared ? 1 : channels));
  std::vector<float> slopes(channels, stored[0]);
  if (!shared) slopes.assign(stored.begin(), stored.end());
  const kernels::AxisView view = kernels::axis_view(src.shape, 1, order_of(src.shape));
  return Kernel{"octet:prelu",
                [=, from = element_of(src), to = element_of(b.output(id)), slopes = std::move(slopes)](
                    auto in, void* out, void*) { kernels::prelu(view, slopes.data(), in[0], from, out, to); }};
}

Result<Kernel> binary_kernel(const StepBuilder& b, NodeId id, const BinaryOp& op) {
  const Shape &left = b.input(id, 0).shape, &right = b.input(id, 1).shape;
  const kernels::BroadcastView view = kernels::broadcast_view(left, right, order_of(left));
  return on_floats("octet:binary", b, id, [=, kind = op.kind](const auto& src, float* dst, void*) {
    kernels::binary(kind, view, src[0], src[1], dst);
  });
}

Result<Kernel> where_kernel(const StepBuilder& b, NodeId id) {
  return on_floats("octet:where", b, id, [count = count_of(b.output(id))](const auto& src, float* dst, void*) {
    kernels::where(count, src[0], src[1], src[2], dst);
  });
}

Result<Kernel> reduce_kernel(const StepBuilder& b, NodeId id, const ReduceOp& op) {
  const Shape shape = b.input(id, 0).shape;
  OCTET_TRY(const auto reduced, reduced_axes(op, shape.size()));
  const auto kind = op.kind;
  // Without its channels an image's axes lie in the result's order; else they are brought there first.
  const bool in_order = shape.size() != 4 || op.keep_dims || reduced[1] != 0 || (reduced[2] != 0 && reduced[3] != 0);
  const auto view = kernels::reduce_view(shape, reduced, in_order ? order_of(shape) : Order::row_major);
  if (in_order) {
    return on_floats("octet:reduce", b, id,
                     [=](const auto& src, float* dst, void*) { kernels::reduce(kind, view, src[0], dst); });
  }
  return on_floats(
      "octet:reduce", b, id,
      [=](const auto& src, float* dst, void* scratch) {
        static constexpr std::array<std::int64_t, 4> kSame{0, 1, 2, 3};
        kernels::transpose(shape, kSame, sizeof(float), src[0], Order::nhwc, scratch, Order::row_major);
        kernels::reduce(kind, view, static_cast<const float*>(scratch), dst);
      },
      count_of(b.input(id, 0)) * sizeof(float));
}

Result<Kernel> lrn_kernel(const StepBuilder& b, NodeId id, const LrnOp& op) {
  OCTET_TRY(const auto shape, spatial_shape(b, id));
  const auto channels = static_cast<std::size_t>(shape.channels);
  const std::size_t pixels = count_of(b.input(id, 0)) / channels;
  return on_floats(
      "octet:lrn", b, id,
      [=](const auto& src, float* dst, void* scratch) {
        kernels::lrn(op, pixels, channels, src[0], dst, static_cast<float*>(scratch));
      },
      kernels::lrn_scratch(op, channels) * sizeof(float));
}

Result<Kernel> instance_norm_kernel(const StepBuilder& b, NodeId id, const InstanceNormOp& op) {
  OCTET_TRY(const auto shape, spatial_shape(b, id));
  const auto channels = static_cast<std::size_t>(shape.channels), images = static_cast<std::size_t>(shape.images);
  const auto pixels = static_cast<std::size_t>(shape.height * shape.width);
  OCTET_TRY(const auto gamma, floats_of(b.node(id), 0, channels));
  OCTET_TRY(const auto beta, floats_of(b.node(id), 1, channels));
  return on_floats(
      "octet:instance_norm", b, id,
      [=, scale = std::vector<float>(gamma.begin(), gamma.end()), shift = std::vector<float>(beta.begin(), beta.end())](
          const auto& src, float* dst, void* scratch) {
        kernels::instance_norm(op, images, pixels, channels, scale.data(), shift.data(), src[0], dst,
                               static_cast<double*>(scratch));
      },
      2 * channels * sizeof(double));
}

Result<Kernel> up_sampling_kernel(const StepBuilder& b, NodeId id, const UpSamplingOp& op) {
  OCTET_TRY(const auto shape, spatial_shape(b, id));
  const Value& src = b.input(id, 0);
  if (!element_of(src).same_as(element_of(b.output(id)))) {
    return unsupported(b.node(id), "cannot change how values are stored");
  }
  const std::size_t pixel_bytes = static_cast<std::size_t>(shape.channels) * size_of(src.dtype);
  return Kernel{"octet:up_sampling", [=, scale = op.scale](auto in, void* out, void*) {
                  kernels::up_sample(scale, shape, pixel_bytes, in[0], out);
                }};
}

Result<Kernel> adaptive_pooling_kernel(const StepBuilder& b, NodeId id) {
  OCTET_TRY(const auto shape, spatial_shape(b, id));
  return on_floats("octet:adaptive_pooling", b, id,
                   [=](const auto& src, float* dst, void*) { kernels::adaptive_pooling(shape, src[0], dst); });
}

Result<Kernel> deconvolution_kernel(const StepBuilder& b, NodeId id, const DeconvolutionOp& op) {
  OCTET_TRY(const auto shape, spatial_shape(b, id));
  const Node& node = b.node(id);
  const auto filters = static_cast<std::size_t>(op.num_filter);
  const std::size_t weights = static_cast<std::size_t>(shape.channels) *
                              (filters / static_cast<std::size_t>(op.groups)) *
                              static_cast<std::size_t>(op.kernel[0] * op.kernel[1]);
  OCTET_TRY(const auto weight, floats_of(node, 0, weights));
  // Shared by the contexts, which copy the function.
  const auto packed =
      std::make_shared<const std::vector<float>>(kernels::pack_deconvolution(op, shape.channels, weight.data()));
  std::vector<float> bias;
  if (node.params.size() > 1) {
    OCTET_TRY(const auto stored, floats_of(node, 1, filters));
    bias.assign(stored.begin(), stored.end());
  }
  return on_floats("octet:deconvolution", b, id, [=](const auto& src, float* dst, void*) {
    kernels::deconvolution(op, shape, src[0], packed->data(), bias.empty() ? nullptr : bias.data(), dst);
  });
}

}  // namespace octet
