#include <algorithm>  // std::max

#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

constexpr int max_threads = 1024;

}  // namespace

Result<std::unique_ptr<Workers>> Workers::create(int threads) {
  if (threads < 0 || threads > max_threads) {
    return Error{ErrorCode::usage, {}, "the number of threads must be between 0 and " + std::to_string(max_threads)};
  }
  std::unique_ptr<Workers> workers(new Workers);
  if (threads == 0) return workers;
  const auto limit = tbb::global_control::max_allowed_parallelism;
  const auto allowed =
      std::max<std::size_t>(static_cast<std::size_t>(threads), tbb::global_control::active_value(limit));
  workers->allowed_.emplace(limit, allowed);
  workers->arena_.emplace(threads);
  return workers;
}

int Workers::threads() const { return arena_ ? arena_->max_concurrency() : tbb::this_task_arena::max_concurrency(); }

}  // namespace octet
