// Softmax.
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// How `op` sees a value of `shape` (NCHW order) that lies in memory as `order`: per_sample takes
/// everything but the first axis together, negative axes count from the end.
AxisView softmax_view(const SoftmaxOp& op, std::span<const std::int64_t> shape, Order order) noexcept;

/// Softmax over view.axis: exp((x - max) / temperature) / sum, in float. `src` may equal `dst`. The
/// relative error is below 1e-6 + 1.2e-7 |(x - max) / temperature| for up to 4096 classes; sums have
/// a fixed order, so that results are the same on every machine. A row with NaN or +inf yields NaN.
void softmax(const AxisView& view, float temperature, const float* src, float* dst) noexcept;

}  // namespace octet::kernels
