// From raw network output to predictions and detections.
#pragma once

#include <cstddef>  // std::size_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/graph/preprocess.h"
#include "octet/jobs/record.h"
#include "octet/loader/decoder.h"

namespace octet {

/// The `k` largest values, best first; equal scores by lower id, NaN behind every number.
std::vector<Prediction> top_k(std::span<const float> scores, std::size_t k);

/// MultiBoxDetection's rows [id, score, xmin, ymin, xmax, ymax] (corners as shares of the network's
/// input) with id >= 0, in their order, in pixels of the original picture and clipped to it.
std::vector<Detection> detections(std::span<const float> rows, const Preprocess& preprocess, const ImageInfo& picture);

/// The same rows from GluonCV's outputs: one id and one score per row, and four corners in pixels of the network's
/// input picture.
std::vector<float> detection_rows(std::span<const float> ids, std::span<const float> scores,
                                  std::span<const float> boxes, const Preprocess& preprocess);

}  // namespace octet
