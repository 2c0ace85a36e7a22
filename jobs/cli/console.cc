#include "octet/jobs/cli/console.h"

#include <unistd.h>

#include "octet/jobs/metrics.h"

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <ctime>

#include "octet/jobs/cli/exit_code.h"
#include "octet/jobs/store/in_flight.h"

namespace octet::cli {
namespace {

std::atomic<bool> stop_flag{false};
static_assert(std::atomic<bool>::is_always_lock_free, "the signal handler may only touch lock-free atomics");

timer_t patience;
std::atomic<bool> has_patience{false};

void on_signal(int /*signal*/) {
  stop_flag.store(true, std::memory_order_relaxed);
  // A picture that hangs, a file system that does: what is durable stays, the rest is lost as by a kill.
  itimerspec in_time{};
  in_time.it_value.tv_sec = 1;
  in_time.it_value.tv_nsec = 600'000'000;
  if (has_patience) timer_settime(patience, 0, &in_time, nullptr);
}

void on_impatience(int /*signal*/) { _exit(kStopped); }

/// Notes who is to blame, then lets the signal do what it did before.
void on_crash(int signal) {
  InFlight::mark_crash();
  std::signal(signal, SIG_DFL);
  raise(signal);
}

void watch_crashes() {
  struct sigaction action {};
  action.sa_handler = on_crash;
  for (const int signal : {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT}) {
    struct sigaction before {};
    // A sanitizer's own handler tells more.
    if (sigaction(signal, nullptr, &before) == 0 && before.sa_handler == SIG_DFL) sigaction(signal, &action, nullptr);
  }
}

void watch_signals() {
  watch_crashes();
  if (!has_patience) {
    struct sigaction impatient {};
    impatient.sa_handler = on_impatience;
    sigaction(SIGALRM, &impatient, nullptr);
    sigevent event{};
    event.sigev_notify = SIGEV_SIGNAL;
    event.sigev_signo = SIGALRM;
    has_patience = timer_create(CLOCK_MONOTONIC, &event, &patience) == 0;
  }
  struct sigaction action {};
  action.sa_handler = on_signal;
  // One polite request; a second one ends the process the default way.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  sigaction(SIGUSR1, &action, nullptr);
}

void print_bar(const Progress& progress) {
  constexpr int kWidth = 30;
  char bar[kWidth + 1] = {};
  const double share = progress.total && *progress.total > 0
                           ? static_cast<double>(progress.done) / static_cast<double>(*progress.total)
                           : 0;
  for (int i = 0; i < kWidth; ++i) bar[i] = i < share * kWidth ? '=' : ' ';
  const double left =
      progress.images_per_s > 0 && progress.total
          ? static_cast<double>(*progress.total - std::min(*progress.total, progress.done)) / progress.images_per_s
          : 0;
  if (progress.total) {
    std::fprintf(stderr, "\r%-10s [%s] %5.1f %%  %.0f %s/s, %.0f s left, %llu bad \033[K", progress.stage.c_str(), bar,
                 share * 100, progress.images_per_s, progress.unit, left,
                 static_cast<unsigned long long>(progress.failed));
  } else {
    std::fprintf(stderr, "\r%-10s %llu %s, %.0f %s/s, %llu bad \033[K", progress.stage.c_str(),
                 static_cast<unsigned long long>(progress.done), progress.unit, progress.images_per_s, progress.unit,
                 static_cast<unsigned long long>(progress.failed));
  }
  if (progress.last) std::fputc('\n', stderr);
}

void print_line(const Progress& progress) {
  std::fprintf(stderr, "%s: %llu", progress.stage.c_str(), static_cast<unsigned long long>(progress.done));
  if (progress.total) std::fprintf(stderr, " of %llu", static_cast<unsigned long long>(*progress.total));
  std::fprintf(stderr, " %s, %.0f %s/s, %llu bad\n", progress.unit, progress.images_per_s, progress.unit,
               static_cast<unsigned long long>(progress.failed));
}

}  // namespace

Result<JobControl> job_control(const po::variables_map& values) {
  watch_signals();
  JobControl control;
  control.stop = &stop_flag;
  if (values["quiet"].as<bool>()) {
    // nothing on standard error
  } else if (isatty(STDERR_FILENO) == 1) {
    control.progress = print_bar;
  } else {
    control.interval = std::chrono::seconds(10);
    control.progress = print_line;
  }
  if (const auto file = given<std::string>(values, "metrics")) return with_metrics(std::move(control), *file);
  return control;
}

bool stop_requested() noexcept { return stop_flag.load(std::memory_order_relaxed); }

}  // namespace octet::cli
