// Figures of a running job for Prometheus.
#pragma once

#include <filesystem>  // std::filesystem::path
#include <span>        // std::span
#include <string>      // std::string

#include "octet/graph/result.h"
#include "octet/jobs/progress.h"

namespace octet {

/// The stages as Prometheus text (exposition format 0.0.4), one sample a stage and metric:
///   octet_images_total, octet_images_failed_total          counters
///   octet_images_expected                                  gauge, where it is known
///   octet_images_per_second, octet_stage_seconds           gauges, since the stage began
///   octet_stage_finished                                   gauge, 0 or 1
///   octet_busy_seconds_total{stage,activity}               counter: seconds of work over all threads
///   octet_threads, octet_peak_resident_bytes, octet_updated_timestamp_seconds   gauges
/// `now`: seconds since 1970.
std::string metrics_text(std::span<const Progress> stages, double now);

/// `control` that also keeps `file` up to date: replaced whole (a reader never sees a part) every
/// second and at the end of each stage. The file is made at once: Error(cannot_write, io) when that
/// fails. Later failures are passed over: the job is worth more than its figures.
Result<JobControl> with_metrics(JobControl control, const std::filesystem::path& file);

}  // namespace octet
