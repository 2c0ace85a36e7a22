#include "octet/executor/layout.h"

#include <algorithm>  // std::max
#include <array>      // std::array
#include <cmath>      // std::isfinite
#include <map>        // std::map
#include <string>     // std::to_string

#include "octet/executor/kernels/transpose.h"
#include "octet/executor/slices.h"

namespace octet {
namespace {

using kernels::Order;

constexpr std::size_t kMaxValueBytes = std::size_t{1} << 31;
constexpr std::array<std::int64_t, 4> kSameAxes{0, 1, 2, 3};

/// True when a 4-D value's NHWC and NCHW orders are the same bytes.
bool order_is_free(const Shape& shape) {
  return shape.size() != 4 || kernels::transpose_is_copy(shape, kSameAxes, Order::nhwc, Order::row_major);
}

std::vector<std::int64_t> axes_of(const TransposeOp& op, std::size_t rank) {
  if (!op.axes.empty()) return op.axes;
  std::vector<std::int64_t> axes(rank);
  for (std::size_t k = 0; k < rank; ++k) axes[k] = static_cast<std::int64_t>(rank - 1 - k);
  return axes;
}

class Builder {
 public:
  Builder(const Graph& graph, bool observable) : graph_(graph), observable_(observable) {
    layout_.values.resize(graph.nodes.size());
    layout_.nodes.resize(graph.nodes.size());
    find_last_reads();
    slices_.resize(graph.nodes.size());
    if (!observable) slices_ = find_slices(graph);
    for (std::size_t i = 0; i < slices_.size(); ++i) {
      if (slices_[i].root < 0) continue;
      const auto id = static_cast<NodeId>(i);
      SharedBuffer& shared = shared_[slices_[i].root];
      shared.last = std::max({shared.last, id, last_read_[{id, 0}]});
    }
  }

  Layout build() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) place_node(static_cast<NodeId>(i));
    return std::move(layout_);
  }

 private:
  /// Last time at which each value is read, through whatever shares its memory.
  void find_last_reads() {
    const auto end = static_cast<std::int32_t>(graph_.nodes.size());
    for (std::size_t k = 0; k < graph_.outputs.size(); ++k) {
      last_read_[graph_.outputs[k]] = end + static_cast<std::int32_t>(k);
    }
    for (NodeId i = end - 1; i >= 0; --i) {
      const Node& node = graph_.nodes[i];
      const bool shared = shares_input(i);
      for (const ValueRef input : node.inputs) {
        std::int32_t& last = last_read_[input];
        last = std::max(last, i);
        if (shared) last = std::max(last, last_read_[{i, 0}]);
      }
    }
  }

  /// Flatten and the like whose result is the input's bytes.
  bool shares_input(NodeId i) const {
    const Node& node = graph_.nodes[i];
    if (node.inputs.empty() || node.outputs.size() != 1) return false;
    const Value& src = graph_.value(node.inputs[0]);
    const Value& dst = node.outputs[0];
    if (!element_of(src).same_as(element_of(dst))) return false;
    if (node.as<IdentityOp>() != nullptr) return true;
    if (const auto* op = node.as<TransposeOp>()) {
      return kernels::transpose_is_copy(src.shape, axes_of(*op, src.shape.size()), order_of(src.shape),
                                        order_of(dst.shape));
    }
    const auto* flatten = node.as<FlattenOp>();
    if (flatten == nullptr && node.as<ReshapeOp>() == nullptr) return false;
    if (flatten != nullptr && flatten->channels_last) return true;
    if (src.shape == dst.shape) return true;
    return (order_is_free(src.shape) && order_is_free(dst.shape)) || stays_nhwc(i);
  }

