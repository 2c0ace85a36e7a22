// Operators that move values without computing: Concat, Flatten, Reshape, expand_dims, squeeze,
// transpose, Pad.
#include <algorithm>
#include <cmath>
#include <numeric>

#include "octet/graph/ops.h"

namespace octet {
namespace {

Result<ParsedOperator> parse_concat(AttributeReader& a) {
  const auto inputs = static_cast<std::int64_t>(a.inputs());
  const ConcatOp op{a.integer("dim", 1, -kMaxAxes, kMaxAxes)};
  if (a.integer("num_args", inputs) != inputs) {
    a.problem("attribute 'num_args' differs from the number of inputs, " + std::to_string(inputs));
  }
  ParsedOperator parsed{op, {}, {}, {}};
  for (std::int64_t i = 0; i < inputs; ++i) parsed.data.push_back("arg" + std::to_string(i));
  return parsed;
}

Result<InferredShapes> infer_concat(const Node& node, std::span<const Shape> inputs) {
  OCTET_TRY(const auto resolved, resolve_axis(node.as<ConcatOp>()->axis, inputs[0].size()));
  const auto axis = static_cast<std::size_t>(resolved);
  Shape out = inputs[0];
  for (std::size_t i = 1; i < inputs.size(); ++i) {
    Shape rest = inputs[i];
    if (rest.size() == out.size()) rest[axis] = out[axis];
    if (rest != out) {
      return misfit("input " + std::to_string(i) + " " + to_string(inputs[i]) + " does not fit to " +
                    to_string(inputs[0]) + " along axis " + std::to_string(axis));
    }
    if (inputs[i][axis] > (std::int64_t{1} << 48) - out[axis]) return misfit("the result is too large");
    out[axis] += inputs[i][axis];
  }
  return InferredShapes{{out}, {}};
}

std::string write_concat(const Node& node, AttributeWriter& a) {
  a.set("dim", node.as<ConcatOp>()->axis, std::int64_t{1});
  a.set("num_args", static_cast<std::int64_t>(node.inputs.size()));
  return "Concat";
}

Result<ParsedOperator> parse_flatten(AttributeReader& a) {
  return ParsedOperator{FlattenOp{a.own("channels_last") != nullptr}, {"data"}, {}, {}};
}

Result<InferredShapes> infer_flatten(const Node& node, std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (node.as<FlattenOp>()->channels_last && x.size() != 4) return misfit("the input " + to_string(x) + " is no image");
  OCTET_TRY(const std::size_t rest, element_count(Shape(x.begin() + 1, x.end())));
  return InferredShapes{{{x[0], static_cast<std::int64_t>(rest)}}, {}};
}

std::string write_flatten(const Node& node, AttributeWriter& a) {
  if (node.as<FlattenOp>()->channels_last) a.set("__octet_channels_last__", true);
  return "Flatten";
}

Result<ParsedOperator> parse_reshape(AttributeReader& a) {
  ReshapeOp op;
  op.shape = a.integers("shape", -4, std::int64_t{1} << 40).value_or(std::vector<std::int64_t>{});
  op.reverse = a.boolean("reverse", false);
  // Before 0.9: `target_shape`, where 0 stands for the size to infer.
  const auto target = a.integers("target_shape", 0, std::int64_t{1} << 40);
  const bool keep_highest = a.boolean("keep_highest", false);
  if (op.shape.empty() && target && !target->empty()) {
    op.shape = *target;
    std::replace(op.shape.begin(), op.shape.end(), std::int64_t{0}, std::int64_t{-1});
    if (keep_highest) op.shape[0] = 0;
  }
  if (op.shape.empty()) a.problem("attribute 'shape' is missing or wrong");
  if (op.shape.size() > kMaxAxes) a.problem("attribute 'shape' has too many axes");
  if (op.reverse && std::find(op.shape.begin(), op.shape.end(), -4) != op.shape.end()) {
    a.problem("attribute 'shape' with code -4 and reverse = True is not supported", ErrorCode::unsupported);
  }
  return ParsedOperator{op, {"data"}, {}, {}};
}

/// Applies MXNet's reshape codes from left to right. Every code consumes its own input axes; -1
/// stands for what is left over once all others are known.
class Reshaper {
 public:
  Reshaper(const Shape& src, const std::vector<std::int64_t>& codes) : src_(src), codes_(codes) {}

  Result<Shape> run() {
    for (; code_ < codes_.size(); ++code_) OCTET_CHECK(step(codes_[code_]));
    OCTET_TRY(const std::size_t total, element_count(src_));
    if (inferred_) {
      OCTET_TRY(const std::size_t known, element_count(dst_));
      if (known == 0 || total % known != 0) return fail("does not divide");
      dst_[*inferred_] = static_cast<std::int64_t>(total / known);
    }
    OCTET_TRY(const std::size_t count, element_count(dst_));
    if (count != total) return fail("has another number of elements");
    return dst_;
  }

