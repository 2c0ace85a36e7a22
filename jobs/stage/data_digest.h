// Digests of what jobs read, remembered from one run to the next.
#pragma once

#include <chrono>         // std::chrono::nanoseconds
#include <filesystem>     // std::filesystem::path
#include <map>            // std::map
#include <string>         // std::string
#include <unordered_map>  // std::unordered_map

#include "octet/jobs/progress.h"
#include "octet/loader/record_files.h"
#include "octet/loader/source.h"

namespace octet {

/// SHA-256 of contents. Reading all data again takes as long as the disk does, so each digest is kept
/// in a file beside the state of what was read (path, size, inode, times of change of every file), and taken from there
/// while that state is the same. The time stamps of a file that changed just before it was
/// read may not show its next change (they count in up to 2 s), so its digest is not kept. Not thread-safe; reads in
/// the calling arena.
class DataDigests {
 public:
  /// `memory`: the file of kept digests; lines that are none are never found.
  /// `control`: its stop ends a digestion with Error(cancelled); of() reports to it (stage "digest") where data is
  /// read. `settled`: how long ago a file must have changed for its digest to be kept.
  DataDigests(std::filesystem::path memory, const JobControl& control,
              std::chrono::nanoseconds settled = std::chrono::seconds(3));

  /// Of everything that reading the source (all its shards) gives: keys, labels and bytes of all entries in order; of
  /// a .rec or several (and their .idx, when they are used) the files as they are. Errors: those of Source.
  Result<std::string> of(const SourceOptions& shard);
  /// Of a file, or of all files below a folder with their names; "absent" when there is nothing.
  Result<std::string> of_path(const std::filesystem::path& path);
  /// Writes the file: what has been asked for, no more.
  Result<void> save() const;

 private:
  class State;
  Result<std::string> of_several(const RecordFiles& records, bool use_index, State state);
  template <class Add>
  Result<std::string> recalled_or(State state, Add add);

  const std::filesystem::path memory_;
  const JobControl& control_;
  const std::chrono::nanoseconds settled_;
  std::unordered_map<std::string, std::string> known_;  // digest of a state -> digest of the contents
  std::map<std::string, std::string> kept_;             // of these, what was asked for and can be trusted again
  std::string loaded_;
};

}  // namespace octet
