#include "octet/jobs/progress.h"

#include <sys/resource.h>  // getrusage
#include <utility>         // std::move

namespace octet {

ProgressMeter::ProgressMeter(const JobControl& control, std::string stage, std::optional<std::uint64_t> total,
                             const Trace* trace)
    : control_(control), trace_(trace), next_(begin_ + control.interval) {
  state_.stage = std::move(stage);
  state_.total = total;
}

void ProgressMeter::add(std::uint64_t done, std::uint64_t failed) {
  const std::lock_guard lock(mutex_);
  state_.done += done;
  state_.failed += failed;
  if (!control_.progress) return;
  if (const auto now = Clock::now(); now >= next_) report(now);
}

void ProgressMeter::go_on_from(std::uint64_t done, std::uint64_t failed) {
  const std::lock_guard lock(mutex_);
  state_.done = before_ = done;
  state_.failed = failed;
}

void ProgressMeter::finish() {
  const std::lock_guard lock(mutex_);
  state_.last = true;
  if (control_.progress) report(Clock::now());
}

double ProgressMeter::seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

void ProgressMeter::report(Clock::time_point now) {
  next_ = now + control_.interval;
  state_.seconds = std::chrono::duration<double>(now - begin_).count();
  state_.images_per_s = state_.seconds > 0 ? static_cast<double>(state_.done - before_) / state_.seconds : 0;
  if (trace_ != nullptr) {
    state_.busy = trace_->busy();
    state_.threads = trace_->threads();
  }
  control_.progress(state_);
}

std::uint64_t peak_rss_bytes() {
  rusage usage{};
  if (getrusage(RUSAGE_SELF, &usage) != 0) return 0;
  return static_cast<std::uint64_t>(usage.ru_maxrss) * 1024;  // Linux counts in KiB
}

}  // namespace octet
