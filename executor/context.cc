#include "octet/executor/context.h"

#include <time.h>  // clock_gettime

#include <algorithm>  // std::min
#include <cstring>    // std::memcpy
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

#include "octet/executor/memory.h"
#include "octet/executor/plan_impl.h"

namespace octet {
namespace {

/// CPU time of the calling thread: what other programs take does not count.
double thread_seconds() noexcept {
  timespec now{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// A pass with this context's pointers.
struct BoundPass {
  const Pass* pass = nullptr;
  std::vector<std::unique_ptr<BoundStep>> steps;
  std::vector<Place> outputs, observed;
};

BoundPass bind(const Pass& pass, const Bindings& bindings) {
  BoundPass bound;
  bound.pass = &pass;
  for (const Step* step : pass.steps) bound.steps.push_back(step->bind(bindings));
  for (const Location& location : pass.outputs) bound.outputs.push_back(bindings.at(location));
  for (const ObservedValue& value : pass.observed) bound.observed.push_back(bindings.at(value.location));
  return bound;
}

struct BoundSegment {
  BoundPass sub_batch;
  BoundPass single;  ///< without steps where the sub-batch is one image
  std::size_t first_step = 0;
};

using BoundDivision = std::vector<BoundSegment>;

BoundDivision bind(const Division& division, const Bindings& bindings) {
  BoundDivision bound;
  std::size_t steps = 0;
  for (const Segment& segment : division.segments) {
    BoundSegment& part = bound.emplace_back();
    part.sub_batch = bind(segment.front(), bindings);
    if (segment.size() > 1) part.single = bind(segment[1], bindings);
    part.first_step = steps;
    steps += segment.front().steps.size();
  }
  return bound;
}

/// A mini-batch on its way through the network.
struct MiniBatch {
  const std::uint8_t* pixels = nullptr;
  std::size_t images = 0;
  std::size_t done = 0;  ///< images of the call that came before: where its outputs begin
};

}  // namespace

class Context::Impl {
 public:
  explicit Impl(std::shared_ptr<const Plan> plan) : plan_(std::move(plan)), stream_(plan_->impl().engine) {}

  Result<void> create();
  Result<void> run(const std::uint8_t* pixels, std::int64_t count, std::span<const std::span<float>> outputs);

  Result<std::vector<double>> time_steps_alone(const std::uint8_t* pixels, int repeats);

  std::shared_ptr<const Plan> plan_;
  Observer observer_;
  bool profiling_ = false;
  std::vector<double> seconds_;

 private:
  using Outputs = std::span<const std::span<float>>;
  Result<void> run_batch(const MiniBatch& batch, const Outputs& outputs);
  Result<void> run_division(std::size_t way, const MiniBatch& batch, const Outputs& outputs);
  Result<void> run_segment(BoundDivision& division, std::size_t number, const MiniBatch& batch, const Outputs& outputs);
  Result<void> run_pass(BoundPass& bound, std::size_t first_step, const MiniBatch& batch, std::size_t image);
  void copy_outputs(const BoundPass& bound, const MiniBatch& batch, std::size_t image, const Outputs& outputs) const;
  void notify(const BoundPass& bound, std::size_t& next, std::size_t steps_done, const std::uint8_t* pixels,
              std::size_t image) const;

  dnnl::stream stream_;
  Memory arena_;
  std::vector<BoundDivision> divisions_;
};

Result<void> Context::Impl::create() {
  const Plan::Impl& plan = plan_->impl();
  OCTET_TRY(arena_, Memory::create(plan.arena_bytes));
  for (const Division& division : plan.divisions) {
    divisions_.push_back(
        bind(division, {arena_.data(), division.offsets, division.strides, arena_.data() + division.scratchpad_offset,
                        plan.constants, plan.input.bytes(), &plan.engine, &stream_}));
  }
  const BoundSegment& last = divisions_.front().back();
  seconds_.assign(last.first_step + last.sub_batch.steps.size(), 0);
  return {};
}

/// Shows the values that are complete after `steps_done` steps; `next` is the first not yet shown.
void Context::Impl::notify(const BoundPass& bound, std::size_t& next, std::size_t steps_done,
                           const std::uint8_t* pixels, std::size_t image) const {
  const std::vector<ObservedValue>& values = bound.pass->observed;
  for (; next < values.size() && values[next].steps_before <= steps_done; ++next) {
    const ObservedValue& v = values[next];
    observer_(
        {v.ref, v.name, v.value.dtype, v.value.scale, v.value.shape, v.nhwc, bound.observed[next].at(pixels, image)});
  }
}

/// The steps of one part for the images from number `image` of the mini-batch on.
Result<void> Context::Impl::run_pass(BoundPass& bound, std::size_t first_step, const MiniBatch& batch,
                                     std::size_t image) {
  const bool observing = observer_ && plan_->impl().observable;
  std::size_t shown = 0;
  if (observing) notify(bound, shown, 0, batch.pixels, image);
  for (std::size_t k = 0; k < bound.steps.size(); ++k) {
    const double start = profiling_ ? thread_seconds() : 0;
    bound.steps[k]->start(batch.pixels, image);
    if (!bound.steps[k]->run()) {
      return Error{ErrorCode::internal, bound.pass->steps[k]->info.name, "oneDNN failed to run the layer"};
    }
    if (profiling_) seconds_[first_step + k] += thread_seconds() - start;
    if (observing) notify(bound, shown, k + 1, batch.pixels, image);
  }
  return {};
}

void Context::Impl::copy_outputs(const BoundPass& bound, const MiniBatch& batch, std::size_t image,
                                 const Outputs& outputs) const {
  for (std::size_t k = 0; k < bound.outputs.size(); ++k) {
    const std::size_t elements = plan_->outputs()[k].elements;
    std::memcpy(outputs[k].data() + (batch.done + image) * elements, bound.outputs[k].at(batch.pixels, image),
                static_cast<std::size_t>(bound.pass->images) * elements * sizeof(float));
  }
}

/// Every second part walks through the mini-batch from its end: what was written last is read first.
Result<void> Context::Impl::run_segment(BoundDivision& division, std::size_t number, const MiniBatch& batch,
                                        const Outputs& outputs) {
  BoundSegment& segment = division[number];
  const auto size = static_cast<std::size_t>(segment.sub_batch.pass->images);
  const std::size_t whole = batch.images / size, runs = whole + batch.images % size;
  for (std::size_t i = 0; i < runs; ++i) {
    const std::size_t r = number % 2 == 0 ? i : runs - 1 - i;
    const std::size_t image = r < whole ? r * size : whole * size + (r - whole);
    BoundPass& pass = r < whole ? segment.sub_batch : segment.single;
    OCTET_CHECK(run_pass(pass, segment.first_step, batch, image));
    copy_outputs(pass, batch, image, outputs);
  }
  return {};
}

Result<void> Context::Impl::run_division(std::size_t way, const MiniBatch& batch, const Outputs& outputs) {
  BoundDivision& division = divisions_[way];
  for (std::size_t k = 0; k < division.size(); ++k) OCTET_CHECK(run_segment(division, k, batch, outputs));
  return {};
}

/// Whole mini-batches are timed until the plan knows which division is the fastest.
Result<void> Context::Impl::run_batch(const MiniBatch& batch, const Outputs& outputs) {
  Tuner& tuner = *plan_->impl().tuner;
  const bool whole = batch.images == static_cast<std::size_t>(plan_->batch());
  if (tuner.settled() || !whole) return run_division(tuner.best(), batch, outputs);
  const std::size_t way = tuner.next();
  const double start = thread_seconds();
  OCTET_CHECK(run_division(way, batch, outputs));
  tuner.took(way, thread_seconds() - start);
  return {};
}

Result<void> Context::Impl::run(const std::uint8_t* pixels, std::int64_t count,
                                std::span<const std::span<float>> outputs) {
  const auto wanted = static_cast<std::size_t>(count), most = static_cast<std::size_t>(plan_->batch());
  for (std::size_t done = 0; done < wanted; done += most) {
    OCTET_CHECK(run_batch({pixels + done * plan_->input().bytes(), std::min(most, wanted - done), done}, outputs));
  }
  return {};
}

Result<std::vector<double>> Context::Impl::time_steps_alone(const std::uint8_t* pixels, int repeats) {
  std::vector<double> seconds;
  for (BoundSegment& segment : divisions_[plan_->impl().tuner->best()]) {
    const BoundPass& bound = segment.sub_batch;
    const double runs = static_cast<double>(plan_->batch()) / static_cast<double>(bound.pass->images);
    for (std::size_t k = 0; k < bound.steps.size(); ++k) {
      bound.steps[k]->start(pixels, 0);
      double fastest = std::numeric_limits<double>::infinity();
      for (int i = 0; i <= repeats; ++i) {
        const double start = thread_seconds();
        if (!bound.steps[k]->run()) {
          return Error{ErrorCode::internal, bound.pass->steps[k]->info.name, "oneDNN failed to run the layer"};
        }
        const double took = thread_seconds() - start;
        if (i > 0 || repeats == 0) fastest = std::min(fastest, took);  // the first one warms up
      }
      seconds.push_back(fastest * runs);
    }
  }
  return seconds;
}

Context::Context(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Context::~Context() = default;

Result<std::unique_ptr<Context>> Context::create(std::shared_ptr<const Plan> plan) try {
  if (plan == nullptr) return Error{ErrorCode::usage, "", "a context needs a plan"};
  use_one_thread();
  auto impl = std::make_unique<Impl>(std::move(plan));
  OCTET_CHECK(impl->create());
  return std::unique_ptr<Context>(new Context(std::move(impl)));
} catch (const dnnl::error& error) {
  return Error{ErrorCode::internal, "", std::string("oneDNN failed: ") + error.what()};
}

Result<void> Context::run(std::span<const std::uint8_t> images, std::int64_t count,
                          std::span<const std::span<float>> outputs) {
  const Plan& plan = *impl_->plan_;
  const std::size_t bytes = plan.input().bytes();
  if (count < 1 || static_cast<std::uint64_t>(count) > images.size() / bytes) {
    return Error{ErrorCode::usage, "", "fewer pixels than " + std::to_string(count) + " images have"};
  }
  if (outputs.size() != plan.outputs().size()) {
    return Error{ErrorCode::usage, "", "the plan has " + std::to_string(plan.outputs().size()) + " outputs"};
  }
  for (std::size_t k = 0; k < outputs.size(); ++k) {
    if (outputs[k].size() / plan.outputs()[k].elements < static_cast<std::uint64_t>(count)) {
      return Error{ErrorCode::usage, "", "output " + plan.outputs()[k].name + " does not fit its memory"};
    }
  }
  use_one_thread();
  return impl_->run(images.data(), count, outputs);
}

Result<std::vector<double>> Context::time_steps_alone(std::span<const std::uint8_t> images, int repeats) {
  const Plan& plan = *impl_->plan_;
  if (images.size() / plan.input().bytes() < static_cast<std::uint64_t>(plan.batch()) || repeats < 0) {
    return Error{ErrorCode::usage, "", "needs the pixels of a whole mini-batch"};
  }
  use_one_thread();
  return impl_->time_steps_alone(images.data(), repeats);
}

void Context::observe(Observer observer) { impl_->observer_ = std::move(observer); }
void Context::profile(bool on) { impl_->profiling_ = on; }
std::span<const double> Context::step_seconds() const noexcept { return impl_->seconds_; }
const Plan& Context::plan() const noexcept { return *impl_->plan_; }

}  // namespace octet
