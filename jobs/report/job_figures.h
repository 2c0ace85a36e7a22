// What the records of a job add up to.
#pragma once

#include <array>       // std::array
#include <cstdint>     // std::uint64_t
#include <filesystem>  // std::filesystem::path
#include <map>         // std::map
#include <string>      // std::string
#include <vector>      // std::vector

#include "octet/graph/result.h"
#include "octet/jobs/record.h"

namespace octet {

/// One class as the records name it.
struct ClassCount {
  std::string label;        ///< empty: it has no name
  std::uint64_t count = 0;  ///< pictures whose best class it is, or boxes of it
};

/// An entry that failed, as its record says.
struct FailureFigure {
  std::uint64_t index = 0;
  std::string key, code, message;
};

/// An entry that is shown.
struct SampleFigure {
  std::uint64_t index = 0;
  std::string key;
  Outcome outcome;
  std::map<int, std::string> labels;  ///< of the classes in it
};

/// The speed of one durable segment.
struct SpeedFigure {
  double seconds = 0;  ///< of scoring at its end, in all processes and shards one behind the other
  double images_per_s = 0;
};

/// What the manifests say of the job; empty where there are none.
struct JobFacts {
  std::string model, precision, data, isa, version;  ///< of the job's identity
  std::size_t shards = 0;
  double seconds = 0;  ///< of scoring, in all processes and shards
};

struct JobFigures {
  static constexpr std::size_t score_bins = 20;
  static constexpr std::size_t most_failures = 1000;

  JobFacts facts;
  std::uint64_t n = 0, failed = 0;
  bool detection = false;
  std::uint64_t boxes = 0, without_boxes = 0;           ///< of a detection job; the latter counts pictures
  std::map<std::string, std::uint64_t> errors;          ///< by code
  std::array<std::uint64_t, score_bins> best_scores{};  ///< of each good entry's best class, or of every box; over 0..1
  std::uint64_t other_scores = 0;                       ///< outside 0..1, or no number: not in the histogram
  std::map<int, ClassCount> classes;
  std::vector<FailureFigure> failures;  ///< the first ones
  std::vector<SampleFigure> samples;    ///< good entries, spread evenly
  std::vector<SpeedFigure> speed;       ///< in order
};

/// Reads `output`/scores.jsonl once, and the manifests that are there. At most 2 * `samples` entries
/// are kept. Errors as write_job_report's.
Result<JobFigures> read_job_figures(const std::filesystem::path& output, std::size_t samples);

}  // namespace octet
