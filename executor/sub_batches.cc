#include "octet/executor/sub_batches.h"

#include <unistd.h>  // sysconf

#include <algorithm>  // std::max
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

namespace octet {
namespace {

// Measured on Zen 5 in ResNet-50, MobileNet and SqueezeNet with every layer at 1 to 32 images; they weigh traffic
// against calls, so that no more than their ratios matters.
constexpr double kSpilledBytesPerNs = 6;  // a value that has left L2 and the share of L3: out and in again
constexpr double kL3BytesPerNs = 30;      // what comes from L3
constexpr double kCallNs = 3000;          // a step begins: its code, its constants and its first lines are cold
constexpr double kBoundaryNs = 10000;     // per image; keeps boundaries away that gain next to nothing
constexpr double kWorthwhileNs = 1000;    // per image, for which a mini-batch may double
constexpr std::size_t kSharedBytes = std::size_t{3} << 20;  // of L3 for a core: machines of today have 2 to 4 MiB
constexpr std::size_t kUsualL2 = std::size_t{1} << 20;
constexpr std::int64_t kUndividedImages = 8;  // most for a network in one part: beyond, every layer leaves the caches
constexpr std::int64_t kLargestChosenBatch = 16;  // larger ones gain nothing and keep more pictures waiting

/// Nanoseconds to move `bytes` of a working set of `set` bytes, as far as it does not fit.
double spill_ns(std::size_t bytes, double set, std::size_t fast) {
  if (set <= static_cast<double>(fast)) return 0;
  return static_cast<double>(bytes) * (1 - static_cast<double>(fast) / set) / kSpilledBytesPerNs;
}

double step_ns(const StepTraffic& step, std::int64_t images, std::size_t fast) {
  if (step.touched == 0) return 0;
  const auto n = static_cast<double>(images);
  return (kCallNs + static_cast<double>(step.weights) / kL3BytesPerNs) / n +
         spill_ns(step.touched, n * static_cast<double>(step.live), fast);
}

/// The same for a mini-batch that is not a multiple of the sub-batch: what is left runs one by one.
double step_ns(const StepTraffic& step, std::int64_t images, std::int64_t batch, std::size_t fast) {
  const double single = static_cast<double>(batch % images) / static_cast<double>(batch);
  const double whole = (1 - single) * step_ns(step, images, fast);
  return single > 0 ? whole + single * step_ns(step, 1, fast) : whole;
}

/// Values that cross a boundary wait for the whole mini-batch: written, and read again.
double boundary_ns(const StepTraffic& step, std::int64_t batch, std::size_t fast) {
  const std::size_t bytes = 2 * step.crossing;
  return kBoundaryNs + static_cast<double>(bytes) / kL3BytesPerNs +
         spill_ns(bytes, static_cast<double>(batch) * static_cast<double>(step.crossing), fast);
}

std::vector<std::int64_t> sizes_for(std::int64_t batch) {
  std::vector<std::int64_t> sizes;
  for (std::int64_t n = 1; n < batch; n *= 2) sizes.push_back(n);
  sizes.push_back(batch);
  return sizes;
}

}  // namespace

std::size_t fast_bytes() noexcept {
  const long l2 = sysconf(_SC_LEVEL2_CACHE_SIZE);  // the L3's is that of all cores of the socket on many machines
  return (l2 > 0 ? static_cast<std::size_t>(l2) : kUsualL2) + kSharedBytes;
}

std::vector<StepTraffic> step_traffic(const Graph& graph, const Layout& layout) {
  std::vector<StepTraffic> steps(graph.nodes.size());
  const auto images = static_cast<std::size_t>(graph.nodes[graph.input()].outputs[0].shape[0]);
  const auto value_bytes = [&](ValueRef ref) {
    return graph.nodes[ref.node].as<ConstantOp>() != nullptr ? 0 : bytes_of(graph.value(ref)) / images;
  };
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto time = static_cast<std::int32_t>(i);
    for (const Lifetime& buffer : layout.buffers) {
      if (buffer.first <= time && time <= buffer.last) steps[i].live += buffer.bytes / images;
      if (buffer.first < time && time <= buffer.last) steps[i].crossing += buffer.bytes / images;
    }
    const Node& node = graph.nodes[i];
    const bool source = node.as<InputOp>() != nullptr || node.as<ConstantOp>() != nullptr;
    if (source || layout.nodes[i].moves_nothing) continue;
    for (const ValueRef input : node.inputs) steps[i].touched += value_bytes(input);
    for (std::size_t k = 0; k < node.outputs.size(); ++k) {
      steps[i].touched += value_bytes({static_cast<NodeId>(i), static_cast<std::int32_t>(k)});
    }
    for (const Parameter& param : node.params) steps[i].weights += param.value.bytes().size();
  }
  return steps;
}

