// The pictures that bench works on: some of the data's, or random pixels.
#pragma once

#include <memory>  // std::unique_ptr
#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/jobs/bench.h"
#include "octet/jobs/score_stage.h"

namespace octet {

/// Decoded pictures and, for real data, their entries. Immutable once made.
class BenchPictures {
 public:
  /// From `options.source`, entries that cannot be decoded left out (Error(bad_image) when none is
  /// left); or random.
  static Result<std::unique_ptr<BenchPictures>> create(const BenchOptions& options, const Preprocess& preprocess);

  [[nodiscard]] std::size_t count() const noexcept { return count_; }
  [[nodiscard]] std::size_t slot_bytes() const noexcept { return slot_bytes_; }  ///< without border
  /// Fills `dst` with pictures first, first + 1, ... (again from 0 behind the last one), each with
  /// the border around it.
  void copy(std::size_t first, const Border& border, std::span<std::uint8_t> dst) const;

  /// Images/s of reading and decoding alone, over at least BenchOptions::seconds_per_repeat.
  Result<double> measure_loader(const BenchOptions& options, int threads) const;
  /// Images/s of the whole stage: see PipelineRun.
  Result<double> measure_pipeline(const BenchOptions& options, int threads,
                                  const std::shared_ptr<const Scorer>& scorer) const;

 private:
  BenchPictures() = default;
  Result<void> read(const BenchOptions& options);
  void draw();

  Preprocess preprocess_;
  std::vector<std::uint8_t> pixels_;
  std::size_t count_ = 0, slot_bytes_ = 0;
  std::vector<Entry> entries_;
};

}  // namespace octet
