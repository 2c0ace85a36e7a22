#include "octet/jobs/metrics.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <memory>
#include <string_view>
#include <utility>
#include <vector>

#include "octet/graph/output_file.h"

namespace octet {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::chrono::milliseconds kMetricsInterval{1000};

std::string number(double value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  return {text, end};
}

/// Builds one metric after the other: HELP and TYPE once, then its samples.
class Exposition {
 public:
  void metric(std::string_view name, std::string_view type, std::string_view help) {
    name_ = name;
    text_.append("# HELP ").append(name).append(" ").append(help).append("\n# TYPE ").append(name);
    text_.append(" ").append(type).append("\n");
  }
  void sample(const std::string& labels, double value) {
    text_.append(name_).append(labels.empty() ? "" : "{" + labels + "}").append(" ").append(number(value)).append("\n");
  }
  /// A metric with one sample a stage.
  template <class Value>
  void by_stage(std::span<const Progress> stages, std::string_view name, std::string_view type, std::string_view help,
                Value value) {
    metric(name, type, help);
    for (const Progress& stage : stages) sample("stage=\"" + stage.stage + "\"", value(stage));
  }
  [[nodiscard]] std::string take() { return std::move(text_); }

 private:
  std::string_view name_;
  std::string text_;
};

/// The file and what it says; called one report at a time.
class MetricsFile {
 public:
  MetricsFile(std::filesystem::path file, ProgressCallback inner, std::chrono::milliseconds interval)
      : file_(std::move(file)), inner_(std::move(inner)), inner_interval_(interval) {}

  void report(const Progress& progress) {
    const auto now = Clock::now();
    const bool counts_images = progress.unit == std::string_view("images");
    const bool begins = stages_.empty() || stages_.back().stage != progress.stage;
    if (counts_images && begins) stages_.push_back(progress);
    if (counts_images) stages_.back() = progress;
    if (inner_ && (progress.last || now >= inner_next_)) {
      inner_next_ = now + inner_interval_;
      inner_(progress);
    }
    if (!progress.last && now < next_) return;
    next_ = now + kMetricsInterval;
    static_cast<void>(write());
  }

  Result<void> write() const {
    const double now = std::chrono::duration<double>(std::chrono::system_clock::now().time_since_epoch()).count();
    OCTET_TRY(OutputFile out, OutputFile::create(file_));
    OCTET_CHECK(out.write(metrics_text(stages_, now)));
    return out.publish();
  }

 private:
  const std::filesystem::path file_;
  const ProgressCallback inner_;
  const std::chrono::milliseconds inner_interval_;
  Clock::time_point next_{}, inner_next_ = Clock::now() + inner_interval_;
  std::vector<Progress> stages_;  // in the order in which they began
};

}  // namespace

std::string metrics_text(std::span<const Progress> stages, double now) {
  Exposition out;
  out.by_stage(stages, "octet_images_total", "counter", "Entries finished, failed ones included.",
               [](const Progress& p) { return static_cast<double>(p.done); });
  out.by_stage(stages, "octet_images_failed_total", "counter", "Entries that could not be scored.",
               [](const Progress& p) { return static_cast<double>(p.failed); });
  out.metric("octet_images_expected", "gauge", "Entries that the stage will have, where that is known.");
  for (const Progress& p : stages) {
    if (p.total) out.sample("stage=\"" + p.stage + "\"", static_cast<double>(*p.total));
  }
  out.by_stage(stages, "octet_images_per_second", "gauge", "Mean speed since the stage began.",
               [](const Progress& p) { return p.images_per_s; });
  out.by_stage(stages, "octet_stage_seconds", "gauge", "Time since the stage began.",
               [](const Progress& p) { return p.seconds; });
  out.by_stage(stages, "octet_stage_finished", "gauge", "1 when the stage has ended.",
               [](const Progress& p) { return p.last ? 1 : 0; });
  out.metric("octet_busy_seconds_total", "counter", "Seconds of work over all threads.");
  for (const Progress& p : stages) {
    if (p.threads == 0) continue;
    for (const Activity a : kActivities) {
      out.sample("stage=\"" + p.stage + "\",activity=\"" + std::string(to_string(a)) + "\"", p.busy[a]);
    }
  }
  out.metric("octet_threads", "gauge", "Threads that work on the stage.");
  for (const Progress& p : stages) {
    if (p.threads != 0) out.sample("stage=\"" + p.stage + "\"", p.threads);
  }
  out.metric("octet_peak_resident_bytes", "gauge", "Largest resident set of the process.");
  out.sample({}, static_cast<double>(peak_rss_bytes()));
  out.metric("octet_updated_timestamp_seconds", "gauge", "When this file was written, in seconds since 1970.");
  out.sample({}, now);
  return out.take();
}

Result<JobControl> with_metrics(JobControl control, const std::filesystem::path& file) {
  const auto metrics = std::make_shared<MetricsFile>(file, control.progress, control.interval);
  OCTET_CHECK(metrics->write());
  control.interval = control.progress ? std::min(control.interval, kMetricsInterval) : kMetricsInterval;
  control.progress = [metrics](const Progress& progress) { metrics->report(progress); };
  return control;
}

}  // namespace octet