  /// A flattened image that only FullyConnected nodes read: they reorder their weights instead.
  bool stays_nhwc(NodeId i) const {
    const Node& node = graph_.nodes[i];
    const auto* flatten = node.as<FlattenOp>();
    if (observable_ || flatten == nullptr || flatten->channels_last) return false;
    const Value& src = graph_.value(node.inputs[0]);
    if (src.shape.size() != 4 || order_is_free(src.shape)) return false;
    for (const ValueRef output : graph_.outputs) {
      if (output.node == i) return false;
    }
    for (const Node& reader : graph_.nodes) {
      for (std::size_t k = 0; k < reader.inputs.size(); ++k) {
        if (reader.inputs[k].node != i) continue;
        if (reader.as<FullyConnectedOp>() == nullptr || k != 0) return false;
      }
    }
    return true;
  }

  void place_node(NodeId i) {
    const Node& node = graph_.nodes[i];
    auto& placed = layout_.values[i];
    placed.resize(node.outputs.size());
    for (std::size_t k = 0; k < placed.size(); ++k) placed[k].order = order_of(node.outputs[k].shape);
    if (node.as<InputOp>() != nullptr) {
      placed[0].location = {Location::Kind::pixels, 0};
    } else if (node.as<ConstantOp>() != nullptr) {
      placed[0].location = {Location::Kind::constant, i};
    } else if (shares_input(i)) {
      layout_.nodes[i].moves_nothing = true;
      placed[0].location = layout_[node.inputs[0]].location;
      if (stays_nhwc(i)) placed[0].flattened = graph_.value(node.inputs[0]).shape;
    } else {
      for (std::size_t k = 0; k < placed.size(); ++k) place_output(i, static_cast<std::int32_t>(k));
    }
  }

  /// In the buffer of the outermost Concat, which begins to live with the first of its parts.
  void place_slice(NodeId i) {
    const Slice& slice = slices_[i];
    SharedBuffer& shared = shared_[slice.root];
    if (shared.buffer < 0) {
      shared.buffer = static_cast<BufferId>(layout_.buffers.size());
      layout_.buffers.push_back({bytes_of(graph_.nodes[slice.root].outputs[0]), i, shared.last});
    }
    const Node& node = graph_.nodes[i];
    PlacedValue& placed = layout_.values[i][0];
    const std::size_t offset = static_cast<std::size_t>(slice.channel) * size_of(node.outputs[0].dtype);
    placed.location = {Location::Kind::arena, shared.buffer, offset};
    placed.step = i == slice.root ? 0 : slice.channels;
    if (node.as<ConcatOp>() == nullptr) return;
    layout_.nodes[i].moves_nothing = true;
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      if (!layout_.in_place(graph_, i, k)) layout_.nodes[i].moves_nothing = false;
    }
  }

  void place_output(NodeId i, std::int32_t k) {
    if (k == 0 && slices_[i].root >= 0) return place_slice(i);
    const auto last = std::max(i, last_read_[{i, k}]);
    Location& location = layout_.values[i][k].location;
    const std::int32_t overwritten = k == 0 ? find_overwritten(i) : -1;
    if (overwritten >= 0) {
      layout_.nodes[i].overwritten = overwritten;
      location = layout_[graph_.nodes[i].inputs[overwritten]].location;
      layout_.buffers[location.index].last = last;
      return;
    }
    location = {Location::Kind::arena, static_cast<BufferId>(layout_.buffers.size())};
    layout_.buffers.push_back({bytes_of(graph_.nodes[i].outputs[k]), i, last});
  }

  /// Input whose memory may become the output's: same size, read by nobody else from here on.
  std::int32_t find_overwritten(NodeId i) const {
    const Node& node = graph_.nodes[i];
    std::int32_t first = 0;
    auto end = static_cast<std::int32_t>(node.inputs.size());
    if (node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr) {
      if (!node.has_sum()) return -1;
      first = end - 1;  // the operand alone; the source must stay whole
    } else if (observable_) {
      return -1;
    } else if (node.as<EltwiseOp>() != nullptr || node.as<BatchNormOp>() != nullptr ||
               node.as<SoftmaxOp>() != nullptr || node.as<PReluOp>() != nullptr ||
               node.as<L2NormalizationOp>() != nullptr) {
      end = std::min(end, 1);
    } else if (node.as<AddOp>() == nullptr) {
      return -1;
    }
    for (std::int32_t k = first; k < end; ++k) {
      if (can_overwrite(i, k)) return k;
    }
    return -1;
  }

  bool can_overwrite(NodeId i, std::int32_t k) const {
    const Node& node = graph_.nodes[i];
    const Location& location = layout_[node.inputs[k]].location;
    if (location.kind != Location::Kind::arena || layout_[node.inputs[k]].step != 0 ||
        layout_.buffers[location.index].last > i)
      return false;
    const Value& operand = graph_.value(node.inputs[k]);
    if (operand.shape != node.outputs[0].shape || size_of(operand.dtype) != size_of(node.outputs[0].dtype))
      return false;
    for (std::size_t other = 0; other < node.inputs.size(); ++other) {
      const Location& read = layout_[node.inputs[other]].location;
      if (static_cast<std::int32_t>(other) != k && read.kind == location.kind && read.index == location.index) {
        return false;
      }
    }
    return true;
  }

  /// Memory of a Concat that some of its inputs are computed into.
  struct SharedBuffer {
    BufferId buffer = -1;
    std::int32_t last = 0;
  };

  const Graph& graph_;
  bool observable_;
  Layout layout_;
  std::vector<Slice> slices_;
  std::map<NodeId, SharedBuffer> shared_;
  std::map<ValueRef, std::int32_t> last_read_;
};

}  // namespace

