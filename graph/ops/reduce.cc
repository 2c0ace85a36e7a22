// Operators that reduce axes: mean, sum, max, min.
#include "octet/graph/ops.h"

namespace octet {
namespace {

template <ReduceKind kind>
Result<ParsedOperator> parse_reduce(AttributeReader& a) {
  ReduceOp op;
  op.kind = kind;
  op.axes = a.integers("axis", -kMaxAxes, kMaxAxes).value_or(std::vector<std::int64_t>{});
  op.keep_dims = a.boolean("keepdims", false);
  op.exclude = a.boolean("exclude", false);
  return ParsedOperator{std::move(op), {"data"}, {}, {}};
}

Result<InferredShapes> infer_reduce(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<ReduceOp>();
  OCTET_TRY(const auto reduced, reduced_axes(op, inputs[0].size()));
  Shape out;
  for (std::size_t k = 0; k < inputs[0].size(); ++k) {
    if (reduced[k] == 0) {
      out.push_back(inputs[0][k]);
    } else if (op.keep_dims) {
      out.push_back(1);
    }
  }
  if (out.empty()) out.push_back(1);
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_reduce(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<ReduceOp>();
  a.set("axis", op.axes, std::vector<std::int64_t>{});
  a.set("keepdims", op.keep_dims, false);
  a.set("exclude", op.exclude, false);
  switch (op.kind) {
    case ReduceKind::mean: return "mean";
    case ReduceKind::sum: return "sum";
    case ReduceKind::max: return "max";
    case ReduceKind::min: return "min";
  }
  return "mean";
}

}  // namespace

Result<std::vector<char>> reduced_axes(const ReduceOp& op, std::size_t rank) {
  std::vector<char> reduced(rank, op.axes.empty() ? 1 : 0);
  for (const std::int64_t axis : op.axes) {
    OCTET_TRY(const auto resolved, resolve_axis(axis, rank));
    if (reduced[static_cast<std::size_t>(resolved)]++ != 0) return misfit("'axis' names an axis twice");
  }
  if (op.exclude && !op.axes.empty()) {
    for (char& axis : reduced) axis = axis == 0 ? 1 : 0;
  }
  return reduced;
}

const OpKind& kind_of(const ReduceOp& op) {
  static const auto named = [](const char* name) {
    return OpKind{name, 1, 1, 0, 0, false, infer_reduce, write_reduce};
  };
  static const OpKind mean = named("mean"), sum = named("sum"), max = named("max"), min = named("min");
  switch (op.kind) {
    case ReduceKind::mean: return mean;
    case ReduceKind::sum: return sum;
    case ReduceKind::max: return max;
    case ReduceKind::min: return min;
  }
  return mean;
}

std::span<const OperatorDef> reduce_operators() {
  static const std::vector<OperatorDef> table{
      {{"mean"}, parse_reduce<ReduceKind::mean>},
      {{"sum", "sum_axis"}, parse_reduce<ReduceKind::sum>},
      {{"max", "max_axis"}, parse_reduce<ReduceKind::max>},
      {{"min", "min_axis"}, parse_reduce<ReduceKind::min>},
  };
  return table;
}

}  // namespace octet
