// Anchor boxes of SSD networks.
#pragma once

#include "octet/graph/op.h"
#include "octet/graph/result.h"

namespace octet {

/// MXNet's MultiBoxPrior for a feature map of `height` x `width`, f32 of shape (1, height * width * n, 4)
/// with n = sizes + ratios - 1: corners (xmin, ymin, xmax, ymax) as shares of the picture.
///   step = (1 / height, 1 / width) unless both of op.steps are above 0
///   for each row r and column c: cx = (c + offset_x) * step_x, cy = (r + offset_y) * step_y, and the boxes
///     for every size s: half width s * height / width * q / 2, half height s / q / 2, q = sqrt(ratios[0]);
///     for every ratio but the first: the same with q = sqrt(ratio) and s = sizes[0]
///   clip: corners are limited to [0, 1].
/// All in float, from left to right. (The factor height / width makes boxes of ratio 1 square in pixels. MXNet
/// before 1.3 took ratios[0] as 1, which it is in every known model.)
/// Error(limit) for more than 2^24 boxes.
Result<Tensor> multibox_prior(const MultiBoxPriorOp& op, std::int64_t height, std::int64_t width);

}  // namespace octet
