// What durable output costs a job: score() against the same stream whose records go to a plain file (no digest, no
// fsync, no manifest, no note of who is in flight), in pairs whose order alternates. durability_bench PREFIX DATA
// [PAIRS [IMAGES [THREADS]]]: DATA has at least IMAGES entries (a .lst may name files twice).
#include <sys/resource.h>
#include <unistd.h>

#include <oneapi/tbb/task_arena.h>
#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "octet/graph/output_file.h"
#include "octet/jobs/score.h"
#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

constexpr double most_others = 0.03;  // of the machine

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto of = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return of(usage.ru_utime) + of(usage.ru_stime);
}

double seconds_of(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// Busy seconds of all processors since the machine began, to 10 ms.
double machine_busy_seconds() {
  std::ifstream stat("/proc/stat");
  std::string name;
  std::array<double, 7> ticks{};  // user, nice, system, idle, iowait, irq, softirq
  stat >> name;
  for (double& tick : ticks) stat >> tick;
  return (ticks[0] + ticks[1] + ticks[2] + ticks[5] + ticks[6]) / static_cast<double>(::sysconf(_SC_CLK_TCK));
}

/// Counts the calls that write files: those of workers while entries stream, and the others.
class TimedFileOps : public FileOps {
  template <class Call>
  auto timed(const char* name, Call call) {
    const double begin = seconds_of(CLOCK_MONOTONIC);
    const auto result = call();
    const double seconds = seconds_of(CLOCK_MONOTONIC) - begin;
    const bool worker = tbb::this_task_arena::current_thread_index() >= 0;
    const std::lock_guard lock(mutex_);
    Sum& sum = calls[name][worker && streaming ? 1 : 0];
    ++sum.calls;
    sum.seconds += seconds;
    sum.longest = std::max(sum.longest, seconds);
    if (!worker && std::this_thread::get_id() != caller_) {
      thread_local double counted = 0;
      const double now = seconds_of(CLOCK_THREAD_CPUTIME_ID);
      other_threads_cpu_s += now - std::exchange(counted, now);
    }
    return result;
  }

 public:
  std::atomic<bool> streaming{false};
  struct Sum {
    std::uint64_t calls = 0;
    double seconds = 0, longest = 0;
  };
  std::map<std::string, std::array<Sum, 2>> calls;  // [1]: on a worker
  double other_threads_cpu_s = 0;  // of threads that are neither workers nor the caller, up to their last call

  int open(const char* path, int flags) override {
    return timed("open", [&] { return FileOps::open(path, flags); });
  }
  ssize_t write(int file, const void* bytes, std::size_t count) override {
    return timed("write", [&] { return FileOps::write(file, bytes, count); });
  }
  int fsync(int file) override {
    return timed("fsync", [&] { return FileOps::fsync(file); });
  }
  int close(int file) override {
    return timed("close", [&] { return FileOps::close(file); });
  }
  int rename(const char* from, const char* to) override {
    return timed("rename", [&] { return FileOps::rename(from, to); });
  }

 private:
  const std::thread::id caller_ = std::this_thread::get_id();
  std::mutex mutex_;
};

struct Cost {
  double wall_s = 0, cpu_s = 0;
  double write_s = 0, worker_s = 0;  ///< workers' time: for making text and keeping it, and in all
  double others = 0;                 ///< share of the machine that other processes took
};

template <class Job>
Cost cost_of(Job job) {
  const double machine = machine_busy_seconds(), wall = seconds_of(CLOCK_MONOTONIC), cpu = cpu_seconds();
  const StreamSummary summary = job();
  Cost cost;
  cost.wall_s = seconds_of(CLOCK_MONOTONIC) - wall;
  cost.cpu_s = cpu_seconds() - cpu;
  cost.write_s = summary.busy[Activity::write];
  cost.worker_s = summary.busy.total();
  cost.others = (machine_busy_seconds() - machine - cost.cpu_s) / cost.wall_s /
                static_cast<double>(std::thread::hardware_concurrency());
  if (summary.failed > 0) throw std::runtime_error("pictures failed: their costs are not those of a job");
  return cost;
}

Cost durable(const ScoreOptions& options) {
  return cost_of([&] { return score(options).value().stream; });
}

Cost bare(const ScoreOptions& options) {
  return cost_of([&] {
    const auto source = Source::open(options.stream.source).value();
    const std::filesystem::path path = options.output / "bare.jsonl";
    const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "w"), std::fclose);
    if (file == nullptr) throw std::runtime_error("cannot write " + path.string());
    std::setvbuf(file.get(), nullptr, _IOFBF, std::size_t{1} << 20U);
    StreamJob job;
    job.name = "score";
    job.scorers = {options.scorer};
    job.stage.top_k = options.top_k;
    job.stage.finish = [&](Record& record) {
      append_record(options.format, record, options.scorer->labels, record.text);
    };
    job.take = [&](const Record& record) -> Result<void> {
      std::fwrite(record.text.data(), 1, record.text.size(), file.get());
      return {};
    };
    return run_stream(options.stream, *source, job).value();
  });
}

