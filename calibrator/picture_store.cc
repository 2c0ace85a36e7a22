#include "octet/calibrator/picture_store.h"

#include <tbb/parallel_for.h>
#include <tbb/task_arena.h>
#include <algorithm>  // std::copy
#include <atomic>     // std::atomic
#include <utility>    // std::move

namespace octet {
namespace {

/// Copies a picture into a slot and paints the border around it.
void place(std::span<const std::uint8_t> picture, const InputLayout& layout, std::uint8_t* slot) {
  const Border& border = layout.border;
  if (border.empty()) {
    std::copy(picture.begin(), picture.end(), slot);
    return;
  }
  const auto channels = static_cast<std::size_t>(layout.channels);
  const std::int64_t width = layout.width - border.left - border.right;
  const std::uint8_t* next = picture.data();
  const auto paint = [&](std::int64_t pixels) {
    for (std::int64_t i = 0; i < pixels; ++i) slot = std::copy_n(border.value.data(), channels, slot);
  };
  for (std::int64_t y = 0; y < layout.height; ++y) {
    if (y < border.top || y >= layout.height - border.bottom) {
      paint(layout.width);
      continue;
    }
    paint(border.left);
    slot = std::copy_n(next, static_cast<std::size_t>(width) * channels, slot);
    next += static_cast<std::size_t>(width) * channels;
    paint(border.right);
  }
}

/// One graph as a worker runs it.
struct Runner {
  std::unique_ptr<Context> context;
  std::vector<std::vector<float>> outputs;
  std::vector<std::span<float>> spans;
  std::vector<std::uint8_t> slot;

  Result<void> create(const std::shared_ptr<const Plan>& plan) {
    OCTET_TRY(context, Context::create(plan));
    for (const OutputLayout& output : plan->outputs()) outputs.emplace_back(output.elements);
    spans.assign(outputs.begin(), outputs.end());
    slot.resize(plan->input().bytes());
    return {};
  }

  Result<void> run(std::span<const std::uint8_t> picture) {
    place(picture, context->plan().input(), slot.data());
    return context->run(slot, 1, spans);
  }
};

/// What one task owns.
struct PictureWorker {
  PictureRun at{};
  std::vector<Runner> runners;

  Result<void> run(std::size_t picture, std::span<const std::uint8_t> pixels) {
    at.picture = picture;
    for (at.graph = 0; at.graph < runners.size(); ++at.graph) OCTET_CHECK(runners[at.graph].run(pixels));
    return {};
  }
};

}  // namespace

PictureStore::PictureStore(std::size_t bytes_per_picture, std::size_t capacity)
    : bytes_(bytes_per_picture), capacity_(std::max<std::size_t>(capacity, 2)) {}

void PictureStore::add(std::span<const std::uint8_t> picture) {
  if (seen_++ % stride_ != 0) return;
  if (count_ == capacity_) {  // every other one goes
    for (std::size_t i = 1; 2 * i < count_; ++i) {
      const auto from = pixels_.begin() + static_cast<std::ptrdiff_t>(2 * i * bytes_);
      std::copy_n(from, bytes_, pixels_.begin() + static_cast<std::ptrdiff_t>(i * bytes_));
    }
    count_ = (count_ + 1) / 2;
    stride_ *= 2;
    pixels_.resize(count_ * bytes_);
    if ((seen_ - 1) % stride_ != 0) return;
  }
  pixels_.insert(pixels_.end(), picture.begin(), picture.begin() + static_cast<std::ptrdiff_t>(bytes_));
  ++count_;
}

std::span<const std::uint8_t> PictureStore::operator[](std::size_t i) const {
  return std::span(pixels_).subspan(i * bytes_, bytes_);
}

std::size_t worker_count(int threads) {
  const int available = std::max(1, tbb::this_task_arena::max_concurrency());
  return static_cast<std::size_t>(threads > 0 ? std::min(threads, available) : available);
}

Result<void> run_pictures(std::span<const Graph* const> graphs, const PictureStore& pictures, int threads,
                          const PictureVisitor& visit) {
  std::vector<std::shared_ptr<const Plan>> plans;
  for (const Graph* graph : graphs) {
    OCTET_TRY(plans.emplace_back(), Plan::compile(*graph, {.batch = 1, .observable = true}));
  }
  std::vector<PictureWorker> workers(worker_count(threads));
  for (std::size_t w = 0; w < workers.size(); ++w) {
    workers[w].at.worker = w;
    for (const auto& plan : plans) {
      Runner& runner = workers[w].runners.emplace_back();
      OCTET_CHECK(runner.create(plan));
      runner.context->observe([&visit, at = &workers[w].at](const Observation& seen) { visit(*at, seen); });
    }
  }
  std::atomic<std::size_t> next{0};
  std::vector<Result<void>> results(workers.size());
  tbb::parallel_for(
      std::size_t{0}, workers.size(),
      [&](std::size_t w) {
        for (std::size_t i = next++; i < pictures.count() && results[w]; i = next++) {
          results[w] = workers[w].run(i, pictures[i]);
        }
      },
      tbb::simple_partitioner());
  for (Result<void>& result : results) OCTET_CHECK(std::move(result));
  return {};
}

}  // namespace octet
