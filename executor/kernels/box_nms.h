// Non-maximum suppression of rows of boxes, and the tail of GluonCV's SSD networks.
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

struct BoxNmsShape {
  std::int64_t images = 1;
  std::int64_t boxes = 1;  ///< rows of an image, < 2^31
  std::int64_t width = 6;  ///< elements of a row
};

/// Scratch of one call, whatever the number of images. Needs an alignment of 8 bytes.
std::size_t box_nms_scratch_bytes(const BoxNmsShape& shape) noexcept;

/// src and dst (images, boxes, width), row-major f32. As Apache MXNet's CPU operator box_nms does it, per image:
///  1. topk = all rows when op.topk < 0; with topk 0 the image is copied unchanged.
///  2. Valid rows have a score > op.valid_thresh and, when op.id_index >= 0, an id other than op.background_id.
///  3. They are ordered by descending score (equal scores: lower row first); the first topk stay.
///  4. For i ascending, not suppressed: each later j, of the same id unless op.force_suppress or op.id_index < 0 (ids
///     are compared as integers, truncated), is suppressed when IoU > op.overlap_thresh. Areas and intersections are
///     those of op.in_format; a box with a negative side has area 0; an IoU of 0 / 0 suppresses nothing.
///  5. The others stand at the front of dst in this order; everything behind them is -1.
///  6. When op.out_format differs from op.in_format the coordinates are converted, except in rows whose first
///     coordinate is below 0, which MXNet takes for empty ones.
void box_nms(const BoxNmsOp& op, const BoxNmsShape& shape, const float* src, float* dst, void* scratch) noexcept;

struct BoxDetectionShape {
  std::int64_t images = 1;
  std::int64_t anchors = 1;
  std::int64_t classes = 2;  ///< including the background, class 0; anchors * classes < 2^31
};

std::size_t box_detection_scratch_bytes(const BoxDetectionOp& op, const BoxDetectionShape& shape) noexcept;

/// cls_prob (images, anchors, classes), loc_pred (images, anchors, 4), anchors (anchors, 4) as x, y, width, height;
/// dst (images, op.rows, 6). All row-major f32. What GluonCV's SSD computes per image in some 130 operators:
///  1. A row [c - 1, score, box] for every class c >= 1 of every anchor a, number (c - 1) * anchors + a, whose score is
///     > op.score_threshold and > op.valid_thresh.
///  2. box: cx = (p0 * std0 + mean0) * aw + ax, cy likewise, hw = exp(p2 * std2 + mean2) * aw / 2, hh likewise;
///     (cx - hw, cy - hh, cx + hw, cy + hh).
///  3. box_nms over these rows with op.overlap_thresh and op.topk, ids compared, formats corner.
///  4. The first op.rows rows.
void box_detection(const BoxDetectionOp& op, const BoxDetectionShape& shape, const float* cls_prob,
                   const float* loc_pred, const float* anchors, float* dst, void* scratch) noexcept;

}  // namespace octet::kernels