double traffic_cost(const std::vector<StepTraffic>& steps, const std::vector<SubBatch>& parts, std::int64_t batch,
                    std::size_t fast) {
  double cost = 0;
  std::size_t i = 0;
  for (const SubBatch& part : parts) {
    if (i > 0) cost += boundary_ns(steps[i], batch, fast);
    for (; i < static_cast<std::size_t>(part.end); ++i) cost += step_ns(steps[i], part.images, batch, fast);
  }
  return cost;
}

/// Node by node, the cheapest way to have reached it with each of the sizes.
std::vector<SubBatch> choose_sub_batches(const std::vector<StepTraffic>& steps, std::int64_t batch, std::size_t fast) {
  const std::vector<std::int64_t> sizes = sizes_for(batch);
  std::vector<double> cost(sizes.size(), 0);
  std::vector<std::vector<std::size_t>> came_from(steps.size(), std::vector<std::size_t>(sizes.size()));
  for (std::size_t i = 0; i < steps.size(); ++i) {
    const auto cheapest = static_cast<std::size_t>(std::min_element(cost.begin(), cost.end()) - cost.begin());
    const double changed =
        i == 0 ? std::numeric_limits<double>::infinity() : cost[cheapest] + boundary_ns(steps[i], batch, fast);
    for (std::size_t k = 0; k < sizes.size(); ++k) {
      came_from[i][k] = changed < cost[k] ? cheapest : k;
      cost[k] = std::min(cost[k], changed) + step_ns(steps[i], sizes[k], batch, fast);
    }
  }
  // Of equal costs the largest sub-batch: fewer calls.
  auto size = sizes.size() - 1;
  for (std::size_t k = sizes.size(); k-- > 0;) {
    if (cost[k] < cost[size]) size = k;
  }
  std::vector<SubBatch> parts;
  for (std::size_t i = steps.size(); i-- > 0;) {
    if (parts.empty() || parts.back().images != sizes[size]) {
      parts.push_back({static_cast<std::int32_t>(i + 1), sizes[size]});
    }
    size = came_from[i][size];
  }
  std::reverse(parts.begin(), parts.end());
  return parts;
}

std::vector<std::vector<SubBatch>> candidate_divisions(const std::vector<StepTraffic>& steps, std::int64_t batch,
                                                       std::size_t fast) {
  std::vector<std::vector<SubBatch>> divisions;
  const auto add = [&](std::vector<SubBatch> parts) {
    if (std::find(divisions.begin(), divisions.end(), parts) == divisions.end()) divisions.push_back(std::move(parts));
  };
  add(choose_sub_batches(steps, batch, fast));
  add(choose_sub_batches(steps, batch, fast / 4));  // the L2 alone, where that is 1 MiB
  add(choose_sub_batches(steps, batch, fast * 2));
  const auto nodes = static_cast<std::int32_t>(steps.size());
  for (const std::int64_t images : {kUndividedImages / 2, kUndividedImages}) add({{nodes, std::min(images, batch)}});
  return divisions;
}

std::int64_t choose_batch(const std::vector<StepTraffic>& steps, std::size_t fast) {
  const auto cost = [&](std::int64_t batch) {
    return traffic_cost(steps, choose_sub_batches(steps, batch, fast), batch, fast);
  };
  std::int64_t best = 1;
  double best_cost = cost(best);
  while (2 * best <= kLargestChosenBatch) {
    const double doubled = cost(2 * best);
    if (doubled + kWorthwhileNs > best_cost) break;
    best *= 2;
    best_cost = doubled;
  }
  return best;
}

}  // namespace octet
