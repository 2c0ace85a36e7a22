#include "octet/jobs/score_stage.h"

#include <oneapi/tbb/enumerable_thread_specific.h>
#include <oneapi/tbb/task_arena.h>
#include <algorithm>  // std::any_of
#include <utility>    // std::move

#include "octet/jobs/stage/batch.h"
#include "octet/jobs/stage/exit_node.h"
#include "octet/jobs/stage/guarded.h"
#include "octet/jobs/stage/own_place.h"
#include "octet/jobs/stage/workers.h"

namespace octet {
namespace {

using tbb::flow::continue_msg;
using Scorers = std::vector<std::shared_ptr<const Scorer>>;

constexpr std::size_t max_slots = std::size_t{1} << 20U;  // a bound on entries inside; far above any use

bool same_pixels(const Preprocess& a, const Preprocess& b) {
  return a.channels == b.channels && a.height == b.height && a.width == b.width && a.color == b.color &&
         a.resize == b.resize && a.resize_short == b.resize_short && a.interpolation == b.interpolation &&
         (a.resize != ResizeMode::letterbox || a.fill == b.fill);
}

const Scorers& checked(const Scorers& scorers, const StageOptions& options) {
  if (scorers.empty()) throw Failure({ErrorCode::usage, "", "a scoring stage needs at least one model"});
  if (options.top_k < 1)
    throw Failure({ErrorCode::usage, "", "the number of classes a picture (top-k) must be at least 1"});
  if (options.batches_in_flight < 0) throw Failure({ErrorCode::usage, "", "batches_in_flight must not be negative"});
  for (const auto& scorer : scorers) {
    if (scorer == nullptr) throw Failure({ErrorCode::usage, "", "a scorer is missing"});
    if (!same_pixels(scorer->preprocess, scorers.front()->preprocess)) {
      throw Failure(
          {ErrorCode::usage, scorer->name, "its preprocessing differs from that of " + scorers.front()->name});
    }
  }
  return scorers;
}

std::size_t mini_batch(const Scorers& scorers) {
  std::int64_t images = 1;
  for (const auto& scorer : scorers) images = std::max(images, scorer->plan->batch());
  return static_cast<std::size_t>(images);
}

std::size_t batches(const StageOptions& options, std::size_t capacity) {
  const int wanted =
      options.batches_in_flight > 0 ? options.batches_in_flight : 2 * tbb::this_task_arena::max_concurrency() + 2;
  return std::clamp<std::size_t>(static_cast<std::size_t>(wanted), 1, std::max<std::size_t>(1, max_slots / capacity));
}

std::vector<std::size_t> slot_sizes(const Scorers& scorers) {
  std::vector<std::size_t> sizes;
  for (const auto& scorer : scorers) sizes.push_back(scorer->plan->input().bytes());
  return sizes;
}

}  // namespace

/// entrance (limiter) -> admit (serial) -> decode (parallel) -> run -> exit.
/// The schedule decides which entry is decoded next and what is due, so bodies put to the next node themselves. Most
/// mini-batches are run by the body that has decoded their last entry; the run node has those that are due beside.
class ScoreStage::Impl {
 public:
  Impl(tbb::flow::graph& graph, Scorers scorers, const StageOptions& options)
      : scorers_(checked(scorers, options)),
        options_(options),
        capacity_(mini_batch(scorers_)),
        batches_(batches(options, capacity_)),
        schedule_(slot_sizes(scorers_), capacity_, batches_,
                  static_cast<std::size_t>(std::max(1, tbb::this_task_arena::max_concurrency()))),
        run_workers_(scorers_, capacity_),
        decode_workers_([decoder = options.decoder] { return DecodeWorker(decoder); }),
        entrance_(graph, capacity_ * batches_),
        admit_(graph, tbb::flow::serial, [this](const Entry& entry) { return admit(entry), continue_msg(); }),
        decode_(graph, tbb::flow::unlimited, [this](const continue_msg&) { return decode(), continue_msg(); }),
        run_(
            graph, tbb::flow::unlimited, [this](Batch* batch) { return run(*batch), continue_msg(); },
            tbb::flow::node_priority_t(1)) {
    const auto left = [this](std::size_t count) { entrance_.decrementer().try_put(static_cast<int>(count)); };
    const auto was_reset = [this] { schedule_.reset(); };
    if (options.ordered) {
      const auto sequence = [](const Record& record) { return static_cast<std::size_t>(record.sequence); };
      ordered_ = std::make_unique<ExitNode<tbb::flow::sequencer_node<Record>>>(left, was_reset, graph, sequence);
    } else {
      unordered_ = std::make_unique<ExitNode<tbb::flow::queue_node<Record>>>(left, was_reset, graph);
    }
    tbb::flow::make_edge(entrance_, admit_);
  }

