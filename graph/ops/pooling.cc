#include "octet/graph/ops.h"

namespace octet {
namespace {

Result<ParsedOperator> parse_pooling(AttributeReader& a) {
  PoolingOp op;
  op.kind = a.choice<PoolKind>("pool_type", PoolKind::max,
                               {{"max", PoolKind::max}, {"avg", PoolKind::avg}, {"sum", PoolKind::sum}}, {"lp"});
  op.global = a.boolean("global_pool", false);
  op.convention =
      a.choice<PoolConvention>("pooling_convention", PoolConvention::valid,
                               {{"valid", PoolConvention::valid}, {"full", PoolConvention::full}}, {"same"});
  // A global pool ignores its window, whatever is written there.
  if (op.global) {
    a.ignore({"kernel", "stride", "pad"});
    op.convention = PoolConvention::valid;
  } else {
    op.kernel = read_size2(a, "kernel", 1, std::nullopt);
    op.stride = read_size2(a, "stride", 1, Size2{1, 1});
    op.pad = read_size2(a, "pad", 0, Size2{0, 0});
  }
  op.count_include_pad = a.optional_boolean("count_include_pad").value_or(true);
  a.only("layout", {"None", "NCHW"});
  a.ignore({"p_value", "cudnn_off"});
  return ParsedOperator{op, {"data"}, {}, {}};
}

/// One axis of the output: 1 + (size + 2 pad - kernel) / stride, rounded down (valid) or up (full).
/// MXNet computes windows that lie in the padding alone as -infinity or 0 / 0; here they are refused.
/// That also settles Pooling_v1, whose rule differs from Pooling's in just those cases.
Result<std::int64_t> pooled(const PoolingOp& op, std::int64_t size, std::size_t axis) {
  const std::int64_t kernel = op.kernel[axis], stride = op.stride[axis], pad = op.pad[axis];
  const std::int64_t room = size + 2 * pad - kernel;
  if (room < 0) {
    return misfit("a window of " + std::to_string(kernel) + " does not fit into " + std::to_string(size) + " + 2 * " +
                  std::to_string(pad) + " padding");
  }
  const std::int64_t out = 1 + (op.convention == PoolConvention::full ? (room + stride - 1) / stride : room / stride);
  if (pad >= kernel || (out - 1) * stride - pad >= size) {
    return Error{ErrorCode::unsupported, "", "a pooling window lies in the padding alone"};
  }
  return out;
}

Result<InferredShapes> infer_pooling(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<PoolingOp>();
  const Shape& x = inputs[0];
  if (x.size() != 4) return misfit("the input " + to_string(x) + " is not (N, C, H, W)");
  if (op.global) return InferredShapes{{{x[0], x[1], 1, 1}}, {}};
  OCTET_TRY(const auto height, pooled(op, x[2], 0));
  OCTET_TRY(const auto width, pooled(op, x[3], 1));
  return InferredShapes{{{x[0], x[1], height, width}}, {}};
}

std::string write_pooling(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<PoolingOp>();
  const auto tuple = [](const Size2& size) { return std::vector<std::int64_t>(size.begin(), size.end()); };
  const char* kind = op.kind == PoolKind::max ? "max" : op.kind == PoolKind::avg ? "avg" : "sum";
  a.set("pool_type", std::string(kind));
  a.set("global_pool", op.global, false);
  if (!op.global) {
    a.set("kernel", tuple(op.kernel));
    a.set("stride", tuple(op.stride), {1, 1});
    a.set("pad", tuple(op.pad), {0, 0});
    if (op.convention == PoolConvention::full) a.set("pooling_convention", std::string("full"));
  }
  a.set("count_include_pad", op.count_include_pad, true);
  return "Pooling";
}

}  // namespace

const OpKind& kind_of(const PoolingOp& /*op*/) {
  static const OpKind kind{"Pooling", 1, 1, 0, 0, false, infer_pooling, write_pooling};
  return kind;
}

std::span<const OperatorDef> pooling_operators() {
  static const std::vector<OperatorDef> table{{{"Pooling", "Pooling_v1"}, parse_pooling}};
  return table;
}

}  // namespace octet
