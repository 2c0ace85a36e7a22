#include "octet/executor/tuner.h"

#include <algorithm>  // std::min

namespace octet {

Tuner::Tuner(std::size_t ways) : ways_(ways), settled_(ways <= 1) {}

bool Tuner::is_hopeless(const Way& way) const noexcept {
  const Way& best = ways_[best_.load(std::memory_order_relaxed)];
  return way.timed >= kEnough && best.timed > 0 && way.fastest > (1 + kHopeless) * best.fastest;
}

std::size_t Tuner::next() noexcept {
  if (settled()) return best();
  const std::lock_guard lock(mutex_);
  for (std::size_t i = 0; i < ways_.size(); ++i) {
    const std::size_t way = turn_++ % ways_.size();
    if (ways_[way].started >= kRounds || is_hopeless(ways_[way])) continue;
    ++ways_[way].started;
    return way;
  }
  return best();  // others are timing the last ones
}

void Tuner::took(std::size_t way, double seconds) noexcept {
  if (settled()) return;
  const std::lock_guard lock(mutex_);
  Way& timed = ways_[way];
  timed.fastest = timed.timed == 0 ? seconds : std::min(timed.fastest, seconds);
  ++timed.timed;
  choose();
}

void Tuner::choose() noexcept {
  std::size_t best = 0;
  bool done = ways_[0].timed >= kRounds || is_hopeless(ways_[0]);
  for (std::size_t i = 1; i < ways_.size(); ++i) {
    done = done && (ways_[i].timed >= kRounds || is_hopeless(ways_[i]));
    if (ways_[i].timed == 0 || ways_[best].timed == 0) continue;
    const double margin = best == 0 ? 1 - kGain : 1;
    if (ways_[i].fastest < margin * ways_[best].fastest) best = i;
  }
  best_.store(best, std::memory_order_relaxed);
  if (done) settled_.store(true, std::memory_order_release);
}

}  // namespace octet
