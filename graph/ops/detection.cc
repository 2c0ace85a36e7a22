#include <algorithm>
#include <cmath>

#include "octet/graph/ops.h"

namespace octet {
namespace {

/// Four numbers onto `values`, if the attribute is there.
void read_four(AttributeReader& a, const char* key, std::array<float, 4>& values) {
  const auto read = a.reals(key);
  if (!read) return;
  if (read->size() != 4) return a.problem(std::string("attribute '") + key + "' does not have four values");
  std::copy(read->begin(), read->end(), values.begin());
}

void check_finite(AttributeReader& a, std::initializer_list<float> values) {
  if (std::any_of(values.begin(), values.end(), [](float x) { return !std::isfinite(x); })) {
    a.problem("a threshold or variance is not finite");
  }
}

std::vector<float> tuple(const std::array<float, 4>& values) { return {values.begin(), values.end()}; }

Result<ParsedOperator> parse_multibox_detection(AttributeReader& a) {
  MultiBoxDetectionOp op;
  op.clip = a.boolean("clip", true);
  op.threshold = a.real("threshold", 0.01F);
  op.nms_threshold = a.real("nms_threshold", 0.5F);
  op.force_suppress = a.boolean("force_suppress", false);
  op.nms_topk = a.integer("nms_topk", -1, -1);
  a.only("background_id", {"0"});  // what MXNet's CPU code takes, whatever is written
  read_four(a, "variances", op.variances);
  check_finite(a, {op.threshold, op.nms_threshold, op.variances[0], op.variances[1], op.variances[2], op.variances[3]});
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
  a.set("clip", op.clip, fallback.clip);
  a.set("threshold", op.threshold, fallback.threshold);
  a.set("nms_threshold", op.nms_threshold, fallback.nms_threshold);
  a.set("force_suppress", op.force_suppress, fallback.force_suppress);
  a.set("variances", tuple(op.variances), tuple(fallback.variances));
  a.set("nms_topk", op.nms_topk, fallback.nms_topk);
  return "_contrib_MultiBoxDetection";
}

/// Two numbers (y, x) in [low, high] onto `values`, if the attribute is there.
void read_two(AttributeReader& a, const char* key, float low, float high, std::array<float, 2>& values) {
  const auto read = a.reals(key);
  if (!read) return;
  const auto fits = [&](float x) { return x >= low && x <= high; };
  if (read->size() != 2 || !std::all_of(read->begin(), read->end(), fits)) {
    return a.problem(std::string("attribute '") + key + "' is not two numbers (y, x) from " + format(low) + " to " +
                     format(high));
  }
  std::copy(read->begin(), read->end(), values.begin());
}

Result<ParsedOperator> parse_multibox_prior(AttributeReader& a) {
  constexpr float kLargest = 1e6F;
  MultiBoxPriorOp op;
  const auto positive = [](float x) { return x > 0 && x < kLargest; };
  for (auto [key, values] : {std::pair("sizes", &op.sizes), std::pair("ratios", &op.ratios)}) {
    if (auto read = a.reals(key)) *values = *std::move(read);
    if (values->empty() || !std::all_of(values->begin(), values->end(), positive)) {
      a.problem(std::string("attribute '") + key + "' is not a list of positive numbers");
    }
  }
  op.clip = a.boolean("clip", false);
  read_two(a, "steps", -kLargest, kLargest, op.steps);
  if (op.steps[0] * op.steps[1] < 0) a.problem("attribute 'steps' gives one step only");
  read_two(a, "offsets", 0, 1, op.offsets);
  return ParsedOperator{std::move(op), {"data"}, {}, {}};
}

Result<InferredShapes> infer_multibox_prior(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<MultiBoxPriorOp>();
  const Shape& x = inputs[0];
  if (x.size() != 4) return misfit("the input " + to_string(x) + " is not (N, C, H, W)");
  const auto boxes = static_cast<std::int64_t>(op.sizes.size() + op.ratios.size() - 1);
  OCTET_TRY(const std::size_t count, element_count({x[2], x[3], boxes}));
  return InferredShapes{{{1, static_cast<std::int64_t>(count), 4}}, {}};
}

std::string write_multibox_prior(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<MultiBoxPriorOp>();
  const MultiBoxPriorOp fallback;
  const auto pair = [](const std::array<float, 2>& values) { return std::vector<float>(values.begin(), values.end()); };
  a.set("sizes", op.sizes, fallback.sizes);
  a.set("ratios", op.ratios, fallback.ratios);
  a.set("clip", op.clip, fallback.clip);
  a.set("steps", pair(op.steps), pair(fallback.steps));
  a.set("offsets", pair(op.offsets), pair(fallback.offsets));
  return "_contrib_MultiBoxPrior";
}

BoxFormat read_format(AttributeReader& a, const char* key) {
  return a.choice<BoxFormat>(key, BoxFormat::corner, {{"corner", BoxFormat::corner}, {"center", BoxFormat::center}});
}

Result<ParsedOperator> parse_box_nms(AttributeReader& a) {
  BoxNmsOp op;
  op.overlap_thresh = a.real("overlap_thresh", op.overlap_thresh);
  op.valid_thresh = a.real("valid_thresh", op.valid_thresh);
  op.topk = a.integer("topk", -1, -kMaxAttribute);
  op.coord_start = a.integer("coord_start", 2);
  op.score_index = a.integer("score_index", 1);
  op.id_index = a.integer("id_index", -1, -kMaxAttribute);
  op.background_id = a.integer("background_id", -1, -kMaxAttribute);
  op.force_suppress = a.boolean("force_suppress", false);
  op.in_format = read_format(a, "in_format");
  op.out_format = read_format(a, "out_format");
  check_finite(a, {op.overlap_thresh, op.valid_thresh});
  return ParsedOperator{op, {"data"}, {}, {}};
}

Result<InferredShapes> infer_box_nms(const Node& node, std::span<const Shape> inputs) {
  const auto& op = *node.as<BoxNmsOp>();
  const Shape& x = inputs[0];
  if (x.size() < 2) return misfit("the input " + to_string(x) + " has no rows of boxes");
  const std::int64_t width = x.back();
  const auto outside = [&](std::int64_t index) {
    return index >= width || (index >= op.coord_start && index < op.coord_start + 4);
  };
  if (op.coord_start + 4 > width || outside(op.score_index) || (op.id_index >= 0 && outside(op.id_index)) ||
      op.score_index == op.id_index) {
    return misfit("coordinates, score and id do not fit into rows of " + std::to_string(width));
  }
  return InferredShapes{{x}, {}};
}

std::string write_box_nms(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<BoxNmsOp>();
  const BoxNmsOp fallback;
  const auto format_name = [](BoxFormat f) { return std::string(f == BoxFormat::corner ? "corner" : "center"); };
  a.set("overlap_thresh", op.overlap_thresh, fallback.overlap_thresh);
  a.set("valid_thresh", op.valid_thresh, fallback.valid_thresh);
  a.set("topk", op.topk, fallback.topk);
  a.set("coord_start", op.coord_start, fallback.coord_start);
  a.set("score_index", op.score_index, fallback.score_index);
  a.set("id_index", op.id_index, fallback.id_index);
  a.set("background_id", op.background_id, fallback.background_id);
  a.set("force_suppress", op.force_suppress, fallback.force_suppress);
  a.set("in_format", format_name(op.in_format), format_name(fallback.in_format));
  a.set("out_format", format_name(op.out_format), format_name(fallback.out_format));
  return "_contrib_box_nms";
}

Result<ParsedOperator> parse_box_detection(AttributeReader& a) {
  BoxDetectionOp op;
  op.score_threshold = a.real("score_threshold", op.score_threshold);
  read_four(a, "stds", op.stds);
  read_four(a, "means", op.means);
  op.overlap_thresh = a.real("overlap_thresh", op.overlap_thresh);
  op.valid_thresh = a.real("valid_thresh", op.valid_thresh);
  op.topk = a.integer("topk", op.topk, -1);
  op.rows = a.integer("rows", op.rows, 1);
  check_finite(a, {op.score_threshold, op.overlap_thresh, op.valid_thresh});
  check_finite(a, {op.stds[0], op.stds[1], op.stds[2], op.stds[3]});
  check_finite(a, {op.means[0], op.means[1], op.means[2], op.means[3]});
  if (!(op.valid_thresh >= 0) || op.topk == 0) a.problem("'valid_thresh' is below 0 or 'topk' is 0");
  return ParsedOperator{op, {"cls_prob", "loc_pred", "anchor"}, {}, {}};
}

Result<InferredShapes> infer_box_detection(const Node& node, std::span<const Shape> inputs) {
  const std::int64_t rows = node.as<BoxDetectionOp>()->rows;
  const Shape &scores = inputs[0], &boxes = inputs[1], &anchors = inputs[2];
  if (scores.size() != 3 || scores[2] < 2) {
    return misfit("'cls_prob' " + to_string(scores) + " is not (N, anchors, classes + 1)");
  }
  if (boxes != Shape{scores[0], scores[1], 4} || anchors != Shape{1, scores[1], 4}) {
    return misfit("'loc_pred' " + to_string(boxes) + " and 'anchor' " + to_string(anchors) +
                  " do not fit to 'cls_prob' " + to_string(scores));
  }
  if (scores[1] > kMaxAttribute || scores[2] > kMaxAttribute || rows > scores[1] * (scores[2] - 1)) {
    return misfit("'rows' is more than all classes of all anchors");
  }
  return InferredShapes{{{scores[0], rows, 6}}, {}};
}

std::string write_box_detection(const Node& node, AttributeWriter& a) {
  const auto& op = *node.as<BoxDetectionOp>();
  const BoxDetectionOp fallback;
  a.set("score_threshold", op.score_threshold, fallback.score_threshold);
  a.set("stds", tuple(op.stds), tuple(fallback.stds));
  a.set("means", tuple(op.means), tuple(fallback.means));
  a.set("overlap_thresh", op.overlap_thresh, fallback.overlap_thresh);
  a.set("valid_thresh", op.valid_thresh, fallback.valid_thresh);
  a.set("topk", op.topk, fallback.topk);
  a.set("rows", op.rows, fallback.rows);
  return "_octet_box_detection";
}

/// The head of a training symbol: its input, at inference.
Result<ParsedOperator> parse_make_loss(AttributeReader& a) {
  a.ignore({"grad_scale", "valid_thresh", "normalization"});
  return ParsedOperator{IdentityOp{}, {"data"}, {}, {}};
}

}  // namespace

const OpKind& kind_of(const MultiBoxDetectionOp& /*op*/) {
  static const OpKind kind{"MultiBoxDetection", 3, 3, 0, 0, false, infer_multibox_detection, write_multibox_detection};
  return kind;
}

const OpKind& kind_of(const MultiBoxPriorOp& /*op*/) {
  static const OpKind kind{"MultiBoxPrior", 1, 1, 0, 0, false, infer_multibox_prior, write_multibox_prior};
  return kind;
}
const OpKind& kind_of(const BoxNmsOp& /*op*/) {
  static const OpKind kind{"box_nms", 1, 1, 0, 0, false, infer_box_nms, write_box_nms};
  return kind;
}
const OpKind& kind_of(const BoxDetectionOp& /*op*/) {
  static const OpKind kind{"BoxDetection", 3, 3, 0, 0, false, infer_box_detection, write_box_detection};
  return kind;
}

std::span<const OperatorDef> detection_operators() {
  static const std::vector<OperatorDef> table{
      {{"_contrib_MultiBoxDetection", "MultiBoxDetection"}, parse_multibox_detection},
      {{"_contrib_MultiBoxPrior", "MultiBoxPrior"}, parse_multibox_prior},
      {{"_contrib_box_nms", "_contrib_box_non_maximum_suppression", "box_nms"}, parse_box_nms},
      {{"_octet_box_detection", "box_detection"}, parse_box_detection, 1, true},
      {{"MakeLoss", "make_loss"}, parse_make_loss},
  };
  return table;
}

}  // namespace octet
