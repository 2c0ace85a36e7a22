// Where images come from: a directory, a .lst, a .rec. One entry after the other, in a fixed order.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <memory>      // std::unique_ptr
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/result.h"
#include "octet/loader/image_bytes.h"

namespace octet {

struct SourceOptions {
  std::filesystem::path data;   ///< a directory, X.lst or X.rec
  std::filesystem::path root;   ///< for .lst: what its paths are relative to; empty: the list's folder
  std::filesystem::path index;  ///< for .rec: its .idx; empty: X.idx when it exists and is asked for
  bool use_index = false;       ///< read a .rec through its .idx, in the index's order
  bool folder_labels = false;   ///< directory: first-level sub-folders, sorted, are classes 0, 1, ...
};

/// One entry: a file of the directory, a line of the list, a record.
struct Entry {
  std::uint64_t index = 0;             ///< position in the source, 0-based
  std::string key;                     ///< relative path, or the record's id
  std::vector<float> labels;           ///< as stored: one class, several, or MXNet's detection layout; empty: none
  Result<ImageBytes> image = Error{};  ///< where the bytes are; an Error when the entry itself is damaged
};

/// A stream of entries. Damaged places of a .rec come as entries whose image is an Error (key
/// "@<offset>"), so that nothing is lost silently. Not thread-safe; entries may be used on any
/// thread and outlive the source.
class Source {
 public:
  /// Opens by what `data` is. Error(not_found) when it does not exist or holds no entry.
  static Result<std::unique_ptr<Source>> open(const SourceOptions& options);
  virtual ~Source() = default;

  /// The next entry; nullopt at the end. An Error ends the stream (the file vanished, I/O failed).
  virtual Result<std::optional<Entry>> next() = 0;
  /// Starts again from the first entry.
  virtual Result<void> rewind() = 0;
  /// Number of entries when it is known without reading everything.
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;
  /// Names of the classes that folder_labels found, in label order; else empty.
  [[nodiscard]] virtual const std::vector<std::string>& classes() const = 0;
};

/// Counts the entries, by size() or by reading through once (and rewinding).
Result<std::uint64_t> count_entries(Source& source);

}  // namespace octet
