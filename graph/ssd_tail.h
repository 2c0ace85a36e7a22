// The box code at the end of GluonCV's SSD networks, as one operator.
#pragma once

#include "octet/graph/symbol.h"

namespace octet {

/// GluonCV's SSD computes its detections in some 130 small operators: per class a slice of the scores and of the ids,
/// joined with the decoded boxes; all classes together; box_nms; the first rows. Where a symbol has exactly this
/// form, the slice_axis behind box_nms becomes one node `box_detection` (BoxDetectionOp), which reads probabilities,
/// box predictions and anchors and computes the same. Where any operator, attribute or connection differs nothing is
/// changed: such symbols run operator by operator. What is not needed any more stays, behind no head.
Symbol with_box_detection(const Symbol& symbol);

}  // namespace octet
