// Who did what, when: the busy time of each kind of work of a job, and a trace of it.
#pragma once

#include <array>        // std::array
#include <chrono>       // std::chrono::steady_clock
#include <cstddef>      // std::size_t
#include <cstdint>      // std::uint64_t
#include <filesystem>   // std::filesystem::path
#include <memory>       // std::unique_ptr
#include <string_view>  // std::string_view

#include "octet/graph/result.h"

namespace octet {

/// What a worker does for a picture.
enum class Activity : std::uint8_t {
  read,     ///< finds the next entry: directory, list, record
  decode,   ///< file to pixels of a mini-batch, reading it included
  compute,  ///< the networks
  write,    ///< records to text and to the output
};
inline constexpr std::array kActivities{Activity::read, Activity::decode, Activity::compute, Activity::write};
/// "read", "decode", "compute", "write".
std::string_view to_string(Activity activity) noexcept;

/// Seconds of work over all threads, by Activity.
struct BusySeconds {
  std::array<double, kActivities.size()> of{};
  [[nodiscard]] double operator[](Activity activity) const noexcept { return of[static_cast<std::size_t>(activity)]; }
  [[nodiscard]] double total() const noexcept;
};

/// Sums up the time of work, and keeps the single spans when it is asked to. Thread-safe: each slot
/// of the arena has a cell of its own, so that workers do not meet. A span costs two readings of the clock.
class Trace {
 public:
  /// For the workers of the calling arena. `max_events`: at most so many spans are kept; 0: none.
  explicit Trace(std::size_t max_events = 0);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Work from its construction to its end, on one thread. Nothing when `trace` is null.
  class Span {
   public:
    Span(Trace* trace, Activity activity, std::size_t images = 1) noexcept;
    ~Span();
    Span(const Span&) = delete;
    Span& operator=(const Span&) = delete;

   private:
    Trace* const trace_;
    const Activity activity_;
    const std::size_t images_;
    const std::chrono::steady_clock::time_point begin_;
  };

  [[nodiscard]] BusySeconds busy() const;
  /// Of the arena that it was made in.
  [[nodiscard]] int threads() const noexcept { return static_cast<int>(cells_) - 1; }
  /// Writes the kept spans in Chrome's trace event format (chrome://tracing, Perfetto): one row for
  /// each worker; "otherData" says how many spans there was no room for.
  Result<void> save(const std::filesystem::path& file) const;

 private:
  struct Cell;
  void add(Activity activity, std::size_t images, std::chrono::steady_clock::time_point begin) noexcept;

  const std::chrono::steady_clock::time_point begin_ = std::chrono::steady_clock::now();
  const std::size_t cells_, events_per_cell_;
  const std::unique_ptr<Cell[]> cell_;
};

}  // namespace octet
