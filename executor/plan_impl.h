// What a plan consists of. For plan.cc, compiler.cc and context.cc alone.
#pragma once

#include <cstdint>  // std::int64_t
#include <memory>   // std::unique_ptr
#include <string>   // std::string
#include <vector>   // std::vector

#include <dnnl.hpp>

#include "octet/executor/layout.h"
#include "octet/executor/plan.h"
#include "octet/executor/step.h"
#include "octet/executor/step_builder.h"
#include "octet/executor/tuner.h"

namespace octet {

/// A value that observers see, and when.
struct ObservedValue {
  ValueRef ref;
  std::string name;
  Value value;  ///< shaped for the pass's images
  Location location;
  bool nhwc = false;
  std::size_t steps_before = 0;  ///< number of steps that have run when it is complete
};

/// The steps of one part of the network for one number of images.
struct Pass {
  std::int64_t images = 1;
  std::vector<const Step*> steps;  ///< the plan's
  std::vector<Location> outputs;   ///< of the last part: float, row-major; per output of the plan
  std::vector<ObservedValue> observed;
};

/// One part of the network: its sub-batch first, then single images (unless that is 1 already).
using Segment = std::vector<Pass>;

/// One way to run the network over a mini-batch. All ways compute the same bits and have the same number of steps.
struct Division {
  std::vector<SubBatch> parts;
  std::vector<Segment> segments;     ///< one a part
  std::vector<std::size_t> offsets;  ///< per buffer
  std::vector<std::size_t> strides;  ///< per buffer: see Place
  std::size_t scratchpad_offset = 0;
};

class Plan::Impl {
 public:
  dnnl::engine engine{dnnl::engine::kind::cpu, 0};
  InputLayout input;
  std::vector<OutputLayout> outputs;
  bool quantized = false;
  bool observable = false;
  std::int64_t batch = 1;
  std::vector<std::unique_ptr<Step>> steps;  ///< shared by the divisions
  std::vector<Division> divisions;           ///< at least one
  std::unique_ptr<Tuner> tuner;              ///< of the divisions; contexts tell it how long they took
  WeightStore weights;
  std::vector<const std::byte*> constants;  ///< per node of the graph
  std::size_t arena_bytes = 0;              ///< of the largest division, scratchpad included

  /// The division that is the fastest as far as is known.
  [[nodiscard]] const Division& division() const noexcept { return divisions[tuner->best()]; }
};

/// What every thread does before it calls oneDNN: one OpenMP thread. A fresh thread would start a
/// pool of its own otherwise, and miss oneDNN's primitive cache.
void use_one_thread() noexcept;

}  // namespace octet
