// What the filters of a layer see: windows of its input at sampled positions.
#pragma once

#include <cstdint>   // std::int16_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <vector>    // std::vector

#include "octet/executor/context.h"

namespace octet {

/// Geometry of a Convolution or FullyConnected as a product of windows with filters.
struct WindowShape {
  std::size_t groups = 1;     ///< of a convolution; each filter sees the inputs of one group
  std::size_t inputs = 0;     ///< weights of a filter: what one group's window holds
  std::size_t filters = 0;    ///< output channels, all groups together
  std::size_t positions = 0;  ///< windows of one picture
  [[nodiscard]] std::size_t row() const noexcept { return groups * inputs; }  ///< one position, all groups
};

/// The geometry of `node` of a shaped graph; nothing for other nodes and for forms without windows (a
/// FullyConnected over all axes but the last of more than two).
std::optional<WindowShape> window_shape(const Graph& graph, NodeId node);

/// Up to `count` positions of picture `picture`, ascending and spread: a function of the arguments.
std::vector<std::uint64_t> window_positions(const WindowShape& shape, std::size_t count, std::uint64_t picture);

/// Copies the windows at `positions` of the value `seen` (one image, read by `node` as its first
/// input) into `windows`, positions.size() rows of shape.row() numbers in the order of the weights:
/// input channel, then window row, then column. Padding is 0. Stored integers for quantised values.
void copy_windows(const Graph& graph, NodeId node, const Observation& seen, std::span<const std::uint64_t> positions,
                  std::span<float> windows);
void copy_windows(const Graph& graph, NodeId node, const Observation& seen, std::span<const std::uint64_t> positions,
                  std::span<std::int16_t> windows);

}  // namespace octet
