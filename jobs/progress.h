// How a job tells where it is, and how it is told to stop.
#pragma once

#include <atomic>      // std::atomic
#include <chrono>      // std::chrono::milliseconds
#include <cstdint>     // std::uint64_t
#include <functional>  // std::function
#include <mutex>       // std::mutex
#include <optional>    // std::optional
#include <string>      // std::string

#include "octet/jobs/trace.h"

namespace octet {

/// A moment of a job.
struct Progress {
  /// "digest", "count", "calibrate", "score", "evaluate", "bench", "pack", "list", "verify", "index"
  std::string stage;
  const char* unit = "images";         ///< of what is counted; "MiB" while a record file is digested
  std::uint64_t done = 0;              ///< entries finished, failed ones included
  std::uint64_t failed = 0;            ///< of these
  std::optional<std::uint64_t> total;  ///< entries in all, when it is known
  double seconds = 0;                  ///< since the stage began
  double images_per_s = 0;             ///< of those that this process has done
  bool last = false;                   ///< the stage has ended
  int threads = 0;                     ///< that work on it; 0: not known, and then `busy` is not either
  BusySeconds busy = {};               ///< so far
};

/// Called from whichever thread finishes an entry, one call at a time. Must be quick and not throw.
using ProgressCallback = std::function<void(const Progress&)>;

/// What every job takes from its caller.
struct JobControl {
  ProgressCallback progress;                ///< empty: no reports
  std::chrono::milliseconds interval{200};  ///< least time between two reports; the last one always comes
  /// Set it from anywhere (a signal handler included): the job ends soon with Error(cancelled).
  const std::atomic<bool>* stop = nullptr;
  [[nodiscard]] bool stopped() const noexcept { return stop != nullptr && stop->load(std::memory_order_relaxed); }
};

/// Counts a stage's entries and reports them at the control's interval. Thread-safe.
class ProgressMeter {
 public:
  /// `trace`, where there is one, gives the busy time, and must outlive this.
  ProgressMeter(const JobControl& control, std::string stage, std::optional<std::uint64_t> total,
                const Trace* trace = nullptr);
  void add(std::uint64_t done, std::uint64_t failed);
  /// What is counted, where it is not images; before the first add().
  void count_in(const char* unit) { state_.unit = unit; }
  /// Entries of an earlier process: they are done, but say nothing of the speed. Before the first add().
  void go_on_from(std::uint64_t done, std::uint64_t failed);
  /// The last report, regardless of the interval.
  void finish();
  [[nodiscard]] double seconds() const;

 private:
  using Clock = std::chrono::steady_clock;
  void report(Clock::time_point now);

  const JobControl& control_;
  const Trace* const trace_;
  const Clock::time_point begin_ = Clock::now();
  std::mutex mutex_;
  Clock::time_point next_;
  Progress state_;
  std::uint64_t before_ = 0;
};

/// The largest resident set that this process has had, in bytes.
std::uint64_t peak_rss_bytes();

}  // namespace octet
