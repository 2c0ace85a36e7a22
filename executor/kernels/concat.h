// Concatenation.
#pragma once

#include <span>

#include "octet/executor/kernels/types.h"

namespace octet::kernels {

/// One input: `run` consecutive elements (axis size * inner of its AxisView) per outer index.
struct ConcatInput {
  const void* data = nullptr;
  Element type;
  std::int64_t run = 0;
  std::int64_t at = 0;    ///< where the run begins in a row of the destination
  std::int64_t step = 0;  ///< elements from one run of the input to the next; 0: `run`
};

/// dst consists of `outer` rows, each `dst_step` elements behind the one before. Every input's runs
/// go to their place in the rows, each element brought to dst_type by `convert` (a plain copy where
/// storage and scale are the same); what no input covers stays. `outer` and the runs come from
/// axis_view(shape, axis, order): NHWC concat along channels has outer = N * H * W and run = C.
void concat(std::int64_t outer, std::span<const ConcatInput> inputs, void* dst, Element dst_type,
            std::int64_t dst_step) noexcept;

}  // namespace octet::kernels
