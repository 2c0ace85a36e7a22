// Softmax and the other heads of networks: with a loss behind it in training, of which inference keeps the value.
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

Result<ParsedOperator> parse_softmax(AttributeReader& a) {
  SoftmaxOp op;
  op.axis = a.integer("axis", -1, -32, 32);
  op.temperature = a.optional_real("temperature").value_or(1.0F);
  if (!(op.temperature > 0) || !std::isfinite(op.temperature)) a.problem("attribute 'temperature' is not positive");
  a.only("dtype", {"None", "float32"});
  a.only("use_length", {"False", "false", "0"});
  return ParsedOperator{op, {"data"}, {}, {}};
}

Result<ParsedOperator> parse_softmax_output(AttributeReader& a) {
  SoftmaxOp op;
  const bool multi_output = a.boolean("multi_output", false);
  const bool preserve_shape = a.boolean("preserve_shape", false);
  op.axis = multi_output ? 1 : -1;
  op.per_sample = !multi_output && !preserve_shape;
  a.ignore({"grad_scale", "ignore_label", "use_ignore", "normalization", "out_grad", "smooth_alpha"});
  return ParsedOperator{op, {"data"}, {}, {"label"}};
}

Result<ParsedOperator> parse_logistic_output(AttributeReader& a) {
  a.ignore({"grad_scale"});
  return ParsedOperator{EltwiseOp{EltwiseKind::sigmoid, 0, 0}, {"data"}, {}, {"label"}};
}

Result<ParsedOperator> parse_plain_output(AttributeReader& a) {
  a.ignore({"grad_scale", "margin", "regularization_coefficient", "use_linear"});
  return ParsedOperator{IdentityOp{}, {"data"}, {}, {"label"}};
}

Result<ParsedOperator> parse_softmax_activation(AttributeReader& a) {
  const bool channel = a.choice<bool>("mode", false, {{"instance", false}, {"channel", true}});
  return ParsedOperator{SoftmaxOp{channel ? 1 : -1, !channel, 1}, {"data"}, {}, {}};
}

Result<InferredShapes> infer_softmax(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<SoftmaxOp>();
  if (!op.per_sample) OCTET_CHECK(resolve_axis(op.axis, inputs[0].size()));
  return InferredShapes{{inputs[0]}, {}};
}

std::string write_softmax(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<SoftmaxOp>();
  if (op.per_sample) {
    a.set("mode", std::string("instance"));
    return "SoftmaxActivation";
  }
  a.set("axis", op.axis, std::int64_t{-1});
  a.set("temperature", op.temperature, 1.0F);
  return "softmax";
}

}  // namespace

const OpKind& kind_of(const SoftmaxOp& /*op*/) {
  static const OpKind kind{"softmax", 1, 1, 0, 0, false, infer_softmax, write_softmax};
  return kind;
}

std::span<const OperatorDef> softmax_operators() {
  static const std::vector<OperatorDef> table{
      {{"softmax"}, parse_softmax},
      {{"SoftmaxOutput", "Softmax"}, parse_softmax_output},
      {{"SoftmaxActivation"}, parse_softmax_activation},
      {{"LogisticRegressionOutput"}, parse_logistic_output},
      {{"LinearRegressionOutput", "MAERegressionOutput", "SVMOutput"}, parse_plain_output},
  };
  return table;
}

}  // namespace octet
