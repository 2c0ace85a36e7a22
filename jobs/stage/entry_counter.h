// What every job over a source counts, and when bad entries end it.
#pragma once

#include <cstdint>   // std::uint64_t
#include <optional>  // std::optional
#include <string>    // std::string

#include "octet/jobs/score.h"

namespace octet {

/// Error(usage) when shard, bounds or sizes contradict themselves.
Result<void> check_stream_options(const StreamOptions& options);

/// How many entries of the source come, when that is known before they are read.
std::optional<std::uint64_t> expected_entries(const StreamOptions& options, const Source& source);

/// Counts finished entries. Not thread-safe; `options` must outlive it.
class EntryCounter {
 public:
  /// `total`: number of entries that will come, when it is known.
  EntryCounter(const StreamOptions& options, std::optional<std::uint64_t> total) : options_(options), total_(total) {}

  /// Begins with these counts.
  void go_on_from(const StreamSummary& before) { summary_ = before; }
  /// Whether the entries so far end the job.
  [[nodiscard]] Result<void> within_bounds() const;
  /// Counts one entry; `error` is null for a good one. An Error ends the job: the first bad entry
  /// under OnError::fail, more bad ones than allowed, or a defect (internal), which is never buried
  /// among bad pictures.
  Result<void> add(std::uint64_t index, const std::string& key, const Error* error);
  /// After the last entry: the bounds over all of them.
  [[nodiscard]] Result<void> finish() const { return within_shares(true); }
  /// The counts, with the time that the stream took.
  [[nodiscard]] StreamSummary summary(double seconds) const;

 private:
  [[nodiscard]] Result<void> within_shares(bool last) const;

  const StreamOptions& options_;
  const std::optional<std::uint64_t> total_;
  StreamSummary summary_;
};

}  // namespace octet
