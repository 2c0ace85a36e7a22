#include "octet/jobs/stage/bench_lanes.h"

#include <oneapi/tbb/parallel_for.h>
#include <algorithm>  // std::sort
#include <atomic>     // std::atomic
#include <chrono>     // std::chrono::steady_clock
#include <thread>     // std::this_thread
#include <utility>    // std::move

#include "octet/jobs/stage/stream.h"

namespace octet {
namespace {

using Clock = std::chrono::steady_clock;
constexpr int alone_repeats = 7;
constexpr auto patience = std::chrono::seconds(5);  // for workers to wake up

}  // namespace

double seconds_since(std::chrono::steady_clock::time_point begin) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

Result<void> at_once(int threads, Pinning pinning, const std::function<void(int)>& work) {
  OCTET_TRY(const auto workers, Workers::create(threads, pinning));
  std::atomic<int> present{0};
  std::atomic<bool> gave_up{false};
  workers->execute([&] {
    tbb::parallel_for(
        0, threads,
        [&](int lane) {
          ++present;
          for (const auto begin = Clock::now(); present < threads && !gave_up; std::this_thread::yield()) {
            if (Clock::now() - begin > patience) gave_up = true;
          }
          if (!gave_up) work(lane);
        },
        tbb::simple_partitioner());
  });
  if (!gave_up) return {};
  return Error{ErrorCode::usage, {}, "this machine does not give " + std::to_string(threads) + " threads at once"};
}

Result<std::unique_ptr<BenchLanes>> BenchLanes::create(const std::string& precision, std::shared_ptr<const Plan> plan,
                                                       int threads, Pinning pinning) {
  std::unique_ptr<BenchLanes> bench(new BenchLanes);
  bench->precision_ = precision;
  bench->pinning_ = pinning;
  bench->lanes_.resize(static_cast<std::size_t>(threads));
  for (Lane& lane : bench->lanes_) {
    OCTET_TRY(lane.context, Context::create(plan));
    for (const OutputLayout& output : plan->outputs()) {
      lane.outputs.emplace_back(static_cast<std::size_t>(plan->batch()) * output.elements);
    }
    lane.spans.assign(lane.outputs.begin(), lane.outputs.end());
  }
  bench->plan_ = std::move(plan);
  return bench;
}

/// `images` at a time, at most a mini-batch.
void BenchLanes::drive(Lane& lane, std::size_t start, std::span<const std::uint8_t> pixels, std::int64_t images,
                       double seconds) const {
  const std::size_t bytes = static_cast<std::size_t>(images) * plan_->input().bytes();
  const std::size_t batches = pixels.size() / bytes;
  const auto begin = Clock::now();
  std::int64_t done = 0;
  lane.batch_seconds.clear();
  do {
    const auto before = Clock::now();
    lane.status = lane.context->run(pixels.subspan(start++ % batches * bytes, bytes), images, lane.spans);
    if (!lane.status) return;
    lane.batch_seconds.push_back(seconds_since(before));
    done += images;
  } while (seconds_since(begin) < seconds);
  lane.images_per_s = static_cast<double>(done) / seconds_since(begin);
}

Result<void> BenchLanes::drive_all(std::span<const std::uint8_t> pixels, std::int64_t images, double seconds) {
  OCTET_CHECK(at_once(static_cast<int>(lanes_.size()), pinning_, [&](int i) {
    const auto lane = static_cast<std::size_t>(i);
    drive(lanes_[lane], lane, pixels, images, seconds);
  }));
  for (const Lane& lane : lanes_) OCTET_CHECK(lane.status);
  return {};
}

Result<void> BenchLanes::warm_up(std::span<const std::uint8_t> pixels) {
  do {
    OCTET_CHECK(drive_all(pixels, plan_->batch(), 0));
  } while (!plan_->settled());
  return {};
}

Result<void> BenchLanes::measure(std::span<const std::uint8_t> pixels, double seconds) {
  OCTET_CHECK(drive_all(pixels, plan_->batch(), seconds));
  double total = 0;
  for (const Lane& lane : lanes_) total += lane.images_per_s;
  images_per_s_.push_back(total);
  batch_seconds_.push_back(median_batch());
  return {};
}

Result<void> BenchLanes::measure_single(std::span<const std::uint8_t> pixels, double seconds) {
  OCTET_CHECK(drive_all(pixels, 1, seconds));
  single_seconds_.push_back(median_batch());
  return {};
}

double BenchLanes::median_batch() const {
  std::vector<double> batches;
  for (const Lane& lane : lanes_) batches.insert(batches.end(), lane.batch_seconds.begin(), lane.batch_seconds.end());
  return median(std::move(batches));
}

Result<void> BenchLanes::measure_alone(std::span<const std::uint8_t> pixels) {
  Result<std::vector<double>> seconds = std::vector<double>();
  OCTET_CHECK(
      at_once(1, pinning_, [&](int) { seconds = lanes_.front().context->time_steps_alone(pixels, alone_repeats); }));
  if (!seconds) return seconds.error();
  alone_seconds_ = *std::move(seconds);
  return {};
}

BenchRun BenchLanes::result() const {
  BenchRun run;
  run.precision = precision_;
  run.threads = static_cast<int>(lanes_.size());
  run.batch = plan_->batch();
  run.executor_images_per_s = median(images_per_s_);
  run.latency_ms = 1000 * median(batch_seconds_);
  run.single_ms = 1000 * median(single_seconds_);
  double primitives = 0, all = 0;
  const std::vector<StepInfo> steps = plan_->steps();
  for (std::size_t i = 0; i < alone_seconds_.size(); ++i) {
    all += alone_seconds_[i];
    if (!steps[i].implementation.starts_with("octet:")) primitives += alone_seconds_[i];
  }
  const auto images = static_cast<double>(run.threads * run.batch);
  if (primitives > 0) run.limit_images_per_s = images / primitives;
  if (all > 0) run.steps_images_per_s = images / all;
  return run;
}

Result<std::vector<LayerTime>> BenchLanes::layers(std::span<const std::uint8_t> pixels, double seconds) {
  Lane& lane = lanes_.front();
  lane.context->profile(true);
  const std::vector<double> before(lane.context->step_seconds().begin(), lane.context->step_seconds().end());
  Result<void> run = at_once(1, pinning_, [&](int) { drive(lane, 0, pixels, plan_->batch(), seconds); });
  lane.context->profile(false);
  OCTET_CHECK(run);
  OCTET_CHECK(lane.status);
  const auto images = static_cast<double>(lane.batch_seconds.size()) * static_cast<double>(plan_->batch());
  std::vector<LayerTime> times;
  const std::vector<StepInfo> steps = plan_->steps();
  const auto after = lane.context->step_seconds();
  for (std::size_t i = 0; i < steps.size() && i < after.size(); ++i) {
    const double since = after[i] - (i < before.size() ? before[i] : 0);
    const double alone = i < alone_seconds_.size() ? alone_seconds_[i] : 0;
    times.push_back({precision_, steps[i], 1e6 * since / images, 1e6 * alone / static_cast<double>(plan_->batch())});
  }
  return times;
}

}  // namespace octet