 private:
  [[nodiscard]] Error fail(const std::string& why) const {
    return misfit("shape " + to_string(codes_) + " " + why + " for the input " + to_string(src_));
  }
  [[nodiscard]] bool left(std::size_t axes) const { return axis_ + axes <= src_.size(); }

  Result<void> infer_here() {
    if (inferred_) return fail("has more than one -1");
    inferred_ = dst_.size();
    dst_.push_back(1);
    return {};
  }

  Result<void> step(std::int64_t code) {
    switch (code) {
      case 0:
        if (!left(1)) return fail("has too many codes");
        dst_.push_back(src_[axis_++]);
        return {};
      case -1: ++axis_; return infer_here();
      case -2:
        while (left(1)) dst_.push_back(src_[axis_++]);
        return {};
      case -3: {
        if (!left(2)) return fail("has too many codes");
        OCTET_TRY(const std::size_t merged, element_count({src_[axis_], src_[axis_ + 1]}));
        dst_.push_back(static_cast<std::int64_t>(merged));
        axis_ += 2;
        return {};
      }
      case -4: return split();
      default:
        ++axis_;
        dst_.push_back(code);
        return {};
    }
  }

  /// -4, a, b: the next axis becomes two, of which one may be -1 (here meaning its own quotient).
  Result<void> split() {
    if (!left(1) || code_ + 2 >= codes_.size()) return fail("has an incomplete -4");
    const std::int64_t size = src_[axis_++];
    std::int64_t a = codes_[++code_], b = codes_[++code_];
    if (a == -1 && b > 0) a = size / b;
    if (b == -1 && a > 0) b = size / a;
    if (a <= 0 || b <= 0 || size % a != 0 || size / a != b) return fail("cannot split an axis");
    dst_.push_back(a);
    dst_.push_back(b);
    return {};
  }

