// Elementwise functions of one and two values.
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

ParsedOperator unary(const EltwiseOp& op) { return {op, {"data"}, {}, {}}; }

template <EltwiseKind kind>
Result<ParsedOperator> parse_unary(AttributeReader& /*a*/) {
  return unary({kind});
}

Result<ParsedOperator> parse_activation(AttributeReader& a) {
  EltwiseOp op;
  op.kind = a.choice<EltwiseKind>("act_type", std::nullopt,
                                  {{"relu", EltwiseKind::relu},
                                   {"sigmoid", EltwiseKind::sigmoid},
                                   {"tanh", EltwiseKind::tanh},
                                   {"softrelu", EltwiseKind::softrelu},
                                   {"softsign", EltwiseKind::softsign}},
                                  {"log_sigmoid", "mish"});
  return unary(op);
}

Result<ParsedOperator> parse_leaky_relu(AttributeReader& a) {
  EltwiseOp op;
  op.kind = a.choice<EltwiseKind>("act_type", EltwiseKind::leaky_relu,
                                  {{"leaky", EltwiseKind::leaky_relu}, {"elu", EltwiseKind::elu}},
                                  {"prelu", "gelu", "rrelu", "selu"});
  op.alpha = a.real("slope", 0.25F);
  if (!std::isfinite(op.alpha)) a.problem("attribute 'slope' is not finite");
  a.ignore({"lower_bound", "upper_bound"});  // of rrelu
  return unary(op);
}

Result<ParsedOperator> parse_clip(AttributeReader& a) {
  EltwiseOp op{EltwiseKind::clip, a.real("a_min", std::nullopt), a.real("a_max", std::nullopt)};
  if (op.alpha > op.beta) a.problem("'a_min' is above 'a_max'");
  return unary(op);
}

std::string write_eltwise(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<EltwiseOp>();
  const auto activation = [&a](const char* name) {
    a.set("act_type", std::string(name));
    return "Activation";
  };
  switch (op.kind) {
    case EltwiseKind::relu: return activation("relu");
    case EltwiseKind::sigmoid: return activation("sigmoid");
    case EltwiseKind::tanh: return activation("tanh");
    case EltwiseKind::softrelu: return activation("softrelu");
    case EltwiseKind::softsign: return activation("softsign");
    case EltwiseKind::leaky_relu:
    case EltwiseKind::elu:
      a.set("act_type", std::string(op.kind == EltwiseKind::elu ? "elu" : "leaky"));
      a.set("slope", op.alpha, 0.25F);
      return "LeakyReLU";
    case EltwiseKind::clip:
      a.set("a_min", op.alpha);
      a.set("a_max", op.beta);
      return "clip";
  }
  return "Activation";
}

Result<ParsedOperator> parse_add(AttributeReader& /*a*/) { return ParsedOperator{AddOp{}, {"lhs", "rhs"}, {}, {}}; }

Result<InferredShapes> infer_add(const Node& /*node*/, std::span<const Shape> inputs) {
  if (inputs[0] != inputs[1]) {
    return Error{
        ErrorCode::unsupported, "",
        "sums of different shapes are not supported: " + to_string(inputs[0]) + " and " + to_string(inputs[1])};
  }
  return InferredShapes{{inputs[0]}, {}};
}

std::string write_add(const Node& /*node*/, AttributeWriter& /*a*/) { return "elemwise_add"; }

Result<ParsedOperator> parse_identity(AttributeReader& /*a*/) { return ParsedOperator{IdentityOp{}, {"data"}, {}, {}}; }

Result<ParsedOperator> parse_dropout(AttributeReader& a) {
  a.only("mode", {"training"});  // "always" drops at inference as well
  a.ignore({"p", "axes", "cudnn_off"});
  return ParsedOperator{IdentityOp{}, {"data"}, {}, {}};
}

std::string write_identity(const Node& /*node*/, AttributeWriter& /*a*/) { return "identity"; }

}  // namespace

const OpKind& kind_of(const EltwiseOp& op) {
  static const auto named = [](const char* name) { return OpKind{name, 1, 1, 0, 0, false, infer_same, write_eltwise}; };
  static const OpKind relu = named("relu"), leaky = named("LeakyReLU"), clip = named("clip"),
                      sigmoid = named("sigmoid"), tanh = named("tanh"), softrelu = named("softrelu"),
                      softsign = named("softsign"), elu = named("elu");
  switch (op.kind) {
    case EltwiseKind::relu: return relu;
    case EltwiseKind::leaky_relu: return leaky;
    case EltwiseKind::clip: return clip;
    case EltwiseKind::sigmoid: return sigmoid;
    case EltwiseKind::tanh: return tanh;
    case EltwiseKind::softrelu: return softrelu;
    case EltwiseKind::softsign: return softsign;
    case EltwiseKind::elu: return elu;
  }
  return relu;
}

const OpKind& kind_of(const AddOp& /*op*/) {
  static const OpKind kind{"elemwise_add", 2, 2, 0, 0, true, infer_add, write_add};
  return kind;
}

const OpKind& kind_of(const IdentityOp& /*op*/) {
  static const OpKind kind{"identity", 1, 1, 0, 0, false, infer_same, write_identity};
  return kind;
}

std::span<const OperatorDef> eltwise_operators() {
  static const std::vector<OperatorDef> table{
      {{"Activation"}, parse_activation},
      {{"LeakyReLU"}, parse_leaky_relu},
      {{"clip"}, parse_clip},
      {{"relu"}, parse_unary<EltwiseKind::relu>},
      {{"sigmoid"}, parse_unary<EltwiseKind::sigmoid>},
      {{"tanh"}, parse_unary<EltwiseKind::tanh>},
      {{"elemwise_add", "_add", "_plus", "_Plus", "broadcast_add", "broadcast_plus"}, parse_add},
      {{"identity", "_copy", "BlockGrad", "stop_gradient"}, parse_identity},
      {{"Dropout"}, parse_dropout, 2},  // output, mask
  };
  return table;
}

}  // namespace octet