bool Layout::in_place(const Graph& graph, NodeId id, std::size_t k) const {
  const Node& node = graph.nodes[id];
  const PlacedValue &result = values[id][0], &input = (*this)[node.inputs[k]];
  if (input.step == 0 || result.location.kind != Location::Kind::arena) return false;
  std::int64_t channel = 0;
  for (std::size_t before = 0; before < k; ++before) channel += graph.value(node.inputs[before]).shape[1];
  Location wanted = result.location;
  wanted.offset += static_cast<std::size_t>(channel) * size_of(node.outputs[0].dtype);
  return input.location == wanted && input.step == (result.step != 0 ? result.step : node.outputs[0].shape[1]);
}

BufferId Layout::add_temporary(std::size_t bytes, std::int32_t time) {
  buffers.push_back({bytes, time, time});
  return static_cast<BufferId>(buffers.size() - 1);
}

std::size_t bytes_of(const Value& value) noexcept {
  std::size_t bytes = size_of(value.dtype);
  for (const std::int64_t size : value.shape) bytes *= static_cast<std::size_t>(size);
  return bytes;
}

Result<void> check_values(const Graph& graph) {
  for (const Node& node : graph.nodes) {
    for (const Value& value : node.outputs) {
      const auto fault = [&](ErrorCode code, const std::string& what) {
        return Error{code, node.name, "a value of shape " + to_string(value.shape) + " " + what};
      };
      OCTET_TRY(const std::size_t elements, element_count(value.shape));
      if (elements == 0) return fault(ErrorCode::invalid_model, "has no elements");
      if (elements * 4 > kMaxValueBytes) return fault(ErrorCode::limit, "takes more than 2 GiB");
      if (value.shape.size() > kernels::max_rank) return fault(ErrorCode::unsupported, "has too many axes");
      if (value.dtype != DType::f32 && !value.quantized()) {
        return fault(ErrorCode::unsupported, "has the type " + std::string(to_string(value.dtype)));
      }
      if (value.quantized() && !(value.scale > 0 && std::isfinite(value.scale))) {
        return fault(ErrorCode::invalid_model, "has no positive scale");
      }
    }
  }
  return {};
}

Layout make_layout(const Graph& graph, bool observable) { return Builder(graph, observable).build(); }

}  // namespace octet
