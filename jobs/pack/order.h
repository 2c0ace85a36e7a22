// Which entries are packed, in which order, and into which part.
#pragma once

#include <cstdint>   // std::uint64_t
#include <memory>    // std::unique_ptr
#include <optional>  // std::optional
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/jobs/pack.h"

namespace octet {

/// Entries number begin .. end - 1 of the order go to one part.
struct PackPart {
  std::string suffix;  ///< of the file's stem: "", "_0", "_train", "_0_train"
  std::uint64_t begin = 0, end = 0;
  bool operator==(const PackPart&) const = default;
};

/// im2rec's shares: chunks of ceil(total / chunks) entries; of each chunk of c entries, floor(c *
/// test_ratio) for test, then floor(c * train_ratio) for train, and the rest for val (no val part
/// when the ratios make 1, which then goes to train). c is the full chunk's size for the last chunk too.
std::vector<PackPart> plan_parts(std::uint64_t total, const PackOptions& options);

/// The wanted entries of a source, one after the other, shuffled when asked. Not thread-safe.
class EntryOrder {
 public:
  /// Reads the whole list when it is to be shuffled; Error(usage) for a shuffled .rec, whose records
  /// would be held in memory.
  static Result<EntryOrder> create(const PackOptions& options, std::unique_ptr<Source> source);

  /// nullopt at the end.
  Result<std::optional<Entry>> next();
  /// Number of entries, if it is known without reading.
  [[nodiscard]] std::optional<std::uint64_t> size() const;
  /// Counts them, by reading the source through once when needed. Before the first next().
  Result<std::uint64_t> count();

 private:
  EntryOrder(const PackOptions& options, std::unique_ptr<Source> source)
      : options_(options), source_(std::move(source)) {}
  Result<std::optional<Entry>> next_wanted();

  const PackOptions& options_;
  std::unique_ptr<Source> source_;
  bool held_ = false;
  std::vector<Entry> shuffled_;
  std::size_t position_ = 0;
};

/// Whether a source is a record file, or several, whose entries have no paths.
bool reads_records(const SourceOptions& source);

}  // namespace octet
