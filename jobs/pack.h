// Packs pictures into record files, as MXNet's im2rec does: what `octet pack` runs.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <optional>    // std::optional
#include <vector>      // std::vector

#include "octet/jobs/score.h"
#include "octet/loader/encoder.h"

namespace octet {

enum class StoredColor : std::uint8_t {
  color,      ///< three channels; gray is replicated
  gray,       ///< one channel: luma
  unchanged,  ///< gray stays gray, all else is colour (alpha and bits beyond 8 are dropped)
};

/// How pictures are stored anew. The crop comes before the resize. EXIF orientation is ignored, as
/// everywhere: a packed picture scores like its file.
struct PictureChange {
  std::int64_t resize_short = 0;  ///< the shorter side, 1..65535, the other rounded down (bilinear); 0: sizes stay
  bool center_crop = false;       ///< the centre square, at floored offsets
  StoredColor color = StoredColor::color;
  EncoderOptions encoder;
};

struct PackOptions {
  /// Source, decoder, threads, limit, shard, bad entries, control; the batch plays no part. From a
  /// .rec, records keep their ids and labels.
  StreamOptions stream;
  std::filesystem::path output;         ///< X.rec (X.lst with list_only); X.idx, X.lst and X.bad.jsonl stand beside it
  std::optional<PictureChange> change;  ///< unset: the bytes of the files are stored as they are
  bool check = false;                   ///< without a change: decode all pixels, not the header alone
  bool list_only = false;               ///< write the .lst files and read no picture
  /// COCO JSON or a folder of VOC XML whose objects become the labels of the pictures of a folder or list, matched by
  /// name, in MXNet's packed form; empty: the data's own labels. `labels` are the class names (see Annotations::load).
  std::filesystem::path annotations;
  std::vector<std::string> labels;
  bool all_labels = true;    ///< pack all labels of an entry; else its first one alone
  bool shuffle = false;      ///< a random order, which holds the list in memory (about 300 bytes an entry)
  std::uint64_t seed = 100;  ///< of the order; the same on every machine
  int chunks = 1;            ///< X_0.rec, X_1.rec, ...: consecutive equal shares of the order
  /// Shares of each chunk's order: X_test.rec, X_train.rec, and X_val.rec for what is left. A train
  /// ratio of 1 means no split.
  double train_ratio = 1, test_ratio = 0;
  bool verify = true;  ///< read everything back and compare digests
};

/// A record file, or with list_only a list.
struct PackedFile {
  std::filesystem::path path;
  std::uint64_t records = 0;
  std::uint64_t bytes = 0;
};

struct PackSummary {
  StreamSummary stream;  ///< its seconds end when the last file is on the disk; without reading back
  std::vector<PackedFile> files;
  std::uint64_t bytes = 0;    ///< of these
  std::filesystem::path bad;  ///< X.bad.jsonl: index, key, code and message of each entry left out; empty: none
  bool verified = false;      ///< read back and found equal
  double verify_seconds = 0;
};

/// Packs. Ids (of records, of the index, first column of the list) are the source's: position in the
/// folder, first column of a list, id of a record. Lists have im2rec's form: id, labels as %f, path,
/// with TABs between them; they hold what the record file holds, in its order. Written beside record
/// files of folders and lists (a list that is being read is never overwritten); a .rec has no paths
/// to list. The bytes of all files depend on data and options alone, never on the number of threads.
///
/// Each part (chunk, share) appears under its names when it is complete. Bad entries are left out
/// and named in X.bad.jsonl; a path with a TAB or line end, which no list can hold, is one. Memory
/// grows by 8 bytes a record for verification. Errors as of score(); Error(io) when what is read
/// back differs: that part's files are removed then.
Result<PackSummary> pack(const PackOptions& options);

/// Rebuilds the index X.idx of a record file by scanning it; keys are the records' ids. Of `stream`
/// the source's data and index (the file to write; empty: beside the data), the bounds of bad entries
/// and the control count. Damaged places are bad entries.
Result<PackSummary> rebuild_index(const StreamOptions& stream);

}  // namespace octet
