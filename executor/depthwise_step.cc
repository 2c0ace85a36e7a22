// The step of a quantised depthwise Convolution in octet's own kernel.
#include <algorithm>  // std::max
#include <cmath>      // std::isfinite
#include <limits>     // std::numeric_limits
#include <optional>   // std::optional
#include <utility>    // std::move

#include "octet/executor/kernels/depthwise.h"
#include "octet/executor/layer_step.h"

namespace octet {
namespace {

/// Interleaved rows of wider pictures and longer filters would leave the caches.
constexpr std::size_t kMaxDepthwiseScratch = std::size_t{1} << 20;

/// All post-ops as one interval; nullopt when they are something else.
std::optional<std::pair<float, float>> limits_of(const PostOpSplit& split) {
  float low = -std::numeric_limits<float>::infinity(), high = std::numeric_limits<float>::infinity();
  if (!split.rest.empty()) return std::nullopt;
  for (const onednn::FusedOp& op : split.fused) {
    if (op.sum) return std::nullopt;
    float least = 0, most = std::numeric_limits<float>::infinity();
    if (op.eltwise.kind == EltwiseKind::clip) {
      least = op.eltwise.alpha;
      most = op.eltwise.beta;
    } else if (op.eltwise.kind != EltwiseKind::relu) {
      return std::nullopt;
    }
    low = std::min(std::max(low, least), most);
    high = std::min(std::max(high, least), most);
  }
  return std::pair(low, high);
}

std::optional<kernels::DepthwiseIsa> depthwise_isa() {
  if (onednn::isa_has_avx512_vnni()) return kernels::DepthwiseIsa::avx512_vnni;
  if (onednn::isa_has_avx2()) return kernels::DepthwiseIsa::avx2;
  return std::nullopt;
}

bool fits(const ConvolutionOp& op, const Value& src, const Value& dst) {
  const std::int64_t channels = src.shape[1];
  return src.quantized() && op.groups == channels && op.num_filter == channels && dst.shape[1] == channels &&
         channels >= kernels::kMinDepthwiseChannels;
}

/// Where columns are interleaved for one result each, oneDNN wins when a quarter of the lanes is idle: 27 us
/// against 36 for 56x56x144 at stride 2, 74 against 80 for 112x112x96 (Zen 5).
bool is_wasteful(const kernels::DepthwisePlan& plan) {
  return plan.stride_x > 1 && plan.pixels * plan.shape.channels * 5 < plan.blocks * plan.vector * 4;
}

}  // namespace

Result<std::unique_ptr<Step>> depthwise_step(StepBuilder& b, NodeId id, const ConvolutionOp& op,
                                             const Int8Layer& numbers, const PostOpSplit& split) {
  const Value &src = b.input(id, 0), &dst = b.output(id);
  const auto isa = depthwise_isa();
  const auto limits = limits_of(split);
  if (!isa || !limits || !fits(op, src, dst)) return std::unique_ptr<Step>();
  for (const float scale : numbers.output_scale) {
    if (!std::isfinite(scale)) return std::unique_ptr<Step>();
  }
  const kernels::DepthwiseShape shape{src.shape[0], src.shape[2], src.shape[3], src.shape[1],
                                      dst.shape[2], dst.shape[3], src.dtype,    dst.dtype};
  const kernels::DepthwiseNumbers packing{numbers.weight.as<std::int8_t>(), numbers.bias, numbers.output_scale,
                                          limits->first, limits->second};
  kernels::DepthwisePlan plan = kernels::plan_depthwise(op, shape, packing, *isa);
  if (plan.scratch_bytes > kMaxDepthwiseScratch || is_wasteful(plan)) return std::unique_ptr<Step>();
  const std::vector<std::byte> constants = kernels::pack_depthwise(op, plan, packing);
  OCTET_TRY(const std::byte* const packed, b.weights.keep(id, "depthwise", constants.data(), constants.size()));
  StepInfo info{b.node(id).name, describe(b.node(id)),
                *isa == kernels::DepthwiseIsa::avx2 ? "octet:depthwise_avx2" : "octet:depthwise_vnni",
                2 * static_cast<double>(op.kernel[0] * op.kernel[1]) *
                    static_cast<double>(dst.shape[1] * dst.shape[2] * dst.shape[3])};
  const BufferId scratch = b.layout.add_temporary(plan.scratch_bytes, id);
  auto step = std::make_unique<KernelStep>(
      [plan = std::move(plan), packed](auto in, void* out, void* temporary) {
        kernels::depthwise(plan, packed, in[0], out, temporary);
      },
      std::vector<Location>{b.placed_input(id, 0).location}, b.layout.values[id][0].location, scratch);
  step->info = std::move(info);
  return std::unique_ptr<Step>(std::move(step));
}

}  // namespace octet
