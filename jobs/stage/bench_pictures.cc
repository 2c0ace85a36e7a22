#include "octet/jobs/stage/bench_pictures.h"

#include <algorithm>  // std::max
#include <atomic>     // std::atomic
#include <chrono>     // std::chrono::steady_clock
#include <numeric>    // std::accumulate
#include <utility>    // std::move

#include "octet/jobs/stage/bench_lanes.h"
#include "octet/jobs/stage/stream.h"
#include "octet/jobs/stage/workers.h"

namespace octet {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::size_t most_pictures = 64;
constexpr std::size_t most_bytes = std::size_t{64} << 20U;
constexpr std::uint64_t window_batches = 16;  // per thread, in a measurement of the pipeline

/// The records of a full stage: neither those that leave while it fills nor those while it drains. Records leave by the
/// mini-batch, so that time is taken where one ends.
class FullWindow {
 public:
  FullWindow(std::uint64_t fill, std::uint64_t batch, std::uint64_t batches, double seconds)
      : fill_(fill), batch_(batch), images_(batch * batches), seconds_(seconds) {}
  /// One record, one call at a time.
  void take() {
    ++taken_;
    if (done_ || taken_ < fill_ || taken_ % batch_ != 0) return;
    if (from_ == 0) {
      from_ = taken_;
      begin_ = Clock::now();
      return;
    }
    const double seconds = seconds_since(begin_);
    if (seconds < seconds_ || taken_ - from_ < images_) return;
    images_per_s_ = static_cast<double>(taken_ - from_) / seconds;
    done_ = true;
  }
  /// From any thread.
  [[nodiscard]] bool done() const noexcept { return done_; }
  [[nodiscard]] double images_per_s() const noexcept { return images_per_s_; }

 private:
  const std::uint64_t fill_, batch_, images_;
  const double seconds_;
  std::uint64_t taken_ = 0, from_ = 0;
  Clock::time_point begin_;
  double images_per_s_ = 0;
  std::atomic<bool> done_{false};
};

}  // namespace

Result<std::unique_ptr<BenchPictures>> BenchPictures::create(const BenchOptions& options,
                                                             const Preprocess& preprocess) {
  std::unique_ptr<BenchPictures> pictures(new BenchPictures);
  pictures->preprocess_ = preprocess;
  pictures->slot_bytes_ = octet::slot_bytes(preprocess, {});
  const std::size_t room = std::clamp<std::size_t>(most_bytes / pictures->slot_bytes_, 1, most_pictures);
  pictures->pixels_.resize(room * pictures->slot_bytes_);
  if (options.source) {
    OCTET_CHECK(pictures->read(options));
  } else {
    pictures->draw();
  }
  return pictures;
}

Result<void> BenchPictures::read(const BenchOptions& options) {
  OCTET_TRY(const auto source, Source::open(*options.source));
  DecodeWorker worker(options.decoder);
  std::vector<std::uint8_t> file;
  const std::size_t room = pixels_.size() / slot_bytes_;
  while (count_ < room) {
    OCTET_TRY(auto entry, source->next());
    if (!entry) break;
    if (!entry->image) continue;
    const auto slot = std::span(pixels_).subspan(count_ * slot_bytes_, slot_bytes_);
    if (!worker.decode(*entry->image, preprocess_, {}, slot)) continue;
    entries_.push_back(std::move(*entry));
    ++count_;
  }
  if (count_ > 0) return {};
  return Error{ErrorCode::bad_image, options.source->data.string(), "no picture could be decoded"};
}

void BenchPictures::draw() {
  count_ = pixels_.size() / slot_bytes_;
  std::uint32_t state = 1;
  for (std::uint8_t& pixel : pixels_) {
    state = state * 1664525U + 1013904223U;
    pixel = static_cast<std::uint8_t>(state >> 24U);
  }
}

void BenchPictures::copy(std::size_t first, const Border& border, std::span<std::uint8_t> dst) const {
  const std::size_t bytes = octet::slot_bytes(preprocess_, border);
  for (std::size_t i = 0; i < dst.size() / bytes; ++i) {
    const auto src = std::span(pixels_).subspan((first + i) % count_ * slot_bytes_, slot_bytes_);
    copy_picture(preprocess_, {}, src, border, dst.subspan(i * bytes, bytes));
  }
}

Result<double> BenchPictures::measure_loader(const BenchOptions& options, int threads) const {
  std::vector<double> images_per_s(static_cast<std::size_t>(threads));
  OCTET_CHECK(at_once(threads, options.pinning, [&](int lane) {
    DecodeWorker worker(options.decoder);
    std::vector<std::uint8_t> slot(slot_bytes_);
    std::size_t images = 0;
    const auto begin = Clock::now();
    do {
      const std::size_t at = (static_cast<std::size_t>(lane) + images++ * images_per_s.size()) % entries_.size();
      (void)worker.decode(*entries_[at].image, preprocess_, {}, slot);
    } while (seconds_since(begin) < options.seconds_per_repeat);
    images_per_s[static_cast<std::size_t>(lane)] = static_cast<double>(images) / seconds_since(begin);
  }));
  return std::accumulate(images_per_s.begin(), images_per_s.end(), 0.0);
}

Result<double> BenchPictures::measure_pipeline(const BenchOptions& options, int threads,
                                               const std::shared_ptr<const Scorer>& scorer) const {
  namespace flow = tbb::flow;
  OCTET_TRY(const auto workers, Workers::create(threads, options.pinning));
  return workers->execute([&] {
    flow::graph graph;
    StageOptions stage_options;
    stage_options.decoder = options.decoder;
    ScoreStage stage(graph, scorer, stage_options);
    FullWindow window(stage.capacity(), static_cast<std::uint64_t>(scorer->plan->batch()),
                      window_batches * static_cast<std::uint64_t>(threads), options.seconds_per_repeat);
    std::uint64_t given = 0;
    flow::input_node<Entry> reader(graph, [&](tbb::flow_control& control) -> Entry {
      if (!window.done() && !options.control.stopped()) return entries_[given++ % entries_.size()];
      control.stop();
      return {};
    });
    flow::function_node<Record, flow::continue_msg, flow::rejecting> taker(graph, flow::serial, [&](const Record&) {
      window.take();
      return flow::continue_msg();
    });
    flow::make_edge(reader, stage.input());
    flow::make_edge(stage.output(), taker);
    reader.activate();
    graph.wait_for_all();
    return window.images_per_s();
  });
}

}  // namespace octet
