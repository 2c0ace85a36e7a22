// Operators that only exist while a graph is built become those that the executor has.
#pragma once

#include "octet/graph/graph.h"

namespace octet {

/// Rewrites a valid graph that is shaped for one image; shapes must be inferred again.
/// - add_n: a chain of sums; broadcast_add of equal shapes: a sum, which residual fusion knows
/// - expand_dims, squeeze: Reshape
/// - mean over height and width: global average pooling, which INT8 has, and a Flatten
/// Added nodes are named after the original, which yields the result under its own name.
void lower(Graph& graph);

}  // namespace octet
