#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

Result<ParsedOperator> parse_l2_normalization(AttributeReader& a) {
  L2NormalizationOp op;
  op.mode =
      a.choice<L2Mode>("mode", L2Mode::instance,
                       {{"instance", L2Mode::instance}, {"channel", L2Mode::channel}, {"spatial", L2Mode::spatial}});
  op.eps = a.real("eps", 1e-10F);
  if (!(op.eps >= 0) || !std::isfinite(op.eps)) a.problem("attribute 'eps' is not a number >= 0");
  ParsedOperator parsed{op, {"data"}, {}, {}};
  if (a.own("scaled") != nullptr) parsed.params.emplace_back("scale");
  return parsed;
}

Result<InferredShapes> infer_l2_normalization(const Node& node, std::span<const Shape> inputs) {
  const Shape& x = inputs[0];
  if (x.size() < 2) return misfit("the input " + to_string(x) + " has no channels");
  InferredShapes inferred{{x}, {}};
  if (!node.params.empty()) inferred.params.push_back({x[1]});
  return inferred;
}

std::string write_l2_normalization(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<L2NormalizationOp>();
  const char* mode = op.mode == L2Mode::instance ? "instance" : op.mode == L2Mode::channel ? "channel" : "spatial";
  a.set("mode", std::string(mode), std::string("instance"));
  a.set("eps", op.eps, 1e-10F);
  if (!node.params.empty()) a.set("__octet_scaled__", true);
  return "L2Normalization";
}

}  // namespace

const OpKind& kind_of(const L2NormalizationOp& /*op*/) {
  static const OpKind kind{"L2Normalization", 1, 1, 0, 1, false, infer_l2_normalization, write_l2_normalization};
  return kind;
}

std::span<const OperatorDef> l2_normalization_operators() {
  static const std::vector<OperatorDef> table{{{"L2Normalization"}, parse_l2_normalization}};
  return table;
}

}  // namespace octet
