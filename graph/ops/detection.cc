#include <algorithm>
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

Result<ParsedOperator> parse_multibox_detection(AttributeReader& a) {
  MultiBoxDetectionOp op;
  op.clip = a.boolean("clip", true);
  op.threshold = a.real("threshold", 0.01F);
  op.nms_threshold = a.real("nms_threshold", 0.5F);
  op.force_suppress = a.boolean("force_suppress", false);
  op.nms_topk = a.integer("nms_topk", -1, -1);
  a.only("background_id", {"0"});  // what MXNet's CPU code takes, whatever is written
  if (const auto variances = a.reals("variances")) {
    if (variances->size() == 4) {
      std::copy(variances->begin(), variances->end(), op.variances.begin());
    } else {
      a.problem("attribute 'variances' does not have four values");
    }
  }
  for (const float value :
       {op.threshold, op.nms_threshold, op.variances[0], op.variances[1], op.variances[2], op.variances[3]}) {
    if (!std::isfinite(value)) a.problem("a threshold or variance is not finite");
  }
  return ParsedOperator{op, {"cls_prob", "loc_pred", "anchor"}, {}, {}};
}

Result<InferredShapes> infer_multibox_detection(const Node& /*node*/, std::span<const Shape> inputs) {
  const Shape &scores = inputs[0], &boxes = inputs[1], &anchors = inputs[2];
  if (scores.size() != 3 || scores[1] < 2) {
    return misfit("'cls_prob' " + to_string(scores) + " is not (N, classes + 1, anchors)");
  }
  const std::int64_t count = scores[2];
  if (anchors != Shape{1, count, 4}) {
    return misfit("'anchor' " + to_string(anchors) + " is not (1, " + std::to_string(count) + ", 4)");
  }
  if (boxes.size() != 2 || boxes[0] != scores[0] || boxes[1] != 4 * count) {
    return misfit("'loc_pred' " + to_string(boxes) + " is not (N, 4 * " + std::to_string(count) + ")");
  }
  return InferredShapes{{{scores[0], count, 6}}, {}};
}

std::string write_multibox_detection(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<MultiBoxDetectionOp>();
  const MultiBoxDetectionOp fallback;
  const auto tuple = [](const auto& values) { return std::vector<float>(values.begin(), values.end()); };
  a.set("clip", op.clip, fallback.clip);
  a.set("threshold", op.threshold, fallback.threshold);
  a.set("nms_threshold", op.nms_threshold, fallback.nms_threshold);
  a.set("force_suppress", op.force_suppress, fallback.force_suppress);
  a.set("variances", tuple(op.variances), tuple(fallback.variances));
  a.set("nms_topk", op.nms_topk, fallback.nms_topk);
  return "_contrib_MultiBoxDetection";
}

}  // namespace

const OpKind& kind_of(const MultiBoxDetectionOp& /*op*/) {
  static const OpKind kind{"MultiBoxDetection", 3, 3, 0, 0, false, infer_multibox_detection, write_multibox_detection};
  return kind;
}

std::span<const OperatorDef> detection_operators() {
  static const std::vector<OperatorDef> table{
      {{"_contrib_MultiBoxDetection", "MultiBoxDetection"}, parse_multibox_detection},
  };
  return table;
}

}  // namespace octet