  const Shape& src_;
  const std::vector<std::int64_t>& codes_;
  Shape dst_;
  std::size_t axis_ = 0, code_ = 0;
  std::optional<std::size_t> inferred_;
};

Result<InferredShapes> infer_reshape(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<ReshapeOp>();
  Shape src = inputs[0];
  auto codes = op.shape;
  if (op.reverse) {
    std::reverse(src.begin(), src.end());
    std::reverse(codes.begin(), codes.end());
  }
  OCTET_TRY(Shape out, Reshaper(src, codes).run());
  if (op.reverse) std::reverse(out.begin(), out.end());
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_reshape(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<ReshapeOp>();
  a.set("shape", op.shape);
  a.set("reverse", op.reverse, false);
  return "Reshape";
}

Result<ParsedOperator> parse_expand_dims(AttributeReader& a) {
  return ParsedOperator{ExpandDimsOp{a.integer("axis", std::nullopt, -kMaxAxes, kMaxAxes)}, {"data"}, {}, {}};
}

Result<InferredShapes> infer_expand_dims(const Node& node, std::span<const Shape> inputs) {
  Shape out = inputs[0];
  OCTET_TRY(const auto axis, resolve_axis(node.as<ExpandDimsOp>()->axis, out.size() + 1));
  out.insert(out.begin() + axis, 1);
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_expand_dims(const Node& node, AttributeWriter& a) {
  a.set("axis", node.as<ExpandDimsOp>()->axis);
  return "expand_dims";
}

Result<ParsedOperator> parse_squeeze(AttributeReader& a) {
  return ParsedOperator{
      SqueezeOp{a.integers("axis", -kMaxAxes, kMaxAxes).value_or(std::vector<std::int64_t>{})}, {"data"}, {}, {}};
}

Result<InferredShapes> infer_squeeze(const Node& node, std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  const auto& axes = node.as<SqueezeOp>()->axes;
  std::vector<char> dropped(x.size());
  for (std::size_t k = 0; k < x.size() && axes.empty(); ++k) dropped[k] = x[k] == 1 ? 1 : 0;
  for (const std::int64_t axis : axes) {
    OCTET_TRY(const auto resolved, resolve_axis(axis, x.size()));
    const auto k = static_cast<std::size_t>(resolved);
    if (x[k] != 1) return misfit("axis " + std::to_string(axis) + " of " + to_string(x) + " is not of size 1");
    dropped[k] = 1;
  }
  Shape out;
  for (std::size_t k = 0; k < x.size(); ++k) {
    if (dropped[k] == 0) out.push_back(x[k]);
  }
  if (out.empty()) out.push_back(1);
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_squeeze(const Node& node, AttributeWriter& a) {
  a.set("axis", node.as<SqueezeOp>()->axes, std::vector<std::int64_t>{});
  return "squeeze";
}

Result<ParsedOperator> parse_transpose(AttributeReader& a) {
  TransposeOp op;
  op.axes = a.integers("axes", -kMaxAxes, kMaxAxes).value_or(std::vector<std::int64_t>{});
  return ParsedOperator{std::move(op), {"data"}, {}, {}};
}

Result<InferredShapes> infer_transpose(const Node& node, std::span<const Shape> inputs) {
  const auto& axes = node.as<TransposeOp>()->axes;
  const Shape& x = inputs[0];
  if (axes.empty()) return InferredShapes{{Shape(x.rbegin(), x.rend())}, {}};
  Shape out;
  std::vector<char> seen(x.size());
  for (const std::int64_t axis : axes) {
    OCTET_TRY(const auto resolved, resolve_axis(axis, x.size()));
    if (seen[static_cast<std::size_t>(resolved)]++ != 0) return misfit("'axes' names an axis twice");
    out.push_back(x[static_cast<std::size_t>(resolved)]);
  }
  if (out.size() != x.size()) return misfit("'axes' does not name every axis of " + to_string(x));
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_transpose(const Node& node, AttributeWriter& a) {
  a.set("axes", node.as<TransposeOp>()->axes, std::vector<std::int64_t>{});
  return "transpose";
}

Result<ParsedOperator> parse_pad(AttributeReader& a) {
  PadOp op;
  op.mode = a.choice<PadMode>(
      "mode", std::nullopt, {{"constant", PadMode::constant}, {"edge", PadMode::edge}, {"reflect", PadMode::reflect}});
  op.value = a.real("constant_value", 0.0F);
  if (!std::isfinite(op.value)) a.problem("attribute 'constant_value' is not finite");
  const auto widths = a.integers("pad_width", 0, kMaxWindow);
  if (!widths || widths->size() % 2 != 0 || widths->size() > 2 * kMaxAxes) {
    a.problem("attribute 'pad_width' is not a pair of sizes for every axis");
    return ParsedOperator{std::move(op), {"data"}, {}, {}};
  }
  for (std::size_t i = 0; i < widths->size(); i += 2) {
    op.before.push_back((*widths)[i]);
    op.after.push_back((*widths)[i + 1]);
  }
  return ParsedOperator{std::move(op), {"data"}, {}, {}};
}

Result<InferredShapes> infer_pad(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<PadOp>();
  Shape out = inputs[0];
  if (op.before.size() != out.size() || op.after.size() != out.size()) {
    return misfit("'pad_width' has " + std::to_string(2 * op.before.size()) + " sizes for the input " + to_string(out));
  }
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (op.mode == PadMode::reflect && std::max(op.before[i], op.after[i]) >= out[i]) {
      return misfit("a reflected border is wider than the input " + to_string(inputs[0]));
    }
    out[i] += op.before[i] + op.after[i];
  }
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_pad(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<PadOp>();
  const char* mode = op.mode == PadMode::constant ? "constant" : op.mode == PadMode::edge ? "edge" : "reflect";
  std::vector<std::int64_t> widths;
  for (std::size_t i = 0; i < op.before.size(); ++i) {
    widths.push_back(op.before[i]);
    widths.push_back(op.after[i]);
  }
  a.set("mode", std::string(mode));
  a.set("pad_width", widths);
  a.set("constant_value", op.value, 0.0F);
  return "Pad";
}

}  // namespace

const OpKind& kind_of(const ConcatOp& /*op*/) {
  static const OpKind kind{"Concat", 1, 1 << 16, 0, 0, false, infer_concat, write_concat};
  return kind;
}
const OpKind& kind_of(const FlattenOp& /*op*/) {
  static const OpKind kind{"Flatten", 1, 1, 0, 0, false, infer_flatten, write_flatten};
  return kind;
}
const OpKind& kind_of(const ReshapeOp& /*op*/) {
  static const OpKind kind{"Reshape", 1, 1, 0, 0, false, infer_reshape, write_reshape};
  return kind;
}
const OpKind& kind_of(const ExpandDimsOp& /*op*/) {
  static const OpKind kind{"expand_dims", 1, 1, 0, 0, false, infer_expand_dims, write_expand_dims};
  return kind;
}
const OpKind& kind_of(const SqueezeOp& /*op*/) {
  static const OpKind kind{"squeeze", 1, 1, 0, 0, false, infer_squeeze, write_squeeze};
  return kind;
}
const OpKind& kind_of(const TransposeOp& /*op*/) {
  static const OpKind kind{"transpose", 1, 1, 0, 0, false, infer_transpose, write_transpose};
  return kind;
}
const OpKind& kind_of(const PadOp& /*op*/) {
  static const OpKind kind{"Pad", 1, 1, 0, 0, false, infer_pad, write_pad};
  return kind;
}

std::span<const OperatorDef> shape_operators() {
  static const std::vector<OperatorDef> table{
      {{"Concat", "concat"}, parse_concat},
      {{"Flatten", "flatten"}, parse_flatten},
      {{"Reshape", "reshape"}, parse_reshape},
      {{"expand_dims"}, parse_expand_dims},
      {{"squeeze"}, parse_squeeze},
      {{"transpose"}, parse_transpose},
      {{"Pad", "pad"}, parse_pad},
  };
  return table;
}

}  // namespace octet
