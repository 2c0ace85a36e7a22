#include "octet/executor/arena.h"

#include <algorithm>  // std::stable_sort
#include <limits>     // std::numeric_limits
#include <numeric>    // std::iota

#include "octet/executor/memory.h"

namespace octet {
namespace {

struct Taken {
  std::size_t begin, end;
};

/// Start of the tightest gap of at least `bytes` between `taken`, which is ordered by `begin`.
std::size_t best_gap(std::span<const Taken> taken, std::size_t bytes) noexcept {
  std::size_t best = 0, best_size = std::numeric_limits<std::size_t>::max(), end = 0;
  bool found = false;
  for (const Taken& t : taken) {
    if (t.begin > end && t.begin - end >= bytes && t.begin - end < best_size) {
      best = end;
      best_size = t.begin - end;
      found = true;
    }
    end = std::max(end, t.end);
  }
  return found ? best : end;
}

}  // namespace

ArenaPlan place(std::span<const Lifetime> buffers, bool reuse) {
  ArenaPlan plan;
  plan.offsets.resize(buffers.size());
  std::vector<std::size_t> order(buffers.size()), placed;
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](std::size_t a, std::size_t b) { return buffers[a].bytes > buffers[b].bytes; });
  std::vector<Taken> taken;
  for (const std::size_t b : order) {
    taken.clear();
    for (const std::size_t p : placed) {
      if (reuse && (buffers[p].last < buffers[b].first || buffers[b].last < buffers[p].first)) continue;
      taken.push_back({plan.offsets[p], plan.offsets[p] + aligned(buffers[p].bytes)});
    }
    std::sort(taken.begin(), taken.end(), [](const Taken& x, const Taken& y) { return x.begin < y.begin; });
    plan.offsets[b] = best_gap(taken, aligned(buffers[b].bytes));
    plan.bytes = std::max(plan.bytes, plan.offsets[b] + aligned(buffers[b].bytes));
    placed.push_back(b);
  }
  return plan;
}

}  // namespace octet
