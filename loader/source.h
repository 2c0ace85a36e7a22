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

/// One of `count` parts of a source: disjoint, together complete, the same on every call. In a directory
/// or .lst: the entries whose index modulo `count` is `index`. In a .rec, with or without an index: the
/// entries that begin in the index-th of `count` equal ranges of the file's bytes, so that a shard
/// reads (nearly) its own bytes alone; without an .idx it passes over what lies before, to count it. Several .rec files
/// count as one behind the other. Lines of an .idx that point nowhere are dealt out like lines of a list.
struct Shard {
  std::uint64_t index = 0, count = 1;
  bool operator==(const Shard&) const = default;
};

/// How many of `entries` a shard by index has.
std::uint64_t shard_size(const Shard& shard, std::uint64_t entries) noexcept;

/// What is read, and how. Fields that do not belong to the kind of `data` are ignored.
///
/// Directory: all files below it, at any depth, that end in .jpg, .jpeg, .jpe, .jfif or .png (any
///   case; other `extensions` when given), sorted bytewise by relative path (with '/'), which is the key. Symbolic
///   links are followed; a directory that several paths lead to is read once. A sub-folder that cannot be read is
///   Error(io) with its path.
/// .lst: lines "index TAB label(s) TAB path", in the file's order; the path as listed is the key.
///   CRLF, blank lines and a missing last line end are fine. Any other line, or one longer than
///   1 MiB, is an entry with Error(bad_record, file:line) and the key "line N". Never held in memory.
/// .rec: see record_io.h for the rules. The key is the record's id, or the index's key. Damaged
///   places are entries with Error(bad_record, file:offset) and the key "@<offset>"; through an
///   index, bad lines and offsets are entries with Error(bad_record, file:line), and places that no
///   line points at are not read.
/// Several .rec: "a.rec;b.rec", in this order; a pattern such as "parts/train_*.rec" (fnmatch(3), in the name alone,
///   sorted bytewise), also between semicolons; a directory with .rec files right in it and without pictures. A path
///   that exists is no pattern. Read one behind the other; a key is the file's name, from the deepest folder that holds
///   all of them, ":" and what it would be alone, such as "train_0.rec:17".
struct SourceOptions {
  std::filesystem::path data = {};   ///< a directory, X.lst, X.rec, or several .rec: see above
  std::filesystem::path root = {};   ///< for .lst: what its paths are relative to; empty: the list's folder
  std::filesystem::path index = {};  ///< for .rec: read it through this .idx; empty: X.idx when use_index is set
  bool use_index = false;            ///< read a .rec through its .idx, in the index's order
  bool folder_labels = false;        ///< directory: first-level sub-folders, sorted, are classes 0, 1, ...
  /// directory: which files are taken, such as ".jpg"; any case; empty: as above
  std::vector<std::string> extensions = {};
  Shard shard = {};  ///< only these entries come; their index stays that in the whole source
};

/// A place between two entries of a source.
struct SourcePosition {
  std::uint64_t index = 0;   ///< entries of the whole source that lie before it
  std::uint64_t offset = 0;  ///< bytes of the .rec, .lst or .idx (of all of them, in order) that lie before it
  std::uint64_t line = 0;    ///< lines of the .lst or .idx (the one it is in) that lie before it
  bool operator==(const SourcePosition&) const = default;
};

/// One entry: a file of the directory, a line of the list, a record.
struct Entry {
  std::uint64_t index = 0;             ///< position in the source, 0-based
  std::string key;                     ///< path, the record's id, "@<offset>" or "line N", behind "FILE:" of several
  std::vector<float> labels;           ///< as stored: one class, several, or MXNet's detection layout; empty: none
  Result<ImageBytes> image = Error{};  ///< where the bytes are; an Error when the entry itself is damaged
  /// What the source numbers it: position in a folder, first column of a list (unset when that is no
  /// whole number), id of a record.
  std::optional<std::uint64_t> id = {};
  /// Where in its .rec the record or damaged place begins; unset where there is no such place.
  std::optional<std::uint64_t> offset = {};
  SourcePosition next = {};  ///< the place behind the entry
};

/// A stream of entries. Damaged places come as entries whose image is an Error, so that nothing is
/// lost silently. Not thread-safe; entries may be used on any thread and outlive the source. An
/// entry of a .rec keeps up to 1 MiB of the file alive, shared with its neighbours: whoever keeps
/// scattered entries for long should keep copies (ImageBytes::copy_of).
class Source {
 public:
  /// Opens by what `data` is. Error(not_found) when it does not exist or holds no entry;
  /// Error(usage) when it is neither a directory nor named .lst or .rec, or when there is no such shard. See also
  /// find_record_files().
  static Result<std::unique_ptr<Source>> open(const SourceOptions& options);
  virtual ~Source() = default;

  /// The next entry; nullopt at the end, however often it is called. An Error ends the stream (the
  /// file became shorter, I/O failed).
  virtual Result<std::optional<Entry>> next() = 0;
  /// Goes on behind the entry that had `position` as its `next`; the first one for {}.
  virtual Result<void> seek(const SourcePosition& position) = 0;
  /// Starts again from the first entry.
  Result<void> rewind() { return seek({}); }
  /// Number of entries (of the shard) when it is known without reading everything.
  [[nodiscard]] virtual std::optional<std::uint64_t> size() const = 0;
  /// Entries of the whole source that have been passed so far, those of other shards included: once
  /// next() has given nullopt, every entry of the shard has an index below it.
  [[nodiscard]] virtual std::uint64_t passed() const = 0;
  /// Names of the classes that folder_labels found, in label order; else empty.
  [[nodiscard]] virtual const std::vector<std::string>& classes() const = 0;
};

/// Counts the entries, by size() or by reading through once (and rewinding).
Result<std::uint64_t> count_entries(Source& source);

}  // namespace octet
