// Elementwise functions of two values with numpy's broadcasting, sums of any number of values, and the choice between
// two values.
#include "octet/graph/ops.h"

namespace octet {
namespace {

template <BinaryKind kind>
Result<ParsedOperator> parse_binary(AttributeReader& /*a*/) {
  return ParsedOperator{BinaryOp{kind}, {"lhs", "rhs"}, {}, {}};
}

Result<InferredShapes> infer_binary(const Node& /*node*/, std::span<const Shape> inputs) {
  const Shape &left = inputs[0], &right = inputs[1];
  const auto differ = [&] {
    return misfit("the shapes " + to_string(left) + " and " + to_string(right) + " do not fit to each other");
  };
  if (left.size() != right.size()) return differ();
  Shape out = left;
  for (std::size_t k = 0; k < out.size(); ++k) {
    if (left[k] != right[k] && left[k] != 1 && right[k] != 1) return differ();
    if (left[k] == 1) out[k] = right[k];
  }
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_binary(const Node& node, AttributeWriter& /*a*/) {
  switch (node.as<BinaryOp>()->kind) {
    case BinaryKind::add: return "broadcast_add";
    case BinaryKind::sub: return "broadcast_sub";
    case BinaryKind::mul: return "broadcast_mul";
    case BinaryKind::div: return "broadcast_div";
    case BinaryKind::maximum: return "broadcast_maximum";
    case BinaryKind::minimum: return "broadcast_minimum";
  }
  return "broadcast_add";
}

Result<ParsedOperator> parse_add_n(AttributeReader& a) {
  const auto inputs = static_cast<std::int64_t>(a.inputs());
  if (a.integer("num_args", inputs) != inputs) {
    a.problem("attribute 'num_args' differs from the number of inputs, " + std::to_string(inputs));
  }
  ParsedOperator parsed{AddNOp{}, {}, {}, {}};
  for (std::int64_t i = 0; i < inputs; ++i) parsed.data.push_back("arg" + std::to_string(i));
  return parsed;
}

Result<InferredShapes> infer_add_n(const Node& /*node*/, std::span<const Shape> inputs) {
  for (const Shape& shape : inputs) {
    if (shape != inputs[0]) {
      return misfit("a sum of different shapes: " + to_string(inputs[0]) + " and " + to_string(shape));
    }
  }
  return InferredShapes{{inputs[0]}, {}};
}

std::string write_add_n(const Node& node, AttributeWriter& a) {
  a.set("num_args", static_cast<std::int64_t>(node.inputs.size()));
  return "add_n";
}

Result<ParsedOperator> parse_where(AttributeReader& /*a*/) {
  return ParsedOperator{WhereOp{}, {"condition", "x", "y"}, {}, {}};
}

Result<InferredShapes> infer_where(const Node& /*node*/, std::span<const Shape> inputs) {
  if (inputs[1] != inputs[2]) {
    return misfit("the shapes " + to_string(inputs[1]) + " and " + to_string(inputs[2]) + " differ");
  }
  if (inputs[0] != inputs[1]) {
    return Error{ErrorCode::unsupported, "",
                 "a condition of another shape, " + to_string(inputs[0]) + ", than " + to_string(inputs[1]) +
                     " is not supported"};
  }
  return InferredShapes{{inputs[0]}, {}};
}

std::string write_where(const Node& /*node*/, AttributeWriter& /*a*/) { return "where"; }

}  // namespace

const OpKind& kind_of(const BinaryOp& op) {
  static const auto named = [](const char* name) {
    return OpKind{name, 2, 2, 0, 0, false, infer_binary, write_binary};
  };
  static const OpKind add = named("broadcast_add"), sub = named("broadcast_sub"), mul = named("broadcast_mul"),
                      div = named("broadcast_div"), maximum = named("broadcast_maximum"),
                      minimum = named("broadcast_minimum");
  switch (op.kind) {
    case BinaryKind::add: return add;
    case BinaryKind::sub: return sub;
    case BinaryKind::mul: return mul;
    case BinaryKind::div: return div;
    case BinaryKind::maximum: return maximum;
    case BinaryKind::minimum: return minimum;
  }
  return add;
}

const OpKind& kind_of(const AddNOp& /*op*/) {
  static const OpKind kind{"add_n", 1, 1 << 16, 0, 0, false, infer_add_n, write_add_n};
  return kind;
}

const OpKind& kind_of(const WhereOp& /*op*/) {
  static const OpKind kind{"where", 3, 3, 0, 0, false, infer_where, write_where};
  return kind;
}

std::span<const OperatorDef> binary_operators() {
  static const std::vector<OperatorDef> table{
      {{"broadcast_add", "broadcast_plus"}, parse_binary<BinaryKind::add>},
      {{"broadcast_sub", "broadcast_minus", "elemwise_sub", "_sub", "_minus", "_Minus"}, parse_binary<BinaryKind::sub>},
      {{"broadcast_mul", "elemwise_mul", "_mul", "_Mul"}, parse_binary<BinaryKind::mul>},
      {{"broadcast_div", "elemwise_div", "_div", "_Div"}, parse_binary<BinaryKind::div>},
      {{"broadcast_maximum", "_maximum", "_Maximum"}, parse_binary<BinaryKind::maximum>},
      {{"broadcast_minimum", "_minimum", "_Minimum"}, parse_binary<BinaryKind::minimum>},
      {{"add_n", "ElementWiseSum"}, parse_add_n},
      {{"where"}, parse_where},
  };
  return table;
}

}  // namespace octet
