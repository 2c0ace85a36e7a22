// How fast the loader, the executor and both together are: what `octet bench` runs.
#pragma once

#include <cstdint>     // std::int64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/executor/plan.h"
#include "octet/graph/model.h"
#include "octet/jobs/pinning.h"
#include "octet/jobs/progress.h"
#include "octet/loader/decoder.h"
#include "octet/loader/source.h"

namespace octet {

struct BenchOptions {
  std::filesystem::path model;  ///< prefix; FP32: measured unfused, fused and (quantised on the spot) INT8
  LoadOptions load;
  std::optional<SourceOptions> source;  ///< real pictures, loader and pipeline figures; none: random pixels
  DecoderOptions decoder;
  std::vector<int> threads;           ///< empty: 1 and as many as the calling arena has
  std::vector<std::int64_t> batches;  ///< of INT8 plans; empty: the plan's choice. FP32 plans always choose
  Pinning pinning = Pinning::none;    ///< of the threads that are measured
  /// An INT8 pair of the same network, measured in place of one quantised on the spot. Empty: none.
  std::filesystem::path int8_model;
  bool f32_unfused = true, f32 = true, int8 = true;
  int repeats = 5;                   ///< the median of so many counts
  double seconds_per_repeat = 0.25;  ///< each lasts at least this long
  bool layers = false;               ///< also fill BenchReport::layers
  JobControl control;
};

struct BenchRun {
  std::string precision;  ///< "f32-unfused", "f32", "int8"
  int threads = 1;
  std::int64_t batch = 1;
  double executor_images_per_s = 0;  ///< all threads together
  /// What the executor would reach if it spent no more than oneDNN's primitives take one by one, each
  /// repeated with its data still in the caches: the sum over the plan, times the threads.
  double limit_images_per_s = 0;
  /// The same for all steps, those in octet's own kernels included: what the chain itself costs shows beside this one.
  double steps_images_per_s = 0;
  double latency_ms = 0;  ///< of one mini-batch on one thread
  /// Of one picture computed by itself while each of the threads computes one: a picture is never split.
  double single_ms = 0;
};

/// Where the time of one image goes, on one thread.
struct LayerTime {
  std::string precision;
  StepInfo step;
  double microseconds = 0;        ///< per image, within the network
  double alone_microseconds = 0;  ///< per image, repeated by itself
};

/// Ratios of images/s at one number of threads; 0 where one of the two was not measured.
struct Speedup {
  int threads = 1;
  double fusion = 0;  ///< fused FP32 over unfused
  double int8 = 0;    ///< INT8 over fused FP32
  double both = 0;    ///< INT8 over unfused FP32
};

/// Loader, executor and the whole scoring stage at the fastest precision, taking turns; medians over the repeats.
struct PipelineRun {
  int threads = 1;
  double loader_images_per_s = 0;    ///< reading and decoding alone
  double executor_images_per_s = 0;  ///< the plan alone
  /// The stage once it is full, until it drains: between two ends of mini-batches that are at least
  /// BenchOptions::seconds_per_repeat and 16 mini-batches per thread apart.
  double pipeline_images_per_s = 0;
  /// The pipeline over what the costs per image of loader and executor add up to, 1 / (1 / loader + 1 / executor).
  double of_parts = 0;
};

struct BenchReport {
  std::string isa;    ///< effective_isa()
  std::string model;  ///< its name
  std::vector<BenchRun> runs;
  std::vector<LayerTime> layers;
  std::vector<PipelineRun> pipeline;  ///< for each number of threads; empty without BenchOptions::source
};

/// What fusion and INT8 (of the fastest batch) gain, for each number of threads of the runs.
std::vector<Speedup> speedups(const BenchReport& report);

/// Measures. Runs in arenas of its own; nothing else should run meanwhile.
Result<BenchReport> bench(const BenchOptions& options);

}  // namespace octet
