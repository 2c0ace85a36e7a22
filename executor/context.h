// What one worker needs to run a plan: stream, activation arena, scratchpad.
#pragma once

#include <cstdint>     // std::int64_t
#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <span>        // std::span
#include <vector>      // std::vector

#include "octet/executor/plan.h"

namespace octet {

/// A value as it lies in memory right after the step that made it.
struct Observation {
  ValueRef value;           ///< in the graph that was compiled
  const std::string& name;  ///< the node's output_name
  DType dtype;
  float scale;         ///< of quantised values, else 0
  const Shape& shape;  ///< NCHW order; shape[0] images
  bool nhwc;           ///< 4-D values lie as NHWC, everything else row-major
  const void* data;    ///< valid during the call
};
using Observer = std::function<void(const Observation&)>;

/// Runs a plan on one thread at a time. Not thread-safe: one context per worker. Allocates
/// everything when created; `run` allocates nothing.
class Context {
 public:
  static Result<std::unique_ptr<Context>> create(std::shared_ptr<const Plan> plan);
  ~Context();
  Context(const Context&) = delete;
  Context& operator=(const Context&) = delete;

  /// Computes `count` images (any number >= 1) from `images` (count * input().bytes() bytes) and
  /// writes each output k, count * outputs()[k].elements floats, to `outputs[k]`. Calls
  /// omp_set_num_threads(1) on the calling thread. The result for an image depends on its pixels
  /// alone, not on count, neighbours or thread.
  Result<void> run(std::span<const std::uint8_t> images, std::int64_t count, std::span<const std::span<float>> outputs);

  /// Called after each step of each mini-batch; needs PlanOptions::observable. Empty: none.
  void observe(Observer observer);

  /// Seconds (CPU time of the thread) spent in each step of `Plan::steps()` since creation; filled while profiling is
  /// on.
  void profile(bool on);
  [[nodiscard]] std::span<const double> step_seconds() const noexcept;

  /// Seconds of each step of `Plan::steps()` when it is run by itself, `repeats` times in a row with
  /// its data still in the caches: the fastest time (CPU time of the thread), scaled from its
  /// sub-batch to the full mini-batch. `images` holds one mini-batch.
  Result<std::vector<double>> time_steps_alone(std::span<const std::uint8_t> images, int repeats);

  [[nodiscard]] const Plan& plan() const noexcept;

 private:
  class Impl;
  explicit Context(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octet
