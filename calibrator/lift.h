// Values that are mostly positive, stored unsigned: a constant is added to them and taken out again by their readers.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/calibrator/quantize.h"
#include "octet/calibrator/regions.h"

namespace octet {

/// A group of values that became y + lift.
struct Lift {
  double lift = 0;
  std::vector<NodeId> sources;  ///< layers: their functions end with linear(1, lift) and relu
  std::vector<NodeId> pads;     ///< nodes in place of the padding of readers: `lift` around the image
  std::vector<NodeId> readers;  ///< layers whose bias has lost lift * (sum of the filter's weights)
};

/// By group, whether lift_values may lift it: s8 values that come from leaky ReLU alone and that only layers read
/// (through max pooling, Concat, Flatten, UpSampling).
std::vector<char> liftable_groups(const Regions& regions, std::span<const DType> dtypes, const Graph& graph);

/// Lifts liftable groups that reach below zero by less than half of what they reach above: by -min, so that u8 holds
/// them with nearly twice the resolution. The graph computes what it did, but for values below the smallest
/// of the sample. `min` and `max` by node, known for sources of groups; `moved[i]` receives the new number of node i.
std::vector<Lift> lift_values(const Regions& regions, std::span<const DType> dtypes, std::span<const float> min,
                              std::span<const float> max, Graph& graph, std::vector<NodeId>& moved);

/// Makes every lift a whole number of steps of its group's scale, so that it is stored exactly.
void round_lifts(const Regions& regions, std::span<const Storage> groups, std::vector<Lift>& lifts, Graph& graph);

/// What is added to each node's value: its own lift, or its input's where it only moves or selects numbers.
std::vector<double> lifts_of(const Graph& graph);

}  // namespace octet
