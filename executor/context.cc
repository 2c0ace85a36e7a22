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

/// A chain with this context's pointers.
struct BoundChain {
  const Chain* chain = nullptr;
  std::vector<std::unique_ptr<BoundStep>> steps;
  std::vector<const std::byte*> outputs;
  std::vector<const std::byte*> observed;  ///< null for pixels
};

BoundChain bind(const Chain& chain, const Bindings& bindings) {
  BoundChain bound;
  bound.chain = &chain;
  for (const auto& step : chain.steps) bound.steps.push_back(step->bind(bindings));
  for (const Location& location : chain.outputs) bound.outputs.push_back(bindings.read(location));
  for (const ObservedValue& value : chain.observed) bound.observed.push_back(bindings.read(value.location));
  return bound;
}

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
  Result<void> run_chain(BoundChain& chain, const std::uint8_t* pixels);
  void notify(const BoundChain& chain, std::size_t& next, std::size_t steps_done, const std::uint8_t* pixels) const;

  dnnl::stream stream_;
  Memory arena_;
  std::vector<BoundChain> chains_;
};

Result<void> Context::Impl::create() {
  const Plan::Impl& plan = plan_->impl();
  OCTET_TRY(arena_, Memory::create(plan.arena_bytes));
  const Bindings bindings{arena_.data(),  plan.offsets, arena_.data() + plan.scratchpad_offset,
                          plan.constants, &plan.engine, &stream_};
  for (const Chain& chain : plan.chains) chains_.push_back(bind(chain, bindings));
  seconds_.assign(plan.chains.front().steps.size(), 0);
  return {};
}

/// Shows the values that are complete after `steps_done` steps; `next` is the first not yet shown.
void Context::Impl::notify(const BoundChain& chain, std::size_t& next, std::size_t steps_done,
                           const std::uint8_t* pixels) const {
  const std::vector<ObservedValue>& values = chain.chain->observed;
  for (; next < values.size() && values[next].steps_before <= steps_done; ++next) {
    const ObservedValue& v = values[next];
    const void* data = chain.observed[next] == nullptr ? static_cast<const void*>(pixels) : chain.observed[next];
    observer_({v.ref, v.name, v.value.dtype, v.value.scale, v.value.shape, v.nhwc, data});
  }
}

Result<void> Context::Impl::run_chain(BoundChain& chain, const std::uint8_t* pixels) {
  const bool observing = observer_ && plan_->impl().observable;
  std::size_t shown = 0;
  if (observing) notify(chain, shown, 0, pixels);
  for (std::size_t k = 0; k < chain.steps.size(); ++k) {
    const double start = profiling_ ? thread_seconds() : 0;
    chain.steps[k]->set_pixels(pixels);
    if (!chain.steps[k]->run()) {
      return Error{ErrorCode::internal, chain.chain->steps[k]->info.name, "oneDNN failed to run the layer"};
    }
    if (profiling_ && k < seconds_.size()) seconds_[k] += thread_seconds() - start;
    if (observing) notify(chain, shown, k + 1, pixels);
  }
  return {};
}

Result<void> Context::Impl::run(const std::uint8_t* pixels, std::int64_t count,
                                std::span<const std::span<float>> outputs) {
  std::int64_t done = 0;
  for (BoundChain& chain : chains_) {
    const std::int64_t images = chain.chain->images;
    for (; count - done >= images; done += images) {
      OCTET_CHECK(run_chain(chain, pixels + static_cast<std::size_t>(done) * plan_->input().bytes()));
      for (std::size_t k = 0; k < outputs.size(); ++k) {
        const std::size_t elements = plan_->outputs()[k].elements;
        std::memcpy(outputs[k].data() + static_cast<std::size_t>(done) * elements, chain.outputs[k],
                    static_cast<std::size_t>(images) * elements * sizeof(float));
      }
    }
  }
  return {};
}

Result<std::vector<double>> Context::Impl::time_steps_alone(const std::uint8_t* pixels, int repeats) {
  BoundChain& chain = chains_.front();
  std::vector<double> seconds;
  for (std::size_t k = 0; k < chain.steps.size(); ++k) {
    chain.steps[k]->set_pixels(pixels);
    double fastest = std::numeric_limits<double>::infinity();
    for (int i = 0; i <= repeats; ++i) {
      const double start = thread_seconds();
      if (!chain.steps[k]->run()) {
        return Error{ErrorCode::internal, chain.chain->steps[k]->info.name, "oneDNN failed to run the layer"};
      }
      const double took = thread_seconds() - start;
      if (i > 0 || repeats == 0) fastest = std::min(fastest, took);  // the first one warms up
    }
    seconds.push_back(fastest);
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