  [[nodiscard]] tbb::flow::receiver<Entry>& input() { return entrance_; }
  [[nodiscard]] tbb::flow::queue_node<Record>& exit() {
    if (ordered_) return *ordered_;
    return *unordered_;
  }
  [[nodiscard]] std::size_t capacity() const noexcept { return capacity_ * batches_; }
  void reset() { schedule_.reset(); }

 private:
  void admit(const Entry& entry);
  void decode();
  void run(Batch& batch);
  Result<void> fill(Batch& batch, std::size_t slot);
  Result<void> compute(Batch& batch);
  void complete(Slot& slot, const Result<void>& computed);
  void refuse(const Entry& entry, std::uint64_t sequence, const Error& error);
  void leave(Record& record);

  const Scorers scorers_;
  const StageOptions options_;
  const std::size_t capacity_, batches_;
  Schedule schedule_;
  RunWorkers run_workers_;
  tbb::enumerable_thread_specific<DecodeWorker> decode_workers_;
  tbb::flow::limiter_node<Entry, int> entrance_;
  tbb::flow::function_node<Entry, continue_msg> admit_;
  tbb::flow::function_node<continue_msg, continue_msg> decode_;
  tbb::flow::function_node<Batch*, continue_msg> run_;
  std::unique_ptr<ExitNode<tbb::flow::sequencer_node<Record>>> ordered_;
  std::unique_ptr<ExitNode<tbb::flow::queue_node<Record>>> unordered_;
};

void ScoreStage::Impl::refuse(const Entry& entry, std::uint64_t sequence, const Error& error) {
  Record record{entry.index, sequence, entry.key, entry.labels, error, {}, 0, 0, entry.offset, entry.next};
  leave(record);
}

void ScoreStage::Impl::leave(Record& record) {
  record.text.clear();
  if (options_.finish) {
    const auto finished = guarded([&]() -> Result<void> { return options_.finish(record), Result<void>(); });
    if (!finished) record.outcomes = finished.error();
  }
  exit().try_put(record);
}

void ScoreStage::Impl::admit(const Entry& entry) {
  const std::uint64_t sequence = schedule_.number();
  if (!entry.image) return refuse(entry, sequence, entry.image.error());
  const auto admitted = guarded([&]() -> Result<void> {
    schedule_.admit(entry, sequence);
    return {};
  });
  if (!admitted) return refuse(entry, sequence, admitted.error());
  decode_.try_put(continue_msg());
}

Result<void> ScoreStage::Impl::fill(Batch& batch, std::size_t slot) {
  const Scorer& first = *scorers_.front();
  const Border& border = first.plan->input().border;
  const auto pixels = batch.slot_pixels(0, slot);
  OCTET_TRY(batch.slots[slot].info,
            decode_workers_.local().decode(*batch.slots[slot].entry.image, first.preprocess, border, pixels));
  for (std::size_t model = 1; model < scorers_.size(); ++model) {
    copy_picture(first.preprocess, border, pixels, scorers_[model]->plan->input().border,
                 batch.slot_pixels(model, slot));
  }
  return {};
}

void ScoreStage::Impl::decode() {
  const std::size_t place = own_place();
  const auto taken = schedule_.take(place);
  if (!taken) return;
  const Ticket& ticket = *taken;
  if (ticket.batch == nullptr) return refuse(ticket.entry, ticket.sequence, {ErrorCode::limit, {}, "out of memory"});
  const auto filled = guarded([&]() -> Result<void> {
    const Trace::Span span(options_.trace, Activity::decode);
    const auto step = [&] { return fill(*ticket.batch, ticket.slot); };
    return options_.around_decoding ? options_.around_decoding(ticket.batch->slots[ticket.slot].entry, step) : step();
  });
  if (!filled) ticket.batch->slots[ticket.slot].error = filled.error();
  std::vector<Batch*> due;
  schedule_.decoded(ticket, due);
  Batch* own = nullptr;
  for (Batch* batch : due) {
    if (own == nullptr && batch->place == place) {
      own = batch;
    } else {
      run_.try_put(batch);
    }
  }
  if (own != nullptr) run(*own);
}

Result<void> ScoreStage::Impl::compute(Batch& batch) {
  OCTET_TRY(RunWorkers::Set set, run_workers_.take());
  const auto& workers = set.workers;
  for (std::size_t model = 0; model < workers.size(); ++model) {
    OCTET_CHECK(workers[model]->run(std::span(batch.pixels[model]).first(batch.assigned * batch.slot_bytes[model]),
                                    batch.assigned));
  }
  for (std::size_t i = 0; i < batch.assigned; ++i) {
    Slot& slot = batch.slots[i];
    if (slot.error) continue;
    std::vector<Outcome> outcomes;
    for (const auto& worker : workers) {
      outcomes.push_back(worker->outcome(i, static_cast<std::size_t>(options_.top_k), options_.keep_raw, slot.info));
    }
    slot.record.outcomes = std::move(outcomes);
  }
  run_workers_.give_back(std::move(set));
  return {};
}

void ScoreStage::Impl::run(Batch& batch) {
  const auto slots = std::span(batch.slots).first(batch.assigned);
  const bool usable = std::any_of(slots.begin(), slots.end(), [](const Slot& slot) { return !slot.error; });
  Result<void> computed;
  if (usable) {
    const Trace::Span span(options_.trace, Activity::compute, slots.size());
    computed = guarded([&] { return compute(batch); });
  }
  {
    const Trace::Span span(options_.trace, Activity::write, slots.size());
    for (Slot& slot : slots) complete(slot, computed);
  }
  for (std::size_t again = schedule_.release(batch); again > 0; --again) decode_.try_put(continue_msg());
}

void ScoreStage::Impl::complete(Slot& slot, const Result<void>& computed) {
  Record& record = slot.record;
  if (slot.error) {
    record.outcomes = *slot.error;
  } else if (!computed) {
    record.outcomes = computed.error();
  }
  record.index = slot.entry.index;
  record.sequence = slot.sequence;
  record.offset = slot.entry.offset;
  record.next = slot.entry.next;
  record.key = std::move(slot.entry.key);
  record.labels = std::move(slot.entry.labels);
  record.width = slot.error ? 0 : slot.info.width;
  record.height = slot.error ? 0 : slot.info.height;
  slot.entry = Entry{};
  leave(record);
}

ScoreStage::ScoreStage(tbb::flow::graph& graph, std::shared_ptr<const Scorer> scorer, const StageOptions& options)
    : ScoreStage(graph, Scorers{std::move(scorer)}, options) {}

ScoreStage::ScoreStage(tbb::flow::graph& graph, Scorers scorers, const StageOptions& options)
    : impl_(std::make_unique<Impl>(graph, std::move(scorers), options)) {}

ScoreStage::~ScoreStage() = default;

tbb::flow::receiver<Entry>& ScoreStage::input() { return impl_->input(); }
tbb::flow::sender<Record>& ScoreStage::output() { return impl_->exit(); }
void ScoreStage::reset() { impl_->reset(); }
std::size_t ScoreStage::capacity() const noexcept { return impl_->capacity(); }

}  // namespace octet
