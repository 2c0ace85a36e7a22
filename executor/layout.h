// Where each value of a graph lies and how: buffers, shared buffers, orders in memory, lifetimes.
#pragma once

#include <cstdint>  // std::int32_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/executor/arena.h"
#include "octet/executor/kernels/types.h"
#include "octet/graph/graph.h"

namespace octet {

using BufferId = std::int32_t;  ///< index into Layout::buffers

/// The memory behind a value.
struct Location {
  enum class Kind : std::uint8_t {
    arena,     ///< `index` is a BufferId
    pixels,    ///< the caller's images
    constant,  ///< `index` is the ConstantOp's node
  };
  Kind kind = Kind::arena;
  std::int32_t index = -1;
  std::size_t offset = 0;  ///< bytes from the start of that memory
  bool operator==(const Location&) const = default;
};

struct PlacedValue {
  Location location;
  kernels::Order order = kernels::Order::row_major;
  /// Not empty: a 2-D value that is a flattened image whose elements still lie in NHWC order; the
  /// image's (N, C, H, W). Only FullyConnected nodes read it.
  Shape flattened;
  /// Not 0: the value lies inside the result of a Concat over channels (see slices.h); elements from
  /// one of its pixels to the next. Only octet's own kernels see such values.
  std::int64_t step = 0;
};

/// How one node gets its result.
struct PlacedNode {
  bool moves_nothing = false;       ///< the output is the input's memory: no step
  std::int32_t overwritten = -1;    ///< index of the input whose buffer the output takes over
  std::vector<BufferId> temporary;  ///< scratch buffers that live during this node alone
};

/// Memory plan of a graph shaped for one mini-batch. Times are node indices; graph outputs are
/// converted at times nodes.size() + k.
struct Layout {
  std::vector<std::vector<PlacedValue>> values;  ///< [node][output]
  std::vector<PlacedNode> nodes;
  std::vector<Lifetime> buffers;

  [[nodiscard]] const PlacedValue& operator[](ValueRef ref) const { return values[ref.node][ref.output]; }
  /// True when input `k` of the Concat `id` is where the result wants it already.
  [[nodiscard]] bool in_place(const Graph& graph, NodeId id, std::size_t k) const;
  BufferId add_temporary(std::size_t bytes, std::int32_t time);
};

/// Order of a value of this rank: four axes are NHWC.
inline kernels::Order order_of(const Shape& shape) noexcept {
  return shape.size() == 4 ? kernels::Order::nhwc : kernels::Order::row_major;
}

inline kernels::Element element_of(const Value& value) noexcept { return {value.dtype, value.scale}; }

/// Bytes of a value; shapes are known to be sane after check_values.
std::size_t bytes_of(const Value& value) noexcept;

/// Error(limit or unsupported), naming the node, for values that are empty, larger than 2 GiB, of
/// more axes than kernels take, of another type than f32, u8 and s8, or without a scale.
Result<void> check_values(const Graph& graph);

/// Plans the memory of a checked graph. `observable`: only fused sums share memory.
Layout make_layout(const Graph& graph, bool observable);

}  // namespace octet
