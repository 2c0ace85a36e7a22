// The files of one part: records, index and list.
#pragma once

#include <cstdint>   // std::uint64_t
#include <optional>  // std::optional
#include <span>      // std::span
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/graph/output_file.h"
#include "octet/jobs/pack.h"
#include "octet/jobs/pack/order.h"
#include "octet/loader/record_io.h"

namespace octet {

/// An entry ready to be written.
struct PackedEntry {
  std::uint64_t id = 0;
  std::vector<std::uint8_t> payload;  ///< header, labels, image; empty with list_only
  std::uint64_t digest = 0;           ///< of the payload
  std::string line;                   ///< of the list; empty: there is none
};

/// The first 64 bits of the payload's SHA-256.
std::uint64_t payload_digest(std::span<const std::uint8_t> payload);

/// "id TAB labels TAB path LF", labels as %f, none as -1. Error(bad_record) when the path would not
/// come back: it holds a TAB or line end, or the line would be longer than readers take.
Result<std::string> list_line(std::uint64_t id, std::span<const float> labels, const std::string& path);

/// What verify_part needs to know of a closed part.
struct WrittenPart {
  PackedFile file;
  std::filesystem::path index, list;   ///< empty: not written
  std::vector<std::uint64_t> digests;  ///< of each record; empty with list_only
};

/// Writes X<suffix>.rec, .idx and .lst. Nothing appears before close(). Not thread-safe.
class PartWriter {
 public:
  /// Error(usage) when it would overwrite what is being read (a list that is being read stays, and is no error).
  static Result<PartWriter> create(const PackOptions& options, const PackPart& part);
  Result<void> add(const PackedEntry& entry);
  Result<WrittenPart> close();

 private:
  PartWriter() = default;
  bool keep_digests_ = false;
  WrittenPart part_;
  std::optional<RecordWriter> records_;
  std::optional<OutputFile> list_;
};

/// Reads a part's records back from the disk. Error(io) when they differ from what was written, with
/// the part's files removed; cancelled when the job is stopped.
Result<void> verify_part(const WrittenPart& part, const JobControl& control);

}  // namespace octet
