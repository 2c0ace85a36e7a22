// RecordIO framing (dmlc): a reader that survives damage, and a writer.
//
// A record is one part, or several when its payload holds the magic number at a multiple of 4. A
// part is: u32 magic, u32 (flag << 29 | length), `length` bytes, zeros to a multiple of 4; all
// little-endian. Flags: 0 complete record, 1 first part, 2 middle part, 3 last part. Between two
// parts of a record stood a magic number, which the writer dropped and the reader puts back.
#pragma once

#include <cstddef>     // std::size_t
#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <memory>      // std::unique_ptr
#include <optional>    // std::optional
#include <span>        // std::span
#include <string>      // std::string
#include <variant>     // std::variant
#include <vector>      // std::vector

#include "octet/graph/result.h"
#include "octet/loader/file_window.h"
#include "octet/loader/record_header.h"

namespace octet {

inline constexpr std::uint32_t kRecordMagic = 0xCED7230A;
/// Payloads, joined from all their parts, are smaller than this.
inline constexpr std::uint64_t kRecordPayloadLimit = std::uint64_t{1} << 29;

/// Offset of the first magic number at a multiple of 4 from the start of `bytes`; bytes.size() when there is none.
std::size_t find_magic(std::span<const std::uint8_t> bytes) noexcept;

struct RawRecord {
  std::uint64_t offset = 0;  ///< of its (first) magic number in the file
  OwnedBytes payload;
};

/// Bytes of a file that are no record: skipped up to the next magic number with flag 0 or 1.
struct DamagedPlace {
  std::uint64_t offset = 0;
  std::uint64_t bytes = 0;
  std::string problem;  ///< what was wrong at `offset`
};

using RecordOrDamage = std::variant<RawRecord, DamagedPlace>;

struct RecordReaderOptions {
  std::size_t chunk_bytes = std::size_t{1} << 20;  ///< size of one read, a multiple of 4, at least 8
};

/// Reads the records of a file. Rules: a record starts at a multiple of 4 with flag 0 or 1; its
/// flags are 0 or 1 2* 3; no part holds a magic number at a multiple of 4 (a writer never leaves
/// one there, so it is the next record's and the length is wrong); missing zeros at the end of the
/// file are tolerated. Every byte of the file is in a record or in a damaged place. Payloads are
/// views of chunks of about `chunk_bytes` that neighbours share: whoever keeps many single records
/// for long should copy them. Longer or joined records have their own memory. Not thread-safe;
/// records may be used on any thread and outlive the reader.
class RecordReader {
 public:
  static Result<RecordReader> open(const std::filesystem::path& path, const RecordReaderOptions& options);
  static Result<RecordReader> open(const std::filesystem::path& path) { return open(path, RecordReaderOptions{}); }

  [[nodiscard]] const InputFile& file() const noexcept { return window_.file(); }

  /// The next record or damaged place; nullopt at the end. Error(io) when the file cannot be read
  /// or became shorter; the position stays.
  Result<std::optional<RecordOrDamage>> next();
  /// Goes on at `offset`: 0, or what offset() was.
  void seek(std::uint64_t offset) noexcept { position_ = offset; }
  /// Where next() goes on.
  [[nodiscard]] std::uint64_t offset() const noexcept { return position_; }

  /// The record whose magic number is at `offset`; does not move the position of next(). Damage
  /// (of 0 bytes) when no intact record starts there.
  Result<RecordOrDamage> read_at(std::uint64_t offset);

 private:
  /// A record, or why there is none and where the search for the next one goes on.
  struct Attempt {
    std::optional<RawRecord> record;
    std::string problem;
    std::uint64_t resume = 0;
  };
  struct Part {
    std::uint32_t flag = 0;
    std::uint64_t end = 0;  ///< of the padding; at most the file's size
    OwnedBytes payload;
    std::string problem;       ///< empty: the part is intact
    std::uint64_t resume = 0;  ///< with a problem
  };

  RecordReader(InputFile file, const RecordReaderOptions& options)
      : window_(std::move(file)), options_(options), fill_bytes_(options.chunk_bytes) {}

  Result<Attempt> read_record(std::uint64_t offset);
  Result<Part> read_part(std::uint64_t offset, bool first);
  Result<void> read_payload(std::uint64_t offset, std::uint64_t length, Part& part);
  Result<void> read_long_payload(std::uint64_t offset, std::uint64_t length, Part& part);
  Result<std::uint64_t> find_head(std::uint64_t offset);

  FileWindow window_;
  RecordReaderOptions options_;
  std::size_t fill_bytes_;              ///< how much the window reads when it moves
  std::uint64_t position_ = 0;          ///< of next()
  std::uint64_t last_read_at_end_ = 0;  ///< end of the last record of read_at()
};

/// Writes a .rec, and its .idx when asked, through temporary files beside them. Nothing appears
/// under the final names before close(); a writer that is destroyed without it leaves nothing.
/// Move-only; not thread-safe.
class RecordWriter {
 public:
  /// An empty `index` means no .idx. Error(cannot_write).
  static Result<RecordWriter> create(const std::filesystem::path& path, const std::filesystem::path& index);
  static Result<RecordWriter> create(const std::filesystem::path& path) { return create(path, {}); }
  ~RecordWriter();
  RecordWriter(RecordWriter&&) noexcept;
  RecordWriter& operator=(RecordWriter&&) noexcept;

  /// Appends a record under header_for(id, labels); the index gets `id` as its key. Error(limit)
  /// when header, labels and image make 512 MiB or more; nothing is written then.
  Result<void> append(std::uint64_t id, std::span<const float> labels, std::span<const std::uint8_t> image);
  /// Appends with exactly this header: header.flag labels, none when it is 0.
  Result<void> append(const IRHeader& header, std::span<const float> labels, std::span<const std::uint8_t> image,
                      std::uint64_t key);
  /// Appends a payload of any kind.
  Result<void> append_payload(std::span<const std::uint8_t> payload, std::uint64_t key);

  [[nodiscard]] std::uint64_t records() const noexcept;
  /// Makes the files durable and gives them their names, replacing what was there. Call once, last.
  Result<void> close();

 private:
  class Impl;
  explicit RecordWriter(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace octet
