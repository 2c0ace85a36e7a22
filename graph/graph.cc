#include "octet/graph/graph.h"

#include <algorithm>
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

/// No value of one image may be larger: damaged files must not make later layers allocate.
constexpr std::size_t kMaxElementsPerImage = std::size_t{1} << 31;

std::string label(const Node& node) { return "node '" + node.name + "' (" + op_name(node.op) + ")"; }

Error at(const Node& node, std::string message, ErrorCode code = ErrorCode::invalid_model) {
  return {code, label(node), std::move(message)};
}

std::size_t data_inputs(const Node& node) { return node.inputs.size() - (node.has_sum() ? 1 : 0); }

std::string counted(std::size_t has, int min, int max, const char* what) {
  return "has " + std::to_string(has) + " " + what + ", not " + std::to_string(min) +
         (max == min ? "" : " to " + std::to_string(max));
}

/// Operators whose first parameter may be stored as s8 and whose post-ops may hold a sum.
bool is_layer(const Node& node) {
  return node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
}

/// Post-ops without `linear` and `relu` at the end behind a function: what lifts a layer's values so that they can be
/// stored unsigned.
std::size_t count_without_lift(const Node& node) {
  const std::size_t n = node.post_ops.size();
  if (!is_layer(node) || n < 3) return n;
  const auto is = [&](std::size_t i, EltwiseKind kind) {
    return node.post_ops[i].kind == PostOp::Kind::eltwise && node.post_ops[i].eltwise.kind == kind;
  };
  return is(n - 2, EltwiseKind::linear) && is(n - 1, EltwiseKind::relu) ? n - 2 : n;
}

/// [eltwise] [sum] [eltwise] and a lift behind Convolution and FullyConnected, one [eltwise] behind Add and BatchNorm.
Result<void> check_post_ops(const Node& node, const OpKind& kind) {
  if (node.post_ops.empty()) return {};
  if (!kind.takes_post_ops) return at(node, "nothing can be fused behind this operator");
  const auto sums = std::count_if(node.post_ops.begin(), node.post_ops.end(),
                                  [](const PostOp& p) { return p.kind == PostOp::Kind::sum; });
  bool order_ok = sums <= (is_layer(node) ? 1 : 0);
  for (std::size_t i = 1; i < count_without_lift(node); ++i) {
    order_ok = order_ok && node.post_ops[i].kind != node.post_ops[i - 1].kind;
  }
  if (!order_ok) return at(node, "the post-ops are not [eltwise] [sum] [eltwise]");
  return {};
}

bool valid_scale(float scale) { return std::isfinite(scale) && scale > 0; }

Result<void> check_value(const Node& node, const Value& value) {
  if (value.dtype != DType::f32 && !value.quantized()) return at(node, "the output is not f32, u8 or s8");
  if (value.quantized() ? !valid_scale(value.scale) : value.scale != 0) {
    return at(node,
              "the output's scale " + format(value.scale) + " does not fit to " + std::string(to_string(value.dtype)));
  }
  return {};
}

Result<void> check_param(const Node& node, const Parameter& param, bool may_be_quantised) {
  const auto wrong = [&](const std::string& what) { return at(node, "parameter '" + param.name + "' " + what); };
  if (param.value.empty()) return wrong("has no value");
  if (param.value.dtype() == DType::f32) {
    if (!param.scale.empty()) return wrong("is f32 but has scales");
    return {};
  }
  if (param.value.dtype() != DType::s8 || !may_be_quantised) {
    return wrong("has elements of type " + std::string(to_string(param.value.dtype())));
  }
  const Shape& shape = param.value.shape();
  if (shape.empty() || param.scale.size() != static_cast<std::size_t>(shape[0])) {
    return wrong("of shape " + to_string(shape) + " has " + std::to_string(param.scale.size()) + " scales");
  }
  if (!std::all_of(param.scale.begin(), param.scale.end(), valid_scale)) return wrong("has a scale that is not > 0");
  return {};
}

Result<void> check_node(const Graph& graph, std::size_t id) {
  const Node& node = graph.nodes[id];
  const OpKind& kind = kind_of(node.op);
  for (const ValueRef& input : node.inputs) {
    if (input.node < 0 || static_cast<std::size_t>(input.node) >= id || input.output != 0) {
      return at(node, "an input does not refer to an earlier node's output");
    }
  }
  OCTET_CHECK(check_post_ops(node, kind));
  if (node.has_sum() && node.inputs.empty()) return at(node, "the operand of the fused sum is missing");
  const std::size_t inputs = data_inputs(node);
  if (std::cmp_less(inputs, kind.min_inputs) || std::cmp_greater(inputs, kind.max_inputs)) {
    return at(node, counted(inputs, kind.min_inputs, kind.max_inputs, "inputs"));
  }
  if (std::cmp_less(node.params.size(), kind.min_params) || std::cmp_greater(node.params.size(), kind.max_params)) {
    return at(node, counted(node.params.size(), kind.min_params, kind.max_params, "parameters"));
  }
  for (std::size_t i = 0; i < node.params.size(); ++i) {
    OCTET_CHECK(check_param(node, node.params[i], is_layer(node) && i == 0));
  }
  if (node.outputs.size() > 1) return at(node, "has more than one output");
  for (const Value& value : node.outputs) OCTET_CHECK(check_value(node, value));
  return {};
}

