// Elementwise functions of one value that MXNet spells as operators of their own: with a scalar
// (_mul_scalar, ...) and without (sqrt, ...).
#include <cmath>
#include <limits>

#include "octet/graph/ops.h"

namespace octet {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();

ParsedOperator unary(const EltwiseOp& op) { return {op, {"data"}, {}, {}}; }

template <EltwiseKind kind>
Result<ParsedOperator> parse_plain(AttributeReader& /*a*/) {
  return unary({kind, 0, 0});
}

float read_scalar(AttributeReader& a) {
  const float scalar = a.real("scalar", 1.0F);
  a.ignore({"is_int"});
  if (!std::isfinite(scalar)) a.problem("attribute 'scalar' is not finite");
  return scalar;
}

template <EltwiseKind kind>
Result<ParsedOperator> parse_scalar(AttributeReader& a) {
  return unary({kind, read_scalar(a), 0});
}

Result<ParsedOperator> parse_plus(AttributeReader& a) { return unary({EltwiseKind::linear, 1, read_scalar(a)}); }
Result<ParsedOperator> parse_minus(AttributeReader& a) { return unary({EltwiseKind::linear, 1, -read_scalar(a)}); }
Result<ParsedOperator> parse_reverse_minus(AttributeReader& a) {
  return unary({EltwiseKind::linear, -1, read_scalar(a)});
}
Result<ParsedOperator> parse_multiply(AttributeReader& a) { return unary({EltwiseKind::linear, read_scalar(a), 0}); }
Result<ParsedOperator> parse_divide(AttributeReader& a) {
  const float factor = 1 / read_scalar(a);
  if (!std::isfinite(factor)) a.problem("attribute 'scalar' is too small to divide by");
  return unary({EltwiseKind::linear, factor, 0});
}
Result<ParsedOperator> parse_maximum(AttributeReader& a) {
  return unary({EltwiseKind::clip, read_scalar(a), kInfinity});
}
Result<ParsedOperator> parse_minimum(AttributeReader& a) {
  return unary({EltwiseKind::clip, -kInfinity, read_scalar(a)});
}
/// Nothing but one number, whatever the input: NaN as well is clipped to it.
template <int value>
Result<ParsedOperator> parse_constant_like(AttributeReader& /*a*/) {
  return unary({EltwiseKind::clip, value, value});
}
Result<ParsedOperator> parse_negative(AttributeReader& /*a*/) { return unary({EltwiseKind::linear, -1, 0}); }
Result<ParsedOperator> parse_reciprocal(AttributeReader& /*a*/) { return unary({EltwiseKind::reciprocal, 1, 0}); }

/// octet's own form of what no single operator of MXNet does.
Result<ParsedOperator> parse_linear(AttributeReader& a) {
  return unary({EltwiseKind::linear, a.real("alpha", 1.0F), a.real("beta", 0.0F)});
}

std::string write_linear(const EltwiseOp& op, AttributeWriter& a) {
  const auto scalar = [&a](const char* name, float value) {
    a.set("scalar", value);
    return name;
  };
  if (op.alpha == 1) return scalar("_plus_scalar", op.beta);
  if (op.beta == 0 && op.alpha == -1) return "negative";
  if (op.beta == 0) return scalar("_mul_scalar", op.alpha);
  if (op.alpha == -1) return scalar("_rminus_scalar", op.beta);
  a.set("alpha", op.alpha);
  a.set("beta", op.beta);
  return "_octet_linear";
}

}  // namespace

std::string write_scalar(const EltwiseOp& op, AttributeWriter& a) {
  const auto scalar = [&](const char* name) {
    a.set("scalar", op.alpha);
    return name;
  };
  switch (op.kind) {
    case EltwiseKind::linear: return write_linear(op, a);
    case EltwiseKind::exp: return "exp";
    case EltwiseKind::log: return "log";
    case EltwiseKind::sqrt: return "sqrt";
    case EltwiseKind::square: return "square";
    case EltwiseKind::abs: return "abs";
    case EltwiseKind::reciprocal: return scalar("_rdiv_scalar");
    case EltwiseKind::power: return scalar("_power_scalar");
    case EltwiseKind::greater: return scalar("_greater_scalar");
    case EltwiseKind::greater_equal: return scalar("_greater_equal_scalar");
    case EltwiseKind::lesser: return scalar("_lesser_scalar");
    case EltwiseKind::lesser_equal: return scalar("_lesser_equal_scalar");
    case EltwiseKind::equal: return scalar("_equal_scalar");
    default: return scalar("_not_equal_scalar");
  }
}

std::span<const OperatorDef> scalar_operators() {
  static const std::vector<OperatorDef> table{
      {{"_plus_scalar", "_PlusScalar"}, parse_plus},
      {{"_minus_scalar", "_MinusScalar"}, parse_minus},
      {{"_rminus_scalar", "_RMinusScalar"}, parse_reverse_minus},
      {{"_mul_scalar", "_MulScalar"}, parse_multiply},
      {{"_div_scalar", "_DivScalar"}, parse_divide},
      {{"_rdiv_scalar", "_RDivScalar"}, parse_scalar<EltwiseKind::reciprocal>},
      {{"_power_scalar", "_PowerScalar"}, parse_scalar<EltwiseKind::power>},
      {{"_maximum_scalar", "_MaximumScalar"}, parse_maximum},
      {{"_minimum_scalar", "_MinimumScalar"}, parse_minimum},
      {{"_greater_scalar", "_GreaterScalar"}, parse_scalar<EltwiseKind::greater>},
      {{"_greater_equal_scalar", "_GreaterEqualScalar"}, parse_scalar<EltwiseKind::greater_equal>},
      {{"_lesser_scalar", "_LesserScalar"}, parse_scalar<EltwiseKind::lesser>},
      {{"_lesser_equal_scalar", "_LesserEqualScalar"}, parse_scalar<EltwiseKind::lesser_equal>},
      {{"_equal_scalar", "_EqualScalar"}, parse_scalar<EltwiseKind::equal>},
      {{"_not_equal_scalar", "_NotEqualScalar"}, parse_scalar<EltwiseKind::not_equal>},
      {{"exp"}, parse_plain<EltwiseKind::exp>},
      {{"log"}, parse_plain<EltwiseKind::log>},
      {{"sqrt"}, parse_plain<EltwiseKind::sqrt>},
      {{"square"}, parse_plain<EltwiseKind::square>},
      {{"abs"}, parse_plain<EltwiseKind::abs>},
      {{"negative"}, parse_negative},
      {{"reciprocal"}, parse_reciprocal},
      {{"softsign"}, parse_plain<EltwiseKind::softsign>},
      {{"zeros_like"}, parse_constant_like<0>},
      {{"ones_like"}, parse_constant_like<1>},
      {{"_octet_linear"}, parse_linear, 1, true},
  };
  return table;
}

}  // namespace octet
