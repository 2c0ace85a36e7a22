// The pictures that calibration looks at: sampled, decoded in parallel, handed out in a fixed order.
#pragma once

#include <cstdint>        // std::uint64_t
#include <string>         // std::string
#include <unordered_set>  // std::unordered_set
#include <vector>         // std::vector

#include "octet/jobs/progress.h"
#include "octet/jobs/stage/workers.h"
#include "octet/loader/source.h"

namespace octet {

/// Walks through the source. Of `indices` (ascending) those that cannot be decoded are replaced by
/// entries that come later (from the start again when the end is reached), none of them twice; which
/// ones these are does not depend on the number of threads.
/// Not thread-safe; decodes with the calling arena's threads.
class Sampler {
 public:
  Sampler(Source& source, std::vector<std::uint64_t> indices, const Preprocess& preprocess,
          const DecoderOptions& decoder, const JobControl& control, std::unordered_set<std::uint64_t> never = {});

  /// A PictureSource: up to `count` pictures into `slots`; 0 at the end.
  Result<std::int64_t> fill(std::span<std::uint8_t> slots, std::int64_t count);
  /// Class of each picture so far, -1 for one without a single label: those handed out, and perhaps a few more.
  [[nodiscard]] const std::vector<std::int32_t>& labels() const noexcept { return labels_; }
  [[nodiscard]] std::uint64_t unreadable() const noexcept { return unreadable_; }
  /// Indices of the entries that were looked at, and those never to be looked at.
  [[nodiscard]] const std::unordered_set<std::uint64_t>& tried() const noexcept { return tried_; }
  [[nodiscard]] const std::vector<std::string>& first_unreadable() const noexcept { return first_unreadable_; }

 private:
  Result<void> refill();
  Result<bool> next_candidate(Entry& entry);
  void decode(std::vector<Entry>& candidates);

  Source& source_;
  const std::vector<std::uint64_t> indices_;
  const Preprocess preprocess_;
  const DecoderOptions decoder_;
  const JobControl& control_;
  ProgressMeter meter_;
  std::size_t next_index_ = 0;  // into indices_
  std::uint64_t owed_ = 0;      // sampled entries that are passed and still without a picture
  std::unordered_set<std::uint64_t> tried_;
  bool wrapped_ = false, ended_ = false;
  const std::size_t slot_bytes_;
  std::vector<std::uint8_t> pixels_;  // decoded pictures not yet handed out
  std::size_t ready_ = 0, given_ = 0;
  std::uint64_t unreadable_ = 0;
  std::vector<std::string> first_unreadable_;
  std::vector<std::int32_t> labels_;
};

}  // namespace octet
