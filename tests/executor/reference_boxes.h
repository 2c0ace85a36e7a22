// Box operators by their definition, for tests.
#pragma once

#include <vector>

#include "octet/graph/op.h"

namespace octet::test {

/// box_nms of one image's rows of `width` elements (executor/kernels/box_nms.h).
std::vector<float> reference_box_nms(const BoxNmsOp& op, std::size_t width, const std::vector<float>& rows);

/// GluonCV's SSD tail for one image, operator by operator: rows of every class of every anchor (id -1 and score 0 where
/// the score test fails), box_nms over all of them, the first op.rows rows.
std::vector<float> reference_box_detection(const BoxDetectionOp& op, std::size_t classes, const float* cls_prob,
                                           const float* loc_pred, const std::vector<float>& anchors);

}  // namespace octet::test
