// How many images each part of a network computes at a time, so that what layers hand on stays in the cache.
#pragma once

#include <cstdint>  // std::int64_t
#include <vector>   // std::vector

#include "octet/executor/layout.h"
#include "octet/executor/plan.h"

namespace octet {

/// Bytes of activations that a core keeps at hand: its L2 and a share of the L3.
std::size_t fast_bytes() noexcept;

/// What one step costs beside its arithmetic.
struct StepTraffic {
  std::size_t touched = 0;   ///< bytes that it reads and writes per image
  std::size_t live = 0;      ///< bytes per image of all values that live meanwhile
  std::size_t weights = 0;   ///< bytes, read once per sub-batch
  std::size_t crossing = 0;  ///< bytes per image of the values made before this step and read by it or later
};

/// Per node; nodes without a step are all zero. `layout` is that of `graph` (of any number of images).
std::vector<StepTraffic> step_traffic(const Graph& graph, const Layout& layout);

/// Nanoseconds per image that the steps of `parts` spend waiting for memory and being called, for mini-batches of
/// `batch` images: the model that the choices below minimise.
double traffic_cost(const std::vector<StepTraffic>& steps, const std::vector<SubBatch>& parts, std::int64_t batch,
                    std::size_t fast);

/// The cheapest division into runs of nodes, each with its sub-batch (powers of two, or the whole mini-batch).
std::vector<SubBatch> choose_sub_batches(const std::vector<StepTraffic>& steps, std::int64_t batch, std::size_t fast);

/// Divisions worth timing for mini-batches of `batch` images, none twice: the model's choice first, then what it would
/// choose with other sizes of the cache, and the network in one part.
std::vector<std::vector<SubBatch>> candidate_divisions(const std::vector<StepTraffic>& steps, std::int64_t batch,
                                                       std::size_t fast);

/// The smallest mini-batch (a power of two, at most 16) that gains next to nothing when it is doubled.
std::int64_t choose_batch(const std::vector<StepTraffic>& steps, std::size_t fast);

}  // namespace octet
