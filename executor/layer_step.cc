#include "octet/executor/layer_step.h"

#include <cstring>  // std::memcpy
#include <utility>  // std::move
#include <vector>   // std::vector

namespace octet {
namespace {

class BoundLayer final : public BoundStep {
 public:
  BoundLayer(const LayerPlan& plan, const Bindings& bindings)
      : plan_(plan),
        tail_(plan.tail),
        copy_source_(plan.copy_source),
        requantize_(plan.requantize),
        stream_(bindings.stream->get()),
        src_place_(bindings.at(plan.src)),
        dst_place_(bindings.at(plan.dst)),
        result_place_(plan.work < 0 ? dst_place_ : Place{bindings.temporary(plan.work)}),
        result_(result_place_.base),
        dst_(dst_place_.base),
        source_(src_place_.base),
        copy_(plan.copy < 0 ? nullptr : bindings.temporary(plan.copy)),
        sums_(plan.sums < 0 ? nullptr : bindings.temporary(plan.sums)) {
    if (plan.operand_bytes > 0) operand_place_ = bindings.at(plan.operand);
    operand_ = operand_place_.base;
    const dnnl::engine& engine = *bindings.engine;
    const onednn::Primitive& p = plan.primitive;
    memories_.reserve(static_cast<std::size_t>(plan.repeats) * 2 + 3);
    const auto add = [&](const dnnl::memory::desc& desc, const void* data) {
      memories_.emplace_back(desc, engine, const_cast<void*>(data));
      return memories_.back().get();
    };
    const dnnl_memory_t weight = add(p.weight, plan.weight);
    const dnnl_memory_t bias = plan.bias == nullptr ? nullptr : add(p.bias, plan.bias);
    const dnnl_memory_t scratchpad = add(p.scratchpad, bindings.scratchpad);
    const std::byte* src = copy_ != nullptr ? copy_ : src_place_.base;
    for (std::int64_t i = 0; i < plan.repeats; ++i) {
      const auto image = static_cast<std::size_t>(i);
      const auto at_src = src == nullptr ? nullptr : src + image * p.src.get_size();
      sources_.push_back(add(p.src, at_src));
      results_.push_back(add(p.dst, sums_ != nullptr ? sums_ : result_ + image * p.dst.get_size()));
      std::vector<dnnl_exec_arg_t>& args = arguments_.emplace_back();
      args = {{DNNL_ARG_SRC, sources_.back()},
              {DNNL_ARG_WEIGHTS, weight},
              {DNNL_ARG_DST, results_.back()},
              {DNNL_ARG_SCRATCHPAD, scratchpad}};
      if (bias != nullptr) args.push_back({DNNL_ARG_BIAS, bias});
    }
  }

  bool run() noexcept override {
    if (plan_.copy_operand) std::memcpy(result_, operand_, plan_.operand_bytes);
    if (copy_ != nullptr) copy_source_(source_, copy_);
    for (std::size_t i = 0; i < arguments_.size(); ++i) {
      const std::vector<dnnl_exec_arg_t>& args = arguments_[i];
      const auto status =
          dnnl_primitive_execute(plan_.primitive.primitive.get(), stream_, static_cast<int>(args.size()), args.data());
      if (status != dnnl_success) return false;
      if (sums_ != nullptr) requantize(i);
    }
    if (tail_) tail_(reinterpret_cast<float*>(result_), operand_, dst_);
    return true;
  }

  void start(const std::uint8_t* pixels, std::size_t image) noexcept override {
    operand_ = operand_place_.at(pixels, image);
    dst_ = dst_place_.at(pixels, image);
    result_ = result_place_.at(pixels, image);
    source_ = src_place_.at(pixels, image);
    if (src_place_.moves() && copy_ == nullptr) point(sources_, source_, plan_.primitive.src.get_size());
    if (result_place_.moves() && sums_ == nullptr) point(results_, result_, plan_.primitive.dst.get_size());
  }

 private:
  static void point(const std::vector<dnnl_memory_t>& memories, std::byte* first, std::size_t bytes) noexcept {
    for (std::size_t i = 0; i < memories.size(); ++i) dnnl_memory_set_data_handle(memories[i], first + i * bytes);
  }

  /// Result and the sum's operand have the same size wherever the latter takes part here.
  void requantize(std::size_t run) noexcept {
    const std::size_t at = run * plan_.result_bytes;
    requantize_(reinterpret_cast<const std::int32_t*>(sums_), plan_.requantize_operand ? operand_ + at : nullptr,
                result_ + at);
  }

  const LayerPlan& plan_;
  TailFunction tail_;  // a copy, as with kernels
  std::function<void(const std::byte*, std::byte*)> copy_source_;
  std::function<void(const std::int32_t*, const void*, void*)> requantize_;
  dnnl_stream_t stream_;
  Place src_place_, dst_place_, operand_place_, result_place_;
  std::byte* result_;  // what the primitive writes
  std::byte* dst_;
  const std::byte* operand_ = nullptr;
  std::byte* source_;  // of the copy
  std::byte* copy_;
  std::byte* sums_;
  std::vector<dnnl::memory> memories_;
  std::vector<dnnl_memory_t> sources_, results_;
  std::vector<std::vector<dnnl_exec_arg_t>> arguments_;
};

class LayerStep final : public Step {
 public:
  LayerStep(LayerPlan plan, StepInfo step_info) : plan_(std::move(plan)) { info = std::move(step_info); }

  [[nodiscard]] std::unique_ptr<BoundStep> bind(const Bindings& bindings) const override {
    return std::make_unique<BoundLayer>(plan_, bindings);
  }
  [[nodiscard]] std::size_t scratchpad_bytes() const noexcept override { return plan_.primitive.scratchpad.get_size(); }

 private:
  LayerPlan plan_;
};

}  // namespace

std::unique_ptr<Step> layer_step(LayerPlan plan, StepInfo info) {
  return std::make_unique<LayerStep>(std::move(plan), std::move(info));
}

}  // namespace octet
