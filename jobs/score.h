// Scores every entry of a source into one file: what `octet score` runs.
#pragma once

#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <map>         // std::map
#include <memory>      // std::shared_ptr
#include <optional>    // std::optional
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/model.h"
#include "octet/jobs/pinning.h"
#include "octet/jobs/progress.h"
#include "octet/jobs/score_stage.h"
#include "octet/jobs/writers.h"
#include "octet/loader/source.h"

namespace octet {

enum class OnError : std::uint8_t {
  skip,  ///< a bad image is an error record; the job goes on
  fail,  ///< the first one ends the job with its Error(bad_image or bad_record)
};

/// What score() does with the job that its output folder holds (see store/manifest.h).
enum class Resume : std::uint8_t {
  automatic,  ///< goes on behind the last durable record of a matching one; Error(invalid_config) for another one
  required,   ///< the same, and Error(not_found) when there is none
  never,      ///< begins anew, whatever is there
  replace,    ///< goes on with a matching one that is unfinished, else begins anew
};

/// What every job over a source takes. 0 means automatic.
struct StreamOptions {
  SourceOptions source;
  DecoderOptions decoder;
  int threads = 0;                  ///< 0: as many as the calling arena has; else an arena of this size is made
  Pinning pinning = Pinning::none;  ///< where it applies, an arena of the workers' own is made
  std::int64_t batch = 0;           ///< images computed together; 0: the plan chooses. Results never depend on it
  int batches_in_flight = 0;        ///< see StageOptions
  std::uint64_t limit = 0;          ///< only the first so many entries; 0: all
  OnError on_error = OnError::skip;
  /// More failed entries than this end the job with Error(bad_image) that names the first few: a
  /// share of all entries (0..1), a number, or both. Unset: no bound.
  std::optional<double> max_bad_fraction;
  std::optional<std::uint64_t> max_bad;
  JobControl control;
  std::filesystem::path
      trace;  ///< where the first million spans of work go when it is done (see Trace); empty: nowhere
};

struct ScoreOptions {
  std::filesystem::path model;           ///< prefix of the pair
  LoadOptions load;                      ///< epoch and preprocessing overrides
  std::shared_ptr<const Scorer> scorer;  ///< a model that is already there; `model`, `load`, `batch` are not used then
  StreamOptions stream;
  std::filesystem::path output;  ///< folder; made when absent
  Resume resume = Resume::automatic;
  std::chrono::milliseconds checkpoint{2000};  ///< how old a record may get before it is durable
  std::string data_sha256;     ///< digest of all pictures' bytes, where it is known: part of the job's identity
  bool keep_segments = false;  ///< a merge will need them; those of one shard of several are always kept
  OutputFormat format = OutputFormat::jsonl;
  std::filesystem::path
      annotations;                  ///< for OutputFormat::coco: whose image and category ids are used (see Annotations)
  int top_k = 5;                    ///< 1 or more
  std::vector<std::string> labels;  ///< class names in place of the model's; empty: the model's
};

/// Counts over a stream of entries. Of fixed size, whatever their number.
struct StreamSummary {
  std::uint64_t n = 0;                          ///< entries, failed ones included
  std::uint64_t failed = 0;                     ///< of these
  std::map<std::string, std::uint64_t> errors;  ///< failed entries by code name
  std::vector<FailedEntry> first_failed;        ///< at most 10, in input order
  std::uint64_t damaged_places = 0;             ///< of a record file: entries with code bad_record
  double seconds = 0;                           ///< from the first entry to the last byte; without loading the model
  double images_per_s = 0;                      ///< n / seconds
  std::uint64_t peak_rss_bytes = 0;
  int threads = 0;          ///< workers of the stream in this process; 0: it did nothing
  BusySeconds busy;         ///< over all of them
  double busy_seconds = 0;  ///< the time in which that was
  /// Share of the threads' time that went into it, 0..1.
  [[nodiscard]] double busy_share(Activity activity) const noexcept {
    return threads > 0 && busy_seconds > 0 ? busy[activity] / (threads * busy_seconds) : 0;
  }
};

struct ScoreSummary {
  StreamSummary stream;              ///< of the whole job, what earlier processes did included
  std::uint64_t resumed = 0;         ///< entries that an earlier process had scored
  std::filesystem::path quarantine;  ///< quarantine.jsonl: a line for each failed entry, in input order
  std::filesystem::path scores;      ///< the file with a record for every entry
  std::filesystem::path detections;  ///< see DetectionFiles; VOC: with '*' for the class; empty: none
  std::string model;                 ///< its name
  bool quantized = false;
};

/// Scores. Every few seconds the records so far become durable in `output`/job (see store/manifest.h), and a later call
/// with the same model, data and options goes on behind them; the result is the same to the byte. Files
/// appear under their final names (output_name(format), quarantine.jsonl, those of DetectionFiles) when all
/// entries are in them; quarantine.jsonl also when the bound of bad entries ends the job. Memory does not depend on the
/// number of entries. Errors beyond those of loading: usage (options), invalid_config (the folder holds another
/// job), cannot_write, io, bad_image (the bound of bad entries is passed), cancelled.
Result<ScoreSummary> score(const ScoreOptions& options);

}  // namespace octet
