// Rewrites of a float graph before it is compiled or quantised. All of them keep the function that
// the graph computes (to float rounding), keep names, and leave the graph valid and shaped.
#pragma once

#include <functional>  // std::function
#include <span>        // std::span
#include <string>      // std::string

#include "octet/graph/graph.h"

namespace octet {

/// Drops Dropout / identity nodes (their producer then answers to their names as well) and nodes
/// that no output needs. The input stays.
Result<void> remove_dead_nodes(Graph& graph);

/// Folds BatchNorm into the Convolution or FullyConnected before it, or into Normalize when it
/// directly follows the input's normalisation (whose mean and std then differ from those of
/// Preprocess: the graph's count). Weights: w * gamma / sqrt(var + eps), in double. One that cannot
/// go there, behind a value with other readers, a sum or a pooling, goes into the Convolution or
/// FullyConnected behind it when that is its only reader and reads no zero padding, which a shift
/// would have to reach. Any other BatchNorm stays.
/// Scalar operators (_mul_scalar, ...) are folded into what is before them likewise.
Result<void> fold_batch_norm(Graph& graph);

/// Merges a constant zero Pad over H and W into the following Convolution's padding.
Result<void> fold_padding(Graph& graph);

/// Fuses eltwise functions and residual sums into the Convolution / FullyConnected before them, as
/// [eltwise] [sum] [eltwise], and one eltwise behind a remaining Add or BatchNorm into that node. Only where the
/// value in between has one reader, which then is the fused node alone. Where both operands of a sum
/// could take it, the later one in the order does; the fused node stands where the Add stood and
/// has the other operand as its last input. Beyond what MXNet's fusion does: convolution + eltwise +
/// sum (its pattern needs the sum directly behind the convolution), any clip and every function of
/// EltwiseKind but softsign after a sum, sums into FullyConnected, and the eltwise behind an Add or
/// a BatchNorm.
Result<void> fuse_post_ops(Graph& graph);

/// Computes Concat, Reshape, Flatten, transpose and slices of constants (anchors) once: they become constants.
Result<void> fold_constants(Graph& graph);

/// Merges transpose(0, 2, 3, 1) into the Flatten behind it (the heads of SSD): values lie in NHWC order anyway.
Result<void> fuse_transposed_flatten(Graph& graph);

/// All of the above: what `score` and `calibrate` run on an FP32 model.
Result<void> optimize(Graph& graph);

/// Removes nodes marked by `dead` and renumbers; a helper for passes.
void compact(Graph& graph, std::span<const char> dead);
/// Makes every reader of `from` (nodes and graph outputs) read `to`.
void replace_uses(Graph& graph, ValueRef from, ValueRef to);

}  // namespace octet
