// What follows from shapes alone is decided when a graph is built.
#pragma once

#include "octet/graph/graph.h"

namespace octet {

/// Replaces slice_like and SliceChannel's parts by slices, and MultiBoxPrior by its anchors. These nodes then
/// no longer read what gave them a size. Precondition: all nodes are shaped for one image.
Result<void> resolve_shapes(Graph& graph);

}  // namespace octet
