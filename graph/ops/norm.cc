// Normalisation that depends on the picture: LRN, InstanceNorm.
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

Result<ParsedOperator> parse_lrn(AttributeReader& a) {
  LrnOp op;
  op.alpha = a.real("alpha", 1e-4F);
  op.beta = a.real("beta", 0.75F);
  op.knorm = a.real("knorm", 2.0F);
  op.nsize = a.integer("nsize", std::nullopt, 1, 1 << 12);
  if (op.nsize % 2 == 0) a.problem("attribute 'nsize' is not odd");
  if (!(std::isfinite(op.alpha) && std::isfinite(op.beta) && std::isfinite(op.knorm))) {
    a.problem("an attribute is not finite");
  }
  return ParsedOperator{op, {"data"}, {}, {}};
}

Result<InferredShapes> infer_lrn(const Node& /*node*/, std::span<const Shape> inputs) {
  if (inputs[0].size() != 4) return misfit("the input " + to_string(inputs[0]) + " is not (N, C, H, W)");
  return InferredShapes{{inputs[0]}, {}};
}

std::string write_lrn(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<LrnOp>();
  a.set("alpha", op.alpha, 1e-4F);
  a.set("beta", op.beta, 0.75F);
  a.set("knorm", op.knorm, 2.0F);
  a.set("nsize", op.nsize);
  return "LRN";
}

Result<ParsedOperator> parse_instance_norm(AttributeReader& a) {
  const InstanceNormOp op{a.real("eps", 1e-3F)};
  if (!(op.eps >= 0 && std::isfinite(op.eps))) a.problem("attribute 'eps' is out of range");
  return ParsedOperator{op, {"data"}, {"gamma", "beta"}, {}};
}

Result<InferredShapes> infer_instance_norm(const Node& /*node*/, std::span<const Shape> inputs) {
  if (inputs[0].size() != 4) return misfit("the input " + to_string(inputs[0]) + " is not (N, C, H, W)");
  return InferredShapes{{inputs[0]}, {{inputs[0][1]}, {inputs[0][1]}}};
}

std::string write_instance_norm(const Node& node, AttributeWriter& a) {
  a.set("eps", node.as<InstanceNormOp>()->eps, 1e-3F);
  return "InstanceNorm";
}

}  // namespace

const OpKind& kind_of(const LrnOp& /*op*/) {
  static const OpKind kind{"LRN", 1, 1, 0, 0, false, infer_lrn, write_lrn};
  return kind;
}

const OpKind& kind_of(const InstanceNormOp& /*op*/) {
  static const OpKind kind{"InstanceNorm", 1, 1, 2, 2, false, infer_instance_norm, write_instance_norm};
  return kind;
}

std::span<const OperatorDef> norm_operators() {
  static const std::vector<OperatorDef> table{
      {{"LRN"}, parse_lrn, 2},                     // output, norm
      {{"InstanceNorm"}, parse_instance_norm, 3},  // output, mean, variance
  };
  return table;
}

}  // namespace octet
