#include "octet/calibrator/collect.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <algorithm>  // std::clamp
#include <atomic>     // std::atomic
#include <memory>     // std::unique_ptr
#include <utility>    // std::move

#include "octet/executor/context.h"

namespace octet {
namespace {

constexpr std::size_t kBlockBytes = std::size_t{64} << 20U;  // pictures held at once

/// What one task owns: a context whose observer fills its statistics.
class Worker {
 public:
  static Result<std::unique_ptr<Worker>> create(const std::shared_ptr<const Plan>& plan,
                                                const std::vector<NodeId>& nodes, std::size_t node_count) {
    auto worker = std::unique_ptr<Worker>(new Worker(nodes, node_count));
    OCTET_TRY(worker->context_, Context::create(plan));
    for (const OutputLayout& output : plan->outputs()) worker->outputs_.emplace_back(output.elements);
    worker->spans_.assign(worker->outputs_.begin(), worker->outputs_.end());
    worker->context_->observe([w = worker.get()](const Observation& seen) { w->observe(seen); });
    return worker;
  }

  Result<void> run(std::span<const std::uint8_t> picture) { return context_->run(picture, 1, spans_); }

  [[nodiscard]] const std::vector<ValueStatistics>& statistics() const { return statistics_; }

 private:
  Worker(const std::vector<NodeId>& nodes, std::size_t node_count) : slot_(node_count, -1), statistics_(nodes.size()) {
    for (std::size_t i = 0; i < nodes.size(); ++i) slot_[static_cast<std::size_t>(nodes[i])] = static_cast<int>(i);
  }

  void observe(const Observation& seen) {
    const auto node = static_cast<std::size_t>(seen.value.node);
    if (node >= slot_.size() || slot_[node] < 0 || seen.dtype != DType::f32) return;
    std::size_t elements = 1;
    for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
    statistics_[static_cast<std::size_t>(slot_[node])].add({static_cast<const float*>(seen.data), elements});
  }

  std::vector<int> slot_;  ///< node -> index into statistics_, -1: not asked for
  std::vector<ValueStatistics> statistics_;
  std::unique_ptr<Context> context_;
  std::vector<std::vector<float>> outputs_;
  std::vector<std::span<float>> spans_;
};

using Workers = std::vector<std::unique_ptr<Worker>>;

/// Every picture of the block once, by whichever worker is free.
Result<void> run_block(Workers& workers, std::span<const std::uint8_t> block, std::size_t count, std::size_t bytes) {
  std::atomic<std::size_t> next{0};
  std::vector<Result<void>> results(workers.size());
  tbb::parallel_for(
      std::size_t{0}, workers.size(),
      [&](std::size_t w) {
        for (std::size_t i = next++; i < count && results[w]; i = next++) {
          results[w] = workers[w]->run(block.subspan(i * bytes, bytes));
        }
      },
      tbb::simple_partitioner());
  for (Result<void>& result : results) OCTET_CHECK(std::move(result));
  return {};
}

}  // namespace

Result<Collection> collect(const Graph& graph, const std::vector<NodeId>& nodes, int threads,
                           const PictureSource& pictures) {
  PlanOptions options;
  options.batch = 1;
  options.observable = true;
  OCTET_TRY(const std::shared_ptr<const Plan> plan, Plan::compile(graph, options));
  const int available = std::max(1, tbb::this_task_arena::max_concurrency());
  Workers workers;
  for (int i = 0; i < (threads > 0 ? std::min(threads, available) : available); ++i) {
    OCTET_TRY(workers.emplace_back(), Worker::create(plan, nodes, graph.nodes.size()));
  }
  const std::size_t bytes = plan->input().bytes();
  const std::size_t capacity =
      std::clamp<std::size_t>(kBlockBytes / std::max<std::size_t>(bytes, 1), 1, workers.size() * 8);
  std::vector<std::uint8_t> block(capacity * bytes);
  Collection result;
  for (;;) {
    OCTET_TRY(const std::int64_t count, pictures(block, static_cast<std::int64_t>(capacity)));
    if (count <= 0) break;
    if (count > static_cast<std::int64_t>(capacity)) {
      return Error{ErrorCode::internal, "", "the picture source returned more pictures than were asked for"};
    }
    OCTET_CHECK(run_block(workers, block, static_cast<std::size_t>(count), bytes));
    result.images += count;
  }
  if (result.images == 0) return Error{ErrorCode::not_found, "", "there is no picture to calibrate on"};
  result.values = workers[0]->statistics();
  for (std::size_t w = 1; w < workers.size(); ++w) {
    for (std::size_t i = 0; i < nodes.size(); ++i) result.values[i].merge(workers[w]->statistics()[i]);
  }
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    if (result.values[i].invalid() == 0) continue;
    const std::string& name = graph.nodes[static_cast<std::size_t>(nodes[i])].output_name;
    return Error{ErrorCode::invalid_model, name,
                 std::to_string(result.values[i].invalid()) + " values are NaN or infinite on the sample"};
  }
  return result;
}

}  // namespace octet
