// One link of a plan's chain: immutable as a Step, with a context's pointers as a BoundStep.
#pragma once

#include <cstddef>     // std::byte
#include <cstdint>     // std::uint8_t
#include <functional>  // std::function
#include <memory>      // std::unique_ptr
#include <span>        // std::span
#include <vector>      // std::vector

#include <dnnl.hpp>

#include "octet/executor/layout.h"
#include "octet/executor/plan.h"

namespace octet {

/// Where a value lies for each image of a mini-batch.
struct Place {
  std::byte* base = nullptr;
  std::size_t stride = 0;  ///< bytes from image to image; 0: there is room for the images at work alone
  bool pixels = false;     ///< `base` is the caller's, known when a run begins

  [[nodiscard]] std::byte* at(const std::uint8_t* caller, std::size_t image) const noexcept {
    std::byte* begin = pixels ? reinterpret_cast<std::byte*>(const_cast<std::uint8_t*>(caller)) : base;
    return begin == nullptr ? nullptr : begin + image * stride;
  }
  /// False when `at` is the same for all runs.
  [[nodiscard]] bool moves() const noexcept { return pixels || stride != 0; }
};

/// A context's memory, as steps see it while they are bound.
struct Bindings {
  std::byte* arena = nullptr;
  std::span<const std::size_t> offsets;         ///< per BufferId
  std::span<const std::size_t> strides;         ///< per BufferId: see Place
  std::byte* scratchpad = nullptr;              ///< oneDNN's, shared by all steps of the context
  std::span<const std::byte* const> constants;  ///< per node; null where there is none
  std::size_t pixel_bytes = 0;                  ///< of one image
  const dnnl::engine* engine = nullptr;
  const dnnl::stream* stream = nullptr;

  /// Memory that lives during one step.
  [[nodiscard]] std::byte* temporary(BufferId buffer) const noexcept { return arena + offsets[buffer]; }
  [[nodiscard]] Place at(BufferId buffer) const noexcept { return {arena + offsets[buffer], strides[buffer]}; }
  [[nodiscard]] Place at(const Location& location) const noexcept;
};

/// A step with its pointers. Belongs to one context.
class BoundStep {
 public:
  BoundStep() = default;
  BoundStep(const BoundStep&) = delete;
  BoundStep& operator=(const BoundStep&) = delete;
  virtual ~BoundStep() = default;
  /// False when oneDNN reports a failure. Allocates nothing.
  virtual bool run() noexcept = 0;
  /// What the next `run` works on: its images begin with number `image` of the mini-batch whose first one is at
  /// `pixels`.
  virtual void start(const std::uint8_t* pixels, std::size_t image) noexcept = 0;
};

/// A step of a plan; shared by contexts, read-only.
class Step {
 public:
  Step() = default;
  Step(const Step&) = delete;
  Step& operator=(const Step&) = delete;
  virtual ~Step() = default;
  [[nodiscard]] virtual std::unique_ptr<BoundStep> bind(const Bindings& bindings) const = 0;
  [[nodiscard]] virtual std::size_t scratchpad_bytes() const noexcept { return 0; }

  StepInfo info;
};

/// What a kernel step does: inputs in the node's order, the result, scratch memory (may be null).
/// Each context has its own copy.
using KernelFunction = std::function<void(std::span<const void* const> src, void* dst, void* temporary)>;

/// Runs one of octet's own kernels.
class KernelStep final : public Step {
 public:
  /// `temporary` < 0: none.
  KernelStep(KernelFunction function, std::vector<Location> src, Location dst, BufferId temporary);
  [[nodiscard]] std::unique_ptr<BoundStep> bind(const Bindings& bindings) const override;

 private:
  KernelFunction function_;
  std::vector<Location> src_;
  Location dst_;
  BufferId temporary_;
};

}  // namespace octet
