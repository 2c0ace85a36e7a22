// Which of several ways to compute the same is the fastest: found by timing them while they do useful work.
#pragma once

#include <atomic>   // std::atomic
#include <cstddef>  // std::size_t
#include <mutex>    // std::mutex
#include <vector>   // std::vector

namespace octet {

/// Ways are numbered from 0, the one that is expected to be the fastest. They take turns until each has been timed
/// `kRounds` times; one that is hopeless after `kEnough` is left out. What counts is a way's shortest time, since
/// whatever disturbs a measurement makes it longer. Another way than the first has to be faster by `kGain`.
/// Thread-safe.
class Tuner {
 public:
  static constexpr int kRounds = 6, kEnough = 3;
  static constexpr double kGain = 0.01;      ///< share of the time
  static constexpr double kHopeless = 0.25;  ///< likewise, behind the fastest way so far

  /// One way is settled at once.
  explicit Tuner(std::size_t ways);

  /// The way to take next; the caller times it and says so, unless `settled`.
  [[nodiscard]] std::size_t next() noexcept;
  void took(std::size_t way, double seconds) noexcept;

  /// True when the choice is made for good.
  [[nodiscard]] bool settled() const noexcept { return settled_.load(std::memory_order_acquire); }
  /// The fastest way as far as is known.
  [[nodiscard]] std::size_t best() const noexcept { return best_.load(std::memory_order_relaxed); }

 private:
  struct Way {
    double fastest = 0;
    int started = 0, timed = 0;
  };
  [[nodiscard]] bool is_hopeless(const Way& way) const noexcept;
  void choose() noexcept;

  std::mutex mutex_;  // of what follows; the two others are read without it
  std::vector<Way> ways_;
  std::size_t turn_ = 0;
  std::atomic<std::size_t> best_{0};
  std::atomic<bool> settled_;
};

}  // namespace octet
