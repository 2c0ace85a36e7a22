// Runs a float graph over pictures and gathers statistics of its values.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/statistics.h"

namespace octet {

struct Collection {
  std::vector<ValueStatistics> values;  ///< parallel to the nodes asked for
  std::int64_t images = 0;
};

/// Statistics of the outputs of `nodes` over all pictures. Computes on up to `threads` threads (0:
/// all) of the calling thread's TBB arena; `pictures` is called from the calling thread only. The
/// result does not depend on the number of threads. Error(not_found) when there are no pictures,
/// Error(invalid_model) when a value turns out NaN or infinite.
Result<Collection> collect(const Graph& graph, const std::vector<NodeId>& nodes, int threads,
                           const PictureSource& pictures);

}  // namespace octet
