// What MXNet has no operator for: the image input and its normalisation, constants, and the change
// between real and quantised values.
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

/// InputOp and ConstantOp are variables of the symbol; they have no operator to write.
std::string write_variable(const Node& /*node*/, AttributeWriter& /*a*/) { return "null"; }

Result<InferredShapes> infer_input(const Node& node, std::span<const Shape> /*inputs*/) {
  if (node.outputs.empty() || node.outputs[0].shape.size() != 4) return misfit("the input's shape is not (N, C, H, W)");
  for (const std::int64_t size : node.outputs[0].shape) {
    if (size < 1) return misfit("the input's shape " + to_string(node.outputs[0].shape) + " is empty");
  }
  return InferredShapes{{node.outputs[0].shape}, {}};
}

Result<InferredShapes> infer_constant(const Node& node, std::span<const Shape> /*inputs*/) {
  const Tensor& value = node.as<ConstantOp>()->value;
  if (value.empty()) return misfit("the constant has no value");
  if (value.shape().empty() || value.elements() == 0) {
    return misfit("a constant of shape " + to_string(value.shape()) + " cannot be used");
  }
  return InferredShapes{{value.shape()}, {}};
}

Result<ParsedOperator> parse_normalize(AttributeReader& a) {
  NormalizeOp op;
  op.mean = a.reals("mean").value_or(std::vector<float>{});
  op.std = a.reals("std").value_or(std::vector<float>{});
  if (op.mean.empty() || op.mean.size() != op.std.size()) a.problem("'mean' and 'std' are missing or of unequal size");
  for (const float value : op.mean) {
    if (!std::isfinite(value)) a.problem("'mean' is not finite");
  }
  for (const float value : op.std) {
    if (!(value > 0) || !std::isfinite(value)) a.problem("'std' is not positive");
  }
  return ParsedOperator{std::move(op), {"data"}, {}, {}};
}

Result<InferredShapes> infer_normalize(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<NormalizeOp>();
  const Shape& x = inputs[0];
  if (x.size() != 4 || op.mean.size() != static_cast<std::size_t>(x[1]) || op.std.size() != op.mean.size()) {
    return misfit("mean and std do not fit to the input " + to_string(x));
  }
  return InferredShapes{{x}, {}};
}

std::string write_normalize(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<NormalizeOp>();
  a.set("mean", op.mean);
  a.set("std", op.std);
  return "_octet_normalize";
}

Result<ParsedOperator> parse_quantize(AttributeReader& /*a*/) { return ParsedOperator{QuantizeOp{}, {"data"}, {}, {}}; }
Result<ParsedOperator> parse_dequantize(AttributeReader& /*a*/) {
  return ParsedOperator{DequantizeOp{}, {"data"}, {}, {}};
}
std::string write_quantize(const Node& /*node*/, AttributeWriter& /*a*/) { return "_octet_quantize"; }
std::string write_dequantize(const Node& /*node*/, AttributeWriter& /*a*/) { return "_octet_dequantize"; }

}  // namespace

const OpKind& kind_of(const InputOp& /*op*/) {
  static const OpKind kind{"Input", 0, 0, 0, 0, false, infer_input, write_variable};
  return kind;
}
const OpKind& kind_of(const ConstantOp& /*op*/) {
  static const OpKind kind{"Constant", 0, 0, 0, 0, false, infer_constant, write_variable};
  return kind;
}
const OpKind& kind_of(const NormalizeOp& /*op*/) {
  static const OpKind kind{"Normalize", 1, 1, 0, 0, false, infer_normalize, write_normalize};
  return kind;
}
const OpKind& kind_of(const QuantizeOp& /*op*/) {
  static const OpKind kind{"Quantize", 1, 1, 0, 0, false, infer_same, write_quantize};
  return kind;
}
const OpKind& kind_of(const DequantizeOp& /*op*/) {
  static const OpKind kind{"Dequantize", 1, 1, 0, 0, false, infer_same, write_dequantize};
  return kind;
}

std::span<const OperatorDef> internal_operators() {
  static const std::vector<OperatorDef> table{
      {{"_octet_normalize"}, parse_normalize, 1, true},
      {{"_octet_quantize"}, parse_quantize, 1, true},
      {{"_octet_dequantize"}, parse_dequantize, 1, true},
  };
  return table;
}

}  // namespace octet
