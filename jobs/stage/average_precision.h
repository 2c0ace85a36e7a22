// Average precision from a ranking: each metric's way to integrate precision over recall.
#pragma once

#include <vector>  // std::vector

#include "octet/jobs/detection_metrics.h"

namespace octet {

/// A hit in the ranking. The hits are all that matters: between two of them recall stands still and
/// precision only falls.
struct Hit {
  double found = 0;      ///< hits so far, this one included
  double precision = 0;  ///< found / detections so far
};

/// 0..1; `objects` is what recall is a share of. Overwrites the precisions with their envelope.
/// coco: mean of the precision at recalls 0, 0.01 ... 1 (in double precision, as numpy has them).
/// voc07: at 0, 0.1 ... 1, compared as integers. mxnet: the same as i * 0.1 in double precision.
/// voc: area below the envelope.
double average_precision(DetectionMetric metric, std::vector<Hit>& hits, double objects);

}  // namespace octet
