// Which nodes of a float graph compute in INT8 and which values share a scale. Structure only: no
// statistics are needed.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Per node of an optimised FP32 graph (every operator has one output, so a node stands for its value).
struct Regions {
  /// Computes in INT8. Convolution and FullyConnected always do, unless excluded. Pooling, Concat,
  /// Flatten, eltwise functions, PReLU, UpSampling, Add, L2Normalization, BatchNorm over channels and zero Pad do where
  /// they join two such nodes: one reaches them going forward and one going backward through nodes of these kinds
  /// (MXNet's "smart" mode).
  std::vector<char> int8;
  /// Some INT8 node reads the value in quantised form.
  std::vector<char> read_quantized;
  /// Values with the same group share dtype and scale: what max pooling, Concat, Flatten and Pad read
  /// and yield, so that none of them ever rescales. -1 for values that nobody reads quantised.
  std::vector<int> group;
  /// Groups -> nodes whose own arithmetic yields a value of the group; their ranges decide the scale.
  std::vector<std::vector<NodeId>> sources;
  /// The value cannot be negative, whatever the pixels.
  std::vector<char> non_negative;
  /// The Normalize node that disappears into the convolution `first`; both -1 when there is none.
  NodeId normalize = -1, first = -1;
};

/// Analyses a valid, shaped graph. Nodes that answer to a name in `exclude` stay FP32.
Regions find_regions(const Graph& graph, const std::vector<std::string>& exclude);

/// BatchNorm over the channels of an image: one factor and one offset per channel.
bool is_channel_norm(const Graph& graph, const Node& node);

/// True when input `k` of the INT8 node `id` is read in quantised form: all inputs are, except the
/// operand of a fused sum of a node that yields f32.
bool reads_quantized(const Graph& graph, const Regions& regions, NodeId id, std::size_t k);

}  // namespace octet
