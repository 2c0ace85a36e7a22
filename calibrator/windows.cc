#include "octet/calibrator/windows.h"

#include <algorithm>  // std::min
#include <optional>   // std::optional

#include "octet/calibrator/sample.h"

namespace octet {
namespace {

const Value& source_of(const Graph& graph, NodeId node) {
  return graph.value(graph.nodes[static_cast<std::size_t>(node)].inputs[0]);
}

/// One window: an image in NHWC order, or row-major (C, H, W) otherwise.
template <class From, class To>
void copy_window(const ConvolutionOp& op, const Shape& src, bool nhwc, const From* data, std::int64_t y, std::int64_t x,
                 To* to) {
  const std::int64_t channels = src[1], height = src[2], width = src[3];
  const std::int64_t step = nhwc ? channels : 1, plane = nhwc ? 1 : height * width;
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t ky = 0; ky < op.kernel[0]; ++ky) {
      const std::int64_t iy = y * op.stride[0] - op.pad.top + ky * op.dilate[0];
      for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
        const std::int64_t ix = x * op.stride[1] - op.pad.left + kx * op.dilate[1];
        const bool inside = iy >= 0 && ix >= 0 && iy < height && ix < width;
        *to++ = inside ? static_cast<To>(data[c * plane + (iy * width + ix) * step]) : To{0};
      }
    }
  }
}

template <class From, class To>
void copy_all(const Node& node, const WindowShape& shape, const Observation& seen,
              std::span<const std::uint64_t> positions, To* to) {
  const auto* data = static_cast<const From*>(seen.data);
  const Shape& src = seen.shape;
  if (const auto* op = node.as<ConvolutionOp>()) {
    const auto width = static_cast<std::uint64_t>(node.outputs[0].shape[3]);
    for (const std::uint64_t p : positions) {
      copy_window(*op, src, seen.nhwc, data, static_cast<std::int64_t>(p / width), static_cast<std::int64_t>(p % width),
                  to);
      to += shape.row();
    }
  } else if (src.size() == 4) {  // a FullyConnected that flattens an image
    ConvolutionOp whole;
    whole.kernel = {src[2], src[3]};
    copy_window(whole, src, seen.nhwc, data, 0, 0, to);
  } else {
    for (std::size_t i = 0; i < shape.row(); ++i) to[i] = static_cast<To>(data[i]);
  }
}

template <class To>
void copy(const Graph& graph, NodeId id, const Observation& seen, std::span<const std::uint64_t> positions,
          std::span<To> windows) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  const std::optional<WindowShape> shape = window_shape(graph, id);
  if (!shape || windows.size() < positions.size() * shape->row()) return;
  switch (seen.dtype) {
    case DType::u8: return copy_all<std::uint8_t>(node, *shape, seen, positions, windows.data());
    case DType::s8: return copy_all<std::int8_t>(node, *shape, seen, positions, windows.data());
    default: return copy_all<float>(node, *shape, seen, positions, windows.data());
  }
}

}  // namespace

std::optional<WindowShape> window_shape(const Graph& graph, NodeId id) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  if (node.inputs.empty() || node.params.empty() || node.outputs.empty()) return std::nullopt;
  const Shape& weight = node.params[0].value.shape();
  const Shape& src = source_of(graph, id).shape;
  if (weight.empty() || weight[0] <= 0) return std::nullopt;
  WindowShape shape;
  shape.filters = static_cast<std::size_t>(weight[0]);
  shape.inputs = node.params[0].value.elements() / shape.filters;
  if (const auto* op = node.as<ConvolutionOp>()) {
    if (src.size() != 4 || weight.size() != 4) return std::nullopt;
    shape.groups = static_cast<std::size_t>(op->groups);
    shape.positions = static_cast<std::size_t>(node.outputs[0].shape[2] * node.outputs[0].shape[3]);
    return shape;
  }
  const auto* op = node.as<FullyConnectedOp>();
  if (op == nullptr || (!op->flatten && src.size() != 2)) return std::nullopt;
  shape.positions = 1;
  return shape;
}

std::vector<std::uint64_t> window_positions(const WindowShape& shape, std::size_t count, std::uint64_t picture) {
  return sample_indices(shape.positions, count, picture);
}

void copy_windows(const Graph& graph, NodeId node, const Observation& seen, std::span<const std::uint64_t> positions,
                  std::span<float> windows) {
  copy(graph, node, seen, positions, windows);
}

void copy_windows(const Graph& graph, NodeId node, const Observation& seen, std::span<const std::uint64_t> positions,
                  std::span<std::int16_t> windows) {
  copy(graph, node, seen, positions, windows);
}

}  // namespace octet
