// Concatenation without copies: values that are computed straight into their place in the result.
#pragma once

#include <cstdint>  // std::int64_t
#include <vector>   // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Where a node's value lies inside the result of a Concat over channels.
struct Slice {
  NodeId root = -1;           ///< the outermost Concat; -1: the value has memory of its own
  std::int64_t channel = 0;   ///< where it begins in a pixel of the root
  std::int64_t channels = 0;  ///< of a pixel of the root
};

/// True for an image's BatchNorm over channels with nothing or relu behind it: one pass of
/// kernels/affine.h, from any storage to any other.
bool is_channel_affine(const Graph& graph, const Node& node);

/// Per node of a shaped graph. A value becomes a slice when it is stored as the Concat's result is,
/// octet's own kernels compute it, and octet's own kernels alone read it: Concat, BatchNorm and
/// Pooling. Nested Concats share the memory of the outermost one, so that a dense block is one
/// buffer whose growing prefix the block's layers read. What oneDNN computes is copied by the
/// Concat: version 2.6 falls back to its reference implementation for images with gaps.
std::vector<Slice> find_slices(const Graph& graph);

}  // namespace octet
