// The quantisation pass: FP32 graph, regions and scales -> INT8 graph.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/regions.h"

namespace octet {

/// How the values of a group are stored.
struct Storage {
  DType dtype = DType::s8;  ///< u8 or s8
  float scale = 1;          ///< > 0
};

/// 255 for u8, 127 for s8: steps from 0 to the threshold.
int levels_of(DType dtype) noexcept;

/// u8 for groups whose sources are all non-negative by construction (`automatic`), or were on the
/// sample (`u8`); never (`s8`). min[i]: the smallest value of node i on the sample.
std::vector<DType> group_dtypes(const Regions& regions, std::span<const float> min, ActivationType type);

/// Rewrites `graph`: INT8 nodes get s8 weights and read and yield quantised values of their groups'
/// storage, or f32 where only float nodes and graph outputs read them. Quantize and Dequantize nodes
/// appear only between INT8 and float nodes, one for all readers. Normalize folds into the first
/// convolution, whose padding becomes the Input node's border. The result is valid and shaped.
Result<Graph> quantize(const Graph& graph, const Regions& regions, std::span<const Storage> groups);

}  // namespace octet