/// The shapes of the data inputs and, when there is one, of the fused sum's operand.
std::vector<Shape> input_shapes(const Graph& graph, const Node& node) {
  std::vector<Shape> shapes;
  for (const ValueRef& input : node.inputs) shapes.push_back(graph.value(input).shape);
  return shapes;
}

std::string list(const std::vector<Shape>& shapes) {
  std::string text;
  for (const Shape& shape : shapes) text += (text.empty() ? "" : ", ") + to_string(shape);
  return text.empty() ? "none" : text;
}

Result<void> check_size(const Shape& shape, std::int64_t batch) {
  for (const std::int64_t size : shape) {
    if (size < 1) return misfit("the output " + to_string(shape) + " is empty");
  }
  OCTET_TRY(const std::size_t count, element_count(shape));
  if (count / static_cast<std::size_t>(batch) > kMaxElementsPerImage) {
    return Error{ErrorCode::limit, "", "the output " + to_string(shape) + " has too many elements"};
  }
  return {};
}

Result<void> check_param_shapes(const Node& node, const std::vector<Shape>& expected) {
  for (std::size_t i = 0; i < node.params.size(); ++i) {
    const Parameter& param = node.params[i];
    if (i < expected.size() && param.value.shape() != expected[i]) {
      return misfit("parameter '" + param.name + "' has shape " + to_string(param.value.shape()) + " instead of " +
                    to_string(expected[i]));
    }
  }
  return {};
}

Result<Shape> infer_node(const Node& node, const std::vector<Shape>& shapes, std::int64_t batch) {
  const std::span<const Shape> data(shapes.data(), data_inputs(node));
  OCTET_TRY(auto inferred, kind_of(node.op).infer(node, data));
  OCTET_CHECK(check_param_shapes(node, inferred.params));
  if (node.as<InputOp>() != nullptr) inferred.outputs[0][0] = batch;
  OCTET_CHECK(check_size(inferred.outputs[0], batch));
  if (node.has_sum() && shapes.back() != inferred.outputs[0]) {
    return misfit("the operand of the fused sum " + to_string(shapes.back()) + " differs from the output " +
                  to_string(inferred.outputs[0]));
  }
  return std::move(inferred.outputs[0]);
}

}  // namespace

bool Node::has_sum() const noexcept {
  return std::any_of(post_ops.begin(), post_ops.end(), [](const PostOp& p) { return p.kind == PostOp::Kind::sum; });
}

bool Node::answers_to(const std::string& text) const noexcept {
  return name == text || output_name == text || std::find(fused.begin(), fused.end(), text) != fused.end();
}

NodeId Graph::input() const noexcept {
  for (std::size_t id = 0; id < nodes.size(); ++id) {
    if (nodes[id].as<InputOp>() != nullptr) return static_cast<NodeId>(id);
  }
  return -1;
}

int Graph::use_count(ValueRef ref) const noexcept {
  auto uses = std::count(outputs.begin(), outputs.end(), ref);
  for (const Node& node : nodes) uses += std::count(node.inputs.begin(), node.inputs.end(), ref);
  return static_cast<int>(uses);
}

bool Graph::quantized() const noexcept {
  return std::any_of(nodes.begin(), nodes.end(), [](const Node& node) {
    return node.as<InputOp>() == nullptr &&
           std::any_of(node.outputs.begin(), node.outputs.end(), [](const Value& value) { return value.quantized(); });
  });
}

Result<void> validate(const Graph& graph) {
  const auto inputs =
      std::count_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& n) { return n.as<InputOp>() != nullptr; });
  if (inputs != 1) return misfit("the graph has " + std::to_string(inputs) + " image inputs, not one");
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) OCTET_CHECK(check_node(graph, id));
  if (graph.outputs.empty()) return misfit("the graph has no output");
  for (const ValueRef& output : graph.outputs) {
    if (output.node < 0 || static_cast<std::size_t>(output.node) >= graph.nodes.size() || output.output != 0) {
      return misfit("a graph output does not refer to a node");
    }
  }
  return {};
}

Result<void> infer_shapes(Graph& graph, std::int64_t batch) {
  if (batch < 1 || batch > kMaxAttribute) return misfit("a batch of " + std::to_string(batch) + " images");
  OCTET_CHECK(validate(graph));
  for (Node& node : graph.nodes) {
    const auto shapes = input_shapes(graph, node);
    auto shape = infer_node(node, shapes, batch);
    if (!shape) {
      return at(node, shape.error().message + " (inputs: " + list(shapes) + ")", shape.error().code);
    }
    if (node.outputs.empty()) node.outputs.resize(1);
    node.outputs[0].shape = *std::move(shape);
  }
  return {};
}

const char* op_name(const Op& op) noexcept { return kind_of(op).name; }

}  // namespace octet
