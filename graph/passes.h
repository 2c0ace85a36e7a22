// Rewrites of a float graph before it is compiled or quantised. All of them keep the function that
// the graph computes (to float rounding), keep names, and leave the graph valid and shaped.
#pragma once

#include <functional>  // std::function
#include <span>        // std::span
#include <string>      // std::string

#include "octet/graph/graph.h"

namespace octet {

/// Drops Dropout / identity nodes and nodes that no output needs.
Result<void> remove_dead_nodes(Graph& graph);

/// Folds BatchNorm into the Convolution or FullyConnected before it, or into Normalize when it
/// directly follows the input's normalisation. Weights: w * gamma / sqrt(var + eps), in double.
Result<void> fold_batch_norm(Graph& graph);

/// Merges a constant zero Pad over H and W into the following Convolution's padding.
Result<void> fold_padding(Graph& graph);

/// Fuses eltwise functions and residual sums into the Convolution / FullyConnected before them
/// (convolution + [eltwise] + sum + [eltwise] in every order that a post-op chain can express),
/// and an eltwise behind a remaining Add into that Add.
Result<void> fuse_post_ops(Graph& graph);

/// All of the above in their order: what `score` and `calibrate` run on an FP32 model.
Result<void> optimize(Graph& graph);

/// Removes nodes marked by `dead` and renumbers; a helper for passes.
void compact(Graph& graph, std::span<const char> dead);
/// Makes every reader of `from` (nodes and graph outputs) read `to`.
void replace_uses(Graph& graph, ValueRef from, ValueRef to);

}  // namespace octet
