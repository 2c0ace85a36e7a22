// How the post-ops of a Convolution or FullyConnected are shared out: to oneDNN's primitive as far
// as it can do them, to octet's own kernels from the first one that it cannot.
#pragma once

#include <functional>  // std::function
#include <vector>      // std::vector

#include "octet/executor/dnnl_compat.h"
#include "octet/graph/graph.h"

namespace octet {

struct PostOpSplit {
  std::vector<onednn::FusedOp> fused;  ///< for the primitive
  std::vector<PostOp> rest;            ///< for kernels, on the primitive's f32 result
  Value primitive_dst;                 ///< what the primitive stores: the node's value, or f32 when `rest` must run
  bool sum_in_primitive = false;
};

/// `integer`: the layer has s8 weights. `operand` is the fused sum's, null without one. A quantised
/// result is only stored by the primitive itself when all post-ops have the same arithmetic in
/// 8-bit steps as in real units (see int8_weights.h) and the sum's operand is quantised as well.
/// `own`: not oneDNN but kernels::requantize does what `fused` says.
PostOpSplit split_post_ops(const Node& node, bool integer, const Value* operand, bool own);

/// Runs `rest`: `work` holds the primitive's f32 result and may be changed; `operand` is the sum's
/// (null without one). `out` may equal `work`, or `operand` when that is not `work`.
using TailFunction = std::function<void(float* work, const void* operand, void* out)>;

/// The function for a split that leaves something to kernels; it also quantises to `dst`.
TailFunction make_tail(const PostOpSplit& split, const Value& dst, const Value* operand);

}  // namespace octet
