// The step of a Convolution or FullyConnected: a oneDNN primitive, run once per mini-batch or once
// per image, with a copy of a sum's operand before it and kernels behind it where needed.
#pragma once

#include <cstdint>     // std::int64_t
#include <functional>  // std::function
#include <memory>      // std::unique_ptr

#include "octet/executor/dnnl_compat.h"
#include "octet/executor/int8_weights.h"
#include "octet/executor/post_ops.h"
#include "octet/executor/step_builder.h"

namespace octet {

struct LayerPlan {
  onednn::Primitive primitive;
  const std::byte* weight = nullptr;  ///< packed; the plan owns it
  const std::byte* bias = nullptr;    ///< null: none
  std::int64_t repeats = 1;           ///< runs per mini-batch, one image each when more than 1
  Location src;
  BufferId copy = -1;  ///< the primitive reads this, made from `src` by copy_source
  std::function<void(const std::byte* src, std::byte* dst)> copy_source;
  BufferId sums = -1;  ///< the primitive writes s32 sums here; after each run requantize makes the result of them
  std::function<void(const std::int32_t* sums, const void* operand, void* dst)> requantize;
  std::size_t result_bytes = 0;     ///< of one run, with `sums`
  bool requantize_operand = false;  ///< requantize adds the sum's operand
  BufferId dst = -1;
  BufferId work = -1;             ///< f32 result of the primitive when that is not `dst`
  Location operand;               ///< of a fused sum
  std::size_t operand_bytes = 0;  ///< 0: no sum
  bool copy_operand = false;      ///< into the primitive's destination first, which is not the operand's buffer
  TailFunction tail;              ///< empty: nothing to do behind the primitive
};

std::unique_ptr<Step> layer_step(LayerPlan plan, StepInfo info);

/// A quantised depthwise Convolution in octet's own kernel (kernels/depthwise.h). Null where oneDNN has
/// to do it: fewer than 16 channels, a fused sum or leaky_relu, something left to kernels behind it, many
/// idle lanes at stride 2, or neither AVX-512 VNNI nor AVX2.
Result<std::unique_ptr<Step>> depthwise_step(StepBuilder& builder, NodeId id, const ConvolutionOp& op,
                                             const Int8Layer& numbers, const PostOpSplit& split);

}  // namespace octet
