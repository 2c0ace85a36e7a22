// Channel-wise functions: PReLU, and the normalisations that depend on the picture.
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// y = x < 0 ? slope[c] * x : x in float, x = real(src); stored as dst_type does. view.axis is the
/// channel axis; `slopes` has view.axis elements. Any storage of either side; `src` may equal `dst`
/// when the elements have the same size.
void prelu(const AxisView& view, const float* slopes, const void* src, Element src_type, void* dst,
           Element dst_type) noexcept;

/// Floats of scratch memory that `lrn` needs.
std::size_t lrn_scratch(const LrnOp& op, std::size_t channels) noexcept;

/// Local response normalisation of `pixels` pixels of `channels` channels (NHWC). Squares are added in
/// the channels' order; the power is made of square roots for beta 0.5 and 0.75.
void lrn(const LrnOp& op, std::size_t pixels, std::size_t channels, const float* src, float* dst,
         float* scratch) noexcept;

/// Instance normalisation of NHWC images; mean and variance are taken in double. `scratch`: 2 * channels
/// doubles. `src` may equal `dst`.
void instance_norm(const InstanceNormOp& op, std::size_t images, std::size_t pixels, std::size_t channels,
                   const float* gamma, const float* beta, const float* src, float* dst, double* scratch) noexcept;

}  // namespace octet::kernels
