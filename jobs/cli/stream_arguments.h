// Options of the commands that read a whole source: score, evaluate, run.
#pragma once

#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/cli/arguments.h"
#include "octet/jobs/evaluate.h"
#include "octet/jobs/store/shard_choice.h"

namespace octet::cli {

/// --limit, --shard, --on-error, --max-bad, --metrics.
po::options_description bounds_options();
/// The shard that --shard says; the only one without it.
Result<ShardChoice> shard_choice(const po::variables_map& values);
/// --output: with --shard auto the shard's own folder in it, kept for a merge.
Result<void> set_output(const po::variables_map& values, ScoreOptions& options);
/// "3" is a number of entries, "2%" a share of them.
Result<void> parse_max_bad(const std::string& text, StreamOptions& options);
/// Reads these, --streams, --quiet.
Result<StreamOptions> bounded_options(const po::variables_map& values);

/// --pin.
void add_pin_option(po::options_description& options);
Result<Pinning> parse_pinning(const std::string& text);

/// --batch, --pin, --trace, and those of bounds_options().
po::options_description stream_options();
/// Reads these (--batch and --pin where a command has them), the data and decoder options, --streams, --quiet.
Result<StreamOptions> stream_options(const po::variables_map& values);

/// --mode, --fraction, --samples, --seed, --stride, --offset, --exclude, --exclude-op, --exclude-first-conv, --dtype,
/// --percentile, --min-agreement, --max-drop, --max-float, --report, --report-pictures.
po::options_description calibration_options();
/// Reads these and everything else that CalibrateOptions has, but for `output`.
Result<CalibrateOptions> calibration_options(const po::variables_map& values);

inline constexpr const char* format_help =
    "of the records: jsonl or csv; coco or voc: jsonl, and a detector's boxes as COCO results or VOC comp4 files too";

/// --annotations, --metric: where the objects of a detection model's pictures are, and how to judge.
po::options_description detection_options();
Result<void> read_detection_options(const po::variables_map& values, EvaluateOptions& options);

/// One line: what share of the threads' time went where.
void print_busy(const StreamSummary& summary);
/// "65 too many bad images" and its like for people: what failed, with the first few entries.
void print_failures(const StreamSummary& summary);

}  // namespace octet::cli
