// Activations, residual sums, and what does nothing at inference.
#include <cmath>
#include <limits>

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
  enum class Kind : std::uint8_t { leaky, elu, prelu, rrelu, gelu };
  const auto kind = a.choice<Kind>("act_type", Kind::leaky,
                                   {{"leaky", Kind::leaky},
                                    {"elu", Kind::elu},
                                    {"prelu", Kind::prelu},
                                    {"rrelu", Kind::rrelu},
                                    {"gelu", Kind::gelu}},
                                   {"selu"});
  const float slope = a.real("slope", 0.25F);
  const float lower = a.real("lower_bound", 0.125F), upper = a.real("upper_bound", 0.334F);
  if (kind == Kind::gelu) return unary({EltwiseKind::gelu, 0, 0});
  if (kind == Kind::prelu) return ParsedOperator{PReluOp{}, {"data"}, {"gamma"}, {}};
  EltwiseOp op{kind == Kind::elu ? EltwiseKind::elu : EltwiseKind::leaky_relu, slope, 0};
  if (kind == Kind::rrelu) op.alpha = (lower + upper) / 2;  // random slopes become their mean at inference
  if (!std::isfinite(op.alpha)) a.problem("attribute 'slope' is not finite");
  return unary(op);
}

/// One slope for each channel, or one for all when that is what is stored.
Result<InferredShapes> infer_prelu(const Node& node, std::span<const Shape> inputs) {
  if (inputs[0].size() < 2) return misfit("the input " + to_string(inputs[0]) + " has no channels");
  const bool shared = !node.params.empty() && node.params[0].value.shape() == Shape{1};
  return InferredShapes{{inputs[0]}, {{shared ? 1 : inputs[0][1]}}};
}

std::string write_prelu(const Node& /*node*/, AttributeWriter& a) {
  a.set("act_type", std::string("prelu"));
  return "LeakyReLU";
}

/// Values are f32 everywhere: only a cast to that does nothing.
Result<ParsedOperator> parse_cast(AttributeReader& a) {
  a.only("dtype", {"float32"});
  return ParsedOperator{IdentityOp{}, {"data"}, {}, {}};
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
    case EltwiseKind::gelu: a.set("act_type", std::string("gelu")); return "LeakyReLU";
    case EltwiseKind::leaky_relu:
    case EltwiseKind::elu:
      a.set("act_type", std::string(op.kind == EltwiseKind::elu ? "elu" : "leaky"));
      a.set("slope", op.alpha, 0.25F);
      return "LeakyReLU";
    case EltwiseKind::clip: {
      const bool above = op.alpha == -std::numeric_limits<float>::infinity();
      const bool below = op.beta == std::numeric_limits<float>::infinity();
      if (above != below) {
        a.set("scalar", above ? op.beta : op.alpha);
        return above ? "_minimum_scalar" : "_maximum_scalar";
      }
      a.set("a_min", op.alpha);
      a.set("a_max", op.beta);
      return "clip";
    }
    default: return write_scalar(op, a);
  }
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
  static const auto kinds = [] {
    // In the order of EltwiseKind.
    std::vector<OpKind> table;
    for (const char* name :
         {"relu",          "LeakyReLU", "clip",         "sigmoid", "tanh",      "softrelu",   "softsign", "elu",
          "linear",        "log",       "sqrt",         "square",  "abs",       "reciprocal", "power",    "greater",
          "greater_equal", "lesser",    "lesser_equal", "equal",   "not_equal", "exp",        "gelu"}) {
      table.push_back({name, 1, 1, 0, 0, false, infer_same, write_eltwise});
    }
    return table;
  }();
  return kinds[static_cast<std::size_t>(op.kind)];
}

const OpKind& kind_of(const PReluOp& /*op*/) {
  static const OpKind kind{"PReLU", 1, 1, 1, 1, false, infer_prelu, write_prelu};
  return kind;
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
      {{"elemwise_add", "_add", "_plus", "_Plus"}, parse_add},
      {{"identity", "_copy", "BlockGrad", "stop_gradient"}, parse_identity},
      {{"Cast", "cast"}, parse_cast},
      {{"Dropout"}, parse_dropout, 2},  // output, mask
  };
  return table;
}

}  // namespace octet
