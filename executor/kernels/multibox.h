// Decoding and non-maximum suppression of SSD detections (MultiBoxDetection).
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

struct MultiBoxShape {
  std::int64_t images = 1;
  std::int64_t classes = 2;  ///< including the background, class 0
  std::int64_t anchors = 1;  ///< < 2^31
};

/// Scratch of one call, whatever the number of images. Needs an alignment of 8 bytes.
std::size_t multibox_detection_scratch_bytes(const MultiBoxShape& shape) noexcept;

/// cls_prob (images, classes, anchors), loc_pred (images, 4 * anchors), anchors (anchors, 4) corners
/// l, t, r, b; dst (images, anchors, 6) rows [id, score, xmin, ymin, xmax, ymax]. All row-major f32.
///
/// As Apache MXNet's CPU operator does it:
///  1. Per anchor: the best class j in 1..classes-1, starting from score -1, strictly greater wins;
///     kept when a class was found and its score is not below op.threshold; id = j - 1.
///  2. With aw = r - l, ah = b - t, ax = (l + r) / 2, ay = (t + b) / 2, variances v and the anchor's
///     predictions p: cx = p0 * v0 * aw + ax, cy = p1 * v1 * ah + ay, hw = exp(p2 * v2) * aw / 2,
///     hh = exp(p3 * v3) * ah / 2; box = (cx - hw, cy - hh, cx + hw, cy + hh), limited to [0, 1] if op.clip.
///  3. Kept rows stand at the front in anchor order; everything else is -1.
///  4. Done when none is kept or nms_threshold is not in (0, 1].
///  5. Rows are ordered by descending score (equal scores: lower anchor first). With nms_topk > 0 only
///     the best nms_topk are; the rows behind them keep what step 3 put there, with id -1.
///  6. For i ascending with id >= 0, each j > i of the same id (any id if force_suppress) with
///     IoU >= nms_threshold gets id -1; its other columns stay.
void multibox_detection(const MultiBoxDetectionOp& op, const MultiBoxShape& shape, const float* cls_prob,
                        const float* loc_pred, const float* anchors, float* dst, void* scratch) noexcept;

}  // namespace octet::kernels
