// Running plans at full speed on a number of threads, for bench.
#pragma once

#include <chrono>      // std::chrono::steady_clock
#include <cstdint>     // std::int64_t
#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <span>        // std::span
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/executor/context.h"
#include "octet/jobs/bench.h"

namespace octet {

/// One configuration that is measured: a plan on `threads` contexts. Not thread-safe.
class BenchLanes {
 public:
  static Result<std::unique_ptr<BenchLanes>> create(const std::string& precision, std::shared_ptr<const Plan> plan,
                                                    int threads, Pinning pinning = Pinning::none);
  /// Keeps every context busy for `seconds`, and at least once; `pixels` holds one mini-batch or
  /// more, which are used in turn. Remembers one figure.
  Result<void> measure(std::span<const std::uint8_t> pixels, double seconds);
  /// What the last measure() found.
  [[nodiscard]] double last_images_per_s() const { return images_per_s_.empty() ? 0 : images_per_s_.back(); }
  /// One mini-batch on every context, not remembered.
  Result<void> warm_up(std::span<const std::uint8_t> pixels);
  /// Single pictures on every context at once for `seconds`, and at least one each.
  Result<void> measure_single(std::span<const std::uint8_t> pixels, double seconds);
  /// Times every step by itself on one thread, for the limit.
  Result<void> measure_alone(std::span<const std::uint8_t> pixels);
  /// Medians of what was measured.
  [[nodiscard]] BenchRun result() const;
  /// Time of each step on one thread over at least `seconds`.
  Result<std::vector<LayerTime>> layers(std::span<const std::uint8_t> pixels, double seconds);

 private:
  BenchLanes() = default;
  struct Lane {
    std::unique_ptr<Context> context;
    std::vector<std::vector<float>> outputs;
    std::vector<std::span<float>> spans;
    double images_per_s = 0;
    std::vector<double> batch_seconds;
    Result<void> status;
  };
  Result<void> drive_all(std::span<const std::uint8_t> pixels, std::int64_t images, double seconds);
  void drive(Lane& lane, std::size_t start, std::span<const std::uint8_t> pixels, std::int64_t images,
             double seconds) const;
  [[nodiscard]] double median_batch() const;  ///< of the seconds that all lanes' last runs took

  std::string precision_;
  std::shared_ptr<const Plan> plan_;
  std::vector<Lane> lanes_;
  Pinning pinning_ = Pinning::none;
  std::vector<double> images_per_s_, batch_seconds_, single_seconds_;  // one a measurement
  std::vector<double> alone_seconds_;                                  // one a step
};

/// The middle value (mean of the two middle ones); 0 of nothing.
double median(std::vector<double> values);

/// Seconds of the monotonic clock from `begin` until now.
double seconds_since(std::chrono::steady_clock::time_point begin);

/// Calls `work(lane)` for lanes 0 .. threads - 1 at the same time, each on a thread of its own.
/// Error(usage) when the machine or the program's limits do not give that many threads.
Result<void> at_once(int threads, Pinning pinning, const std::function<void(int)>& work);

}  // namespace octet
