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
};

/// dst consists of `outer` rows; each row is the inputs' runs one behind the other, each element
/// brought to dst_type by `convert` (a plain copy where storage and scale are the same). `outer`
/// and the runs come from axis_view(shape, axis, order): NHWC concat along channels has
/// outer = N * H * W and run = C.
void concat(std::int64_t outer, std::span<const ConcatInput> inputs, void* dst, Element dst_type) noexcept;

}  // namespace octet::kernels