/// Mean of `values` with its 95 % interval; Student's t for six pairs or more is at most what stands here.
void print_difference(const char* what, const std::vector<double>& values) {
  double mean = 0, square = 0;
  const auto n = static_cast<double>(values.size());
  for (const double value : values) mean += value / n;
  for (const double value : values) square += (value - mean) * (value - mean);
  const double half = values.size() > 1 ? (1.96 + 3.2 / (n - 1)) * std::sqrt(square / (n - 1) / n) : NAN;
  std::printf("%-10s durable / bare - 1: %+.3f %% (95 %%: %+.3f to %+.3f), %zu pairs\n", what, 100 * mean,
              100 * (mean - half), 100 * (mean + half), values.size());
}

void print_calls(const TimedFileOps& ops, const Cost& all) {
  std::printf("\n%-8s %28s   %28s\n", "", "on a worker: calls, ms, max", "elsewhere: calls, ms, max");
  for (const auto& [name, sums] : ops.calls) {
    std::printf("%-8s", name.c_str());
    for (const auto& sum : {sums[1], sums[0]}) {
      std::printf(" %10llu %9.2f %8.2f ", static_cast<unsigned long long>(sum.calls), 1000 * sum.seconds,
                  1000 * sum.longest);
    }
    std::printf("\n");
  }
  std::printf("\nCPU time of the threads that make segments durable: %.2f ms, %.4f %% of all\n",
              1000 * ops.other_threads_cpu_s, 100 * ops.other_threads_cpu_s / all.cpu_s);
}

void measure(ScoreOptions options, int pairs) {
  durable(options);  // caches, clocks
  TimedFileOps ops;
  options.stream.control.progress = [&](const Progress& progress) { ops.streaming = !progress.last; };
  Cost bare_all, durable_all;
  std::vector<double> wall, cpu;
  const auto add = [](Cost& sum, const Cost& cost) {
    sum.wall_s += cost.wall_s;
    sum.cpu_s += cost.cpu_s;
    sum.write_s += cost.write_s;
    sum.worker_s += cost.worker_s;
  };
  for (int pair = 0; static_cast<int>(wall.size()) < pairs && pair < 2 * pairs; ++pair) {
    Cost a, b;
    for (int turn = 0; turn < 2; ++turn) {
      const bool is_durable = (pair + turn) % 2 == 0;
      FileOps* const before = is_durable ? replace_file_ops(&ops) : nullptr;
      (is_durable ? a : b) = is_durable ? durable(options) : bare(options);
      if (is_durable) replace_file_ops(before);
    }
    std::printf("%2d: durable %.3f s, CPU %.3f s; bare %.3f s, CPU %.3f s; others %.1f, %.1f %%\n", pair + 1, a.wall_s,
                a.cpu_s, b.wall_s, b.cpu_s, 100 * a.others, 100 * b.others);
    std::fflush(stdout);
    if (std::max(a.others, b.others) > most_others) continue;
    wall.push_back(a.wall_s / b.wall_s - 1);
    cpu.push_back(a.cpu_s / b.cpu_s - 1);
    add(durable_all, a);
    add(bare_all, b);
  }
  const double images = static_cast<double>(options.stream.limit) * static_cast<double>(wall.size());
  std::printf("\n%.1f images/s durable, %.1f bare\n", images / durable_all.wall_s, images / bare_all.wall_s);
  print_difference("wall", wall);
  print_difference("CPU", cpu);
  const auto share = [](const Cost& cost) { return 100 * cost.write_s / cost.worker_s; };
  std::printf("workers' time for text and output: durable %.3f %%, %.2f us an image; bare %.3f %%, %.2f us\n",
              share(durable_all), 1e6 * durable_all.write_s / images, share(bare_all), 1e6 * bare_all.write_s / images);
  print_calls(ops, durable_all);
}

void run(int argc, char** argv) {
  ScoreOptions options;
  options.scorer = load_scorer(argv[1], {}, 0).value();
  options.stream.source.data = argv[2];
  const int pairs = argc > 3 ? std::atoi(argv[3]) : 20;
  options.stream.limit = argc > 4 ? std::strtoull(argv[4], nullptr, 10) : 2000;
  options.stream.threads = argc > 5 ? std::atoi(argv[5]) : 2;
  options.resume = Resume::never;
  options.output = std::filesystem::current_path() / ("durability." + std::to_string(::getpid()));
  measure(options, pairs);
  std::filesystem::remove_all(options.output);
}

}  // namespace
}  // namespace octet

int main(int argc, char** argv) try {
  if (argc < 3 || argc > 6) {
    std::fputs("durability_bench PREFIX DATA [PAIRS [IMAGES [THREADS]]]\n", stderr);
    return 64;
  }
  octet::run(argc, argv);
} catch (const std::exception& error) {
  std::fprintf(stderr, "durability_bench: %s\n", error.what());
  return 1;
}
