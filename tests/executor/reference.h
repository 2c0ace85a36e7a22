// A slow interpreter of graphs that is simple enough to be obviously right. Tests compare the
// executor with it: INT8 exactly, FP32 within rounding.
//
// Values are Tensors (f32, u8 or s8) in the graph's row-major (NCHW) order, whatever the executor's
// order in memory. FP32 nodes accumulate in double and round once to float.
#pragma once

#include <span>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

/// Computes the output of `node` of a shaped graph from its input values (data inputs in order, the
/// operand of a fused sum last). The tensors' first axis may differ from the graph's batch size where
/// the operator allows it. Convolution and FullyConnected with s8 weights: see reference.cc for the
/// float epilogue and how it follows oneDNN.
Result<Tensor> reference(const Graph& graph, NodeId node, std::span<const Tensor> inputs);

/// Runs the whole graph on `pixels` (u8, (N, C, H, W) of the Input node's shape) and returns the
/// output of every node by its id.
Result<std::vector<Tensor>> run_reference(const Graph& graph, const Tensor& pixels);

}  // namespace octet::test
