#include <oneapi/tbb/task_scheduler_observer.h>
#include <algorithm>  // std::max
#include <atomic>     // std::atomic
#include <chrono>     // std::chrono::seconds
#include <thread>     // std::this_thread
#include <utility>    // std::move

#include "octet/jobs/stage/own_place.h"
#include "octet/jobs/stage/processors.h"
#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

constexpr int max_threads = 1024;
constexpr auto leaving_patience = std::chrono::seconds(10);

/// The processor of each worker; empty where the operating system shall choose.
std::vector<int> places_for(Pinning pinning, std::size_t threads, const std::vector<int>& allowed) {
  if (pinning == Pinning::none || allowed.empty()) return {};
  const auto processors = describe_processors("/sys/devices/system", allowed);
  const bool all = threads >= count_cores(processors) && threads <= processors.size();
  if (pinning == Pinning::automatic && !all) return {};
  return placement(processors);
}

}  // namespace

/// Keeps each thread on its processor while it is in the arena.
class Workers::Pins : public tbb::task_scheduler_observer {
 public:
  /// `everywhere`: where threads may run when they have left. Neither is empty.
  Pins(tbb::task_arena& arena, std::vector<int> places, std::vector<int> everywhere)
      : tbb::task_scheduler_observer(arena), places_(std::move(places)), everywhere_(std::move(everywhere)) {
    observe(true);
  }
  Pins(const Pins&) = delete;
  Pins& operator=(const Pins&) = delete;
  /// TBB's threads outlive the arena, and an observer that is gone is not told that they leave it.
  ~Pins() override {
    const auto begin = std::chrono::steady_clock::now();
    while (present_ > 0 && std::chrono::steady_clock::now() - begin < leaving_patience) std::this_thread::yield();
    observe(false);
  }

  void on_scheduler_entry(bool /*is_worker*/) override {
    ++present_;
    run_on(std::span(places_).subspan(own_place() % places_.size(), 1));
  }
  void on_scheduler_exit(bool /*is_worker*/) override {
    run_on(everywhere_);
    --present_;
  }

 private:
  const std::vector<int> places_, everywhere_;
  std::atomic<int> present_{0};
};

Workers::Workers() = default;
Workers::~Workers() = default;

Result<std::unique_ptr<Workers>> Workers::create(int threads, Pinning pinning) {
  if (threads < 0 || threads > max_threads) {
    return Error{ErrorCode::usage, {}, "the number of threads must be between 0 and " + std::to_string(max_threads)};
  }
  std::unique_ptr<Workers> workers(new Workers);
  const int count = threads > 0 ? threads : tbb::this_task_arena::max_concurrency();
  auto allowed = allowed_processors();
  auto places = places_for(pinning, static_cast<std::size_t>(count), allowed);
  if (threads == 0 && places.empty()) return workers;
  const auto limit = tbb::global_control::max_allowed_parallelism;
  const auto parallel =
      std::max<std::size_t>(static_cast<std::size_t>(count), tbb::global_control::active_value(limit));
  workers->allowed_.emplace(limit, parallel);
  workers->arena_.emplace(count);
  if (!places.empty()) workers->pins_ = std::make_unique<Pins>(*workers->arena_, std::move(places), std::move(allowed));
  return workers;
}

int Workers::threads() const { return arena_ ? arena_->max_concurrency() : tbb::this_task_arena::max_concurrency(); }

}  // namespace octet
