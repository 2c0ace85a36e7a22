#include <algorithm>
#include <optional>
#include <utility>

#include "octet/graph/ops.h"
#include "octet/graph/passes.h"
#include "octet/graph/passes/rewriter.h"

namespace octet {
namespace {

/// Elements between neighbours along each axis of a row-major value.
std::vector<std::int64_t> strides_of(const Shape& shape) {
  std::vector<std::int64_t> strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i-- > 1;) strides[i - 1] = strides[i] * shape[i];
  return strides;
}

/// Element (i, j, ...) of a new tensor of `shape` is element offset + i * strides[0] + j * strides[1] + ... of `src`.
Result<Tensor> gather(const Tensor& src, const Shape& shape, std::int64_t offset,
                      const std::vector<std::int64_t>& strides) {
  OCTET_TRY(Tensor dst, Tensor::create(DType::f32, shape));
  const auto from = src.as<float>();
  std::vector<std::int64_t> index(shape.size());
  for (float& value : dst.mutable_as<float>()) {
    value = from[static_cast<std::size_t>(offset)];
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      offset += strides[axis];
      if (++index[axis] < shape[axis]) break;
      offset -= strides[axis] * shape[axis];
      index[axis] = 0;
    }
  }
  return dst;
}

Result<Tensor> transpose(const TransposeOp& op, const Tensor& src) {
  const auto strides = strides_of(src.shape());
  Shape shape;
  std::vector<std::int64_t> moved;
  for (std::size_t i = 0; i < src.shape().size(); ++i) {
    const std::int64_t axis = op.axes.empty() ? static_cast<std::int64_t>(src.shape().size() - 1 - i) : op.axes[i];
    OCTET_TRY(const auto from, resolve_axis(axis, src.shape().size()));
    shape.push_back(src.shape()[static_cast<std::size_t>(from)]);
    moved.push_back(strides[static_cast<std::size_t>(from)]);
  }
  return gather(src, shape, 0, moved);
}

Result<Tensor> slice(const SliceOp& op, const Tensor& src) {
  OCTET_TRY(const auto cuts, slice_cuts(op, src.shape()));
  auto strides = strides_of(src.shape());
  Shape shape;
  std::int64_t offset = 0;
  for (std::size_t i = 0; i < cuts.size(); ++i) {
    shape.push_back(cuts[i].count);
    offset += cuts[i].begin * strides[i];
    strides[i] *= cuts[i].step;
  }
  return gather(src, shape, offset, strides);
}

Result<Tensor> concat(const ConcatOp& op, const std::vector<Tensor>& inputs, const Shape& shape) {
  OCTET_TRY(const auto axis, resolve_axis(op.axis, shape.size()));
  OCTET_TRY(Tensor dst, Tensor::create(DType::f32, shape));
  OCTET_TRY(const std::size_t rows, element_count(Shape(shape.begin(), shape.begin() + axis)));
  auto out = dst.mutable_as<float>().begin();
  for (std::size_t row = 0; row < rows; ++row) {
    for (const Tensor& input : inputs) {
      const auto values = input.as<float>();
      const std::size_t width = values.size() / rows;
      const auto part = values.subspan(row * width, width);
      out = std::copy(part.begin(), part.end(), out);
    }
  }
  return dst;
}

/// The value of a node that only moves numbers; nullopt for other operators.
Result<std::optional<Tensor>> move(const Node& node, const std::vector<Tensor>& inputs) {
  const auto some = [](Result<Tensor> tensor) -> Result<std::optional<Tensor>> {
    if (!tensor) return tensor.error();
    return std::optional(*std::move(tensor));
  };
  const Shape& shape = node.outputs[0].shape;
  if (const auto* op = node.as<ConcatOp>()) return some(concat(*op, inputs, shape));
  if (const auto* op = node.as<TransposeOp>()) return some(transpose(*op, inputs[0]));
  if (const auto* op = node.as<SliceOp>()) return some(slice(*op, inputs[0]));
  const auto* flatten = node.as<FlattenOp>();
  if (node.as<ReshapeOp>() != nullptr || node.as<IdentityOp>() != nullptr ||
      (flatten != nullptr && !flatten->channels_last)) {
    return some(inputs[0].reshaped(shape));
  }
  return std::optional<Tensor>();
}

/// The inputs' values when all are f32 constants, else none.
std::vector<Tensor> constant_inputs(const Graph& graph, const Node& node) {
  std::vector<Tensor> values;
  for (const ValueRef input : node.inputs) {
    const auto* constant = graph.nodes[static_cast<std::size_t>(input.node)].as<ConstantOp>();
    if (constant == nullptr || constant->value.dtype() != DType::f32) return {};
    values.push_back(constant->value);
  }
  return values;
}

}  // namespace

Result<void> fold_constants(Graph& graph) {
  OCTET_CHECK(validate(graph));
  bool folded = false;
  for (Node& node : graph.nodes) {
    if (!is_float(node) || node.outputs.empty()) continue;
    const std::vector<Tensor> inputs = constant_inputs(graph, node);
    if (inputs.empty()) continue;
    auto value = move(node, inputs);
    if (!value) return Error{value.error().code, "node '" + node.name + "'", value.error().message};
    if (!*value) continue;
    node.op = ConstantOp{**std::move(value)};
    node.inputs.clear();
    folded = true;
  }
  return folded ? remove_dead_nodes(graph) : Result<void>();
}

}  // namespace octet
