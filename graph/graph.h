// The network as passes and the executor see it: typed nodes in topological order.
#pragma once

#include <cstdint>  // std::int32_t
#include <string>   // std::string
#include <variant>  // std::get_if
#include <vector>   // std::vector

#include "octet/graph/op.h"
#include "octet/graph/result.h"

namespace octet {

using NodeId = std::int32_t;  ///< index into Graph::nodes

/// One output of one node.
struct ValueRef {
  NodeId node = -1;
  std::int32_t output = 0;
  bool operator==(const ValueRef&) const = default;
  auto operator<=>(const ValueRef&) const = default;
};

/// What flows along an edge. Quantised values (dtype u8 or s8) are symmetric: real = stored * scale.
struct Value {
  Shape shape;
  DType dtype = DType::f32;
  float scale = 0;  ///< > 0 when dtype is u8 or s8, 0 for f32
  [[nodiscard]] bool quantized() const noexcept { return dtype == DType::u8 || dtype == DType::s8; }
};

/// A weight of a node. Quantised (s8) weights carry one scale per output channel (the first axis).
struct Parameter {
  std::string name;          ///< the variable's name in the symbol and the .params file
  Tensor value;              ///< f32, or s8 with scales
  std::vector<float> scale;  ///< empty for f32; else value.shape()[0] scales > 0
};

/// Something fused behind a node's own result, applied in order before the result is stored.
/// `sum` adds the node's last input (real values: scales are taken into account).
struct PostOp {
  enum class Kind : std::uint8_t { sum, eltwise };
  Kind kind = Kind::eltwise;
  EltwiseOp eltwise;  ///< for Kind::eltwise
};

struct Node {
  std::string name;         ///< the symbol's node name, verbatim
  std::string output_name;  ///< name of the original node whose output this node now yields
  Op op;
  std::vector<ValueRef> inputs;    ///< data inputs; the operand of a fused sum comes last
  std::vector<Parameter> params;   ///< weights in the operator's order
  std::vector<PostOp> post_ops;    ///< Convolution, FullyConnected, BatchNorm and Add
  std::vector<std::string> fused;  ///< names of the nodes that were merged into this one
  std::vector<Value> outputs;      ///< filled by infer_shapes; dtype and scale by quantisation

  template <class T>
  [[nodiscard]] const T* as() const noexcept {
    return std::get_if<T>(&op);
  }
  template <class T>
  [[nodiscard]] T* as() noexcept {
    return std::get_if<T>(&op);
  }
  [[nodiscard]] bool has_sum() const noexcept;
  /// `name`, `output_name` or one of `fused` equals `text`.
  [[nodiscard]] bool answers_to(const std::string& text) const noexcept;
};

/// A network. Invariants (checked by `validate`): every input of a node refers to an earlier node
/// and an existing output; exactly one InputOp; at least one output. A value type: copying shares
/// the weights.
struct Graph {
  std::vector<Node> nodes;
  std::vector<ValueRef> outputs;

  [[nodiscard]] const Value& value(ValueRef ref) const { return nodes[ref.node].outputs[ref.output]; }
  [[nodiscard]] Value& value(ValueRef ref) { return nodes[ref.node].outputs[ref.output]; }
  /// The InputOp node; -1 when there is none.
  [[nodiscard]] NodeId input() const noexcept;
  /// How many node inputs and graph outputs read `ref`.
  [[nodiscard]] int use_count(ValueRef ref) const noexcept;
  /// True when some node outputs a quantised value other than the raw pixels.
  [[nodiscard]] bool quantized() const noexcept;
};

/// Checks the invariants of Graph.
Result<void> validate(const Graph& graph);

/// Sets every output's shape for `batch` images; dtype and scale are left as they are. Errors name
/// the node, its input shapes and what does not fit.
Result<void> infer_shapes(Graph& graph, std::int64_t batch);

/// Name of the operator as users know it ("Convolution", "Pooling", ...).
const char* op_name(const Op& op) noexcept;

/// A table of the graph, one node a line: name, operator with its parameters, post-ops, inputs,
/// output shape, dtype and scale. For `inspect` and for reading diffs.
std::string dump(const Graph& graph);

}  // namespace octet
