// Operators that cut parts out of values: slice, slice_axis, slice_like, SliceChannel.
#include <algorithm>
#include <limits>

#include "octet/graph/ops.h"

namespace octet {
namespace {

constexpr std::int64_t kMaxPosition = std::int64_t{1} << 40;

Result<ParsedOperator> parse_slice(AttributeReader& a) {
  SliceOp op;
  const auto begin = a.optional_integers("begin", -kMaxPosition, kMaxPosition);
  const auto end = a.optional_integers("end", -kMaxPosition, kMaxPosition);
  const auto step = a.optional_integers("step", -kMaxPosition, kMaxPosition);
  if (!begin || !end || begin->empty() || begin->size() != end->size() || begin->size() > kMaxAxes) {
    a.problem("'begin' and 'end' are missing or of unequal size");
  } else {
    op.begin = *begin;
    op.end = *end;
    op.step.assign(begin->size(), 1);
  }
  if (step && !step->empty()) {
    if (step->size() != op.begin.size()) a.problem("'step' is not of the size of 'begin'");
    std::ranges::transform(*step, op.step.begin(), [](const auto& s) { return s.value_or(1); });
    if (std::ranges::count(op.step, 0) != 0) a.problem("'step' is 0");
  }
  return ParsedOperator{std::move(op), {"data"}, {}, {}};
}

Result<ParsedOperator> parse_slice_axis(AttributeReader& a) {
  const std::int64_t axis = a.integer("axis", std::nullopt, -kMaxAxes, kMaxAxes);
  const std::int64_t begin = a.integer("begin", std::nullopt, -kMaxPosition, kMaxPosition);
  const auto end = a.optional_integer("end", -kMaxPosition, kMaxPosition);
  return ParsedOperator{SliceOp{axis, {begin}, {end}, {1}}, {"data"}, {}, {}};
}

AxisCut cut_axis(std::optional<std::int64_t> begin, std::optional<std::int64_t> end, std::int64_t step,
                 std::int64_t size) {
  const auto place = [size](std::int64_t position, std::int64_t low, std::int64_t high) {
    return std::clamp(position < 0 ? position + size : position, low, high);
  };
  if (step > 0) {
    const std::int64_t first = begin ? place(*begin, 0, size) : 0, last = end ? place(*end, 0, size) : size;
    return {first, step, last > first ? (last - first - 1) / step + 1 : 0};
  }
  const std::int64_t first = begin ? place(*begin, -1, size - 1) : size - 1,
                     last = end ? place(*end, -1, size - 1) : -1;
  return {first, step, first > last ? (first - last - 1) / -step + 1 : 0};
}

Result<InferredShapes> infer_slice(const Node& node, std::span<const Shape> inputs) {
  OCTET_TRY(const auto cuts, slice_cuts(*node.as<SliceOp>(), inputs[0]));
  Shape out;
  for (const AxisCut& cut : cuts) out.push_back(cut.count);
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_slice(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<SliceOp>();
  if (op.begin.size() == 1 && op.step[0] == 1) {
    a.set("axis", op.axis);
    a.set("begin", op.begin[0].value_or(0));
    a.set("end", op.end[0] ? format(*op.end[0]) : std::string("None"));
    return "slice_axis";
  }
  // Axes count from the front in a built graph; those before the first one are whole.
  const auto whole = static_cast<std::size_t>(std::max<std::int64_t>(op.axis, 0));
  std::vector<std::optional<std::int64_t>> begin(whole), end(whole);
  std::vector<std::int64_t> step(whole, 1);
  begin.insert(begin.end(), op.begin.begin(), op.begin.end());
  end.insert(end.end(), op.end.begin(), op.end.end());
  step.insert(step.end(), op.step.begin(), op.step.end());
  a.set("begin", begin);
  a.set("end", end);
  a.set("step", step, std::vector<std::int64_t>(step.size(), 1));
  return "slice";
}

Result<ParsedOperator> parse_slice_like(AttributeReader& a) {
  SliceLikeOp op;
  op.axes = a.integers("axes", -kMaxAxes, kMaxAxes).value_or(std::vector<std::int64_t>{});
  return ParsedOperator{std::move(op), {"data", "shape_like"}, {}, {}};
}

Result<InferredShapes> infer_slice_like(const Node& node, std::span<const Shape> inputs) {
  std::vector<std::int64_t> axes = node.as<SliceLikeOp>()->axes;
  const Shape &x = inputs[0], &like = inputs[1];
  if (axes.empty()) {
    if (x.size() != like.size()) return misfit("'shape_like' " + to_string(like) + " has other axes");
    for (std::size_t i = 0; i < x.size(); ++i) axes.push_back(static_cast<std::int64_t>(i));
  }
  Shape out = x;
  for (const std::int64_t axis : axes) {
    OCTET_TRY(const auto at, resolve_axis(axis, x.size()));
    OCTET_TRY(const auto from, resolve_axis(axis, like.size()));
    const std::int64_t size = like[static_cast<std::size_t>(from)];
    if (size > x[static_cast<std::size_t>(at)]) {
      return misfit("'shape_like' " + to_string(like) + " is larger than " + to_string(x));
    }
    out[static_cast<std::size_t>(at)] = size;
  }
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_slice_like(const Node& node, AttributeWriter& a) {
  a.set("axes", node.as<SliceLikeOp>()->axes, std::vector<std::int64_t>{});
  return "slice_like";
}

/// `part` is what single_outputs adds.
Result<ParsedOperator> parse_slice_channel(AttributeReader& a) {
  SplitOp op;
  op.parts = a.integer("num_outputs", std::nullopt, 1);
  op.axis = a.integer("axis", 1, -kMaxAxes, kMaxAxes);
  op.part = a.integer("part", 0, 0, op.parts - 1);
  op.squeeze = a.boolean("squeeze_axis", false);
  if (op.squeeze && op.axis == 0) a.problem("'squeeze_axis' of axis 0 is not supported", ErrorCode::unsupported);
  return ParsedOperator{op, {"data"}, {}, {}};
}

Result<InferredShapes> infer_split(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<SplitOp>();
  Shape out = inputs[0];
  OCTET_TRY(const auto axis, resolve_axis(op.axis, out.size()));
  std::int64_t& size = out[static_cast<std::size_t>(axis)];
  if (size % op.parts != 0) {
    return misfit("axis " + std::to_string(axis) + " of " + to_string(inputs[0]) + " has no " +
                  std::to_string(op.parts) + " equal parts");
  }
  size /= op.parts;
  if (op.squeeze && size != 1) return misfit("'squeeze_axis' of parts of size " + std::to_string(size));
  return InferredShapes{{std::move(out)}, {}};
}

std::string write_split(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<SplitOp>();
  a.set("num_outputs", op.parts);
  a.set("axis", op.axis, std::int64_t{1});
  a.set("part", op.part, std::int64_t{0});
  a.set("squeeze_axis", op.squeeze, false);
  return "SliceChannel";
}

}  // namespace

Result<std::vector<AxisCut>> slice_cuts(const SliceOp& op, const Shape& shape) {
  OCTET_TRY(const auto resolved, resolve_axis(op.axis, shape.size()));
  const auto first = static_cast<std::size_t>(resolved);
  if (first + op.begin.size() > shape.size()) return misfit("more axes are cut than " + to_string(shape) + " has");
  std::vector<AxisCut> cuts;
  for (std::size_t i = 0; i < shape.size(); ++i) {
    cuts.push_back({0, 1, shape[i]});
    if (i < first || i >= first + op.begin.size()) continue;
    const std::size_t k = i - first;
    cuts[i] = cut_axis(op.begin[k], op.end[k], op.step[k], shape[i]);
    if (cuts[i].count < 1) return misfit("nothing is left of axis " + std::to_string(i) + " of " + to_string(shape));
  }
  return cuts;
}

const OpKind& kind_of(const SliceOp& /*op*/) {
  static const OpKind kind{"slice", 1, 1, 0, 0, false, infer_slice, write_slice};
  return kind;
}
const OpKind& kind_of(const SliceLikeOp& /*op*/) {
  static const OpKind kind{"slice_like", 2, 2, 0, 0, false, infer_slice_like, write_slice_like};
  return kind;
}
const OpKind& kind_of(const SplitOp& /*op*/) {
  static const OpKind kind{"SliceChannel", 1, 1, 0, 0, false, infer_split, write_split};
  return kind;
}

std::span<const OperatorDef> slice_operators() {
  static const std::vector<OperatorDef> table{
      {{"slice", "crop"}, parse_slice},
      {{"slice_axis"}, parse_slice_axis},
      {{"slice_like"}, parse_slice_like},
      {{"SliceChannel", "split"}, parse_slice_channel},
  };
  return table;
}

}  // namespace octet
