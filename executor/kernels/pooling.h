// Pooling with Apache MXNet's window and divisor rules.
#pragma once

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// Sizes of source and destination, both NHWC. For global pooling out_height = out_width = 1.
struct PoolingShape {
  std::int64_t images = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1;
  /// Elements from one pixel to the next, for values that lie inside wider ones; 0: `channels`.
  std::int64_t src_step = 0, dst_step = 0;
};

/// Output size along one axis: valid: floor((size + 2 pad - kernel) / stride) + 1, full: the same
/// with ceil. Less than 1 when the window does not fit.
std::int64_t pooled_size(std::int64_t size, std::int64_t kernel, std::int64_t stride, std::int64_t pad,
                         PoolConvention convention) noexcept;

/// Output pixel (y, x) sees the window [y * stride - pad, y * stride - pad + kernel) x [...] of which
/// only elements inside the picture count (`full` windows may hang over the far edge). Divisor of
/// avg: count_include_pad: (min(y0 + kernel, H + pad) - y0) * (the same in x), that is, clipped at the
/// padded edge; otherwise the number of elements inside the picture. A window without any element
/// yields 0. `global` takes the whole picture and ignores kernel, stride and pad.
///
/// src f32: max; or the sum in row-major window order, divided by the divisor, in float. dst is f32.
/// src u8 or s8:
///   max       exact, then stored as `convert` does (a plain copy when src_type.same_as(dst_type))
///   avg, sum  the exact integer sum s, then x = float(s) * m in float with
///             m = float(double(src.scale) / (double(dst.scale) * divisor)), divisor 1 for sum and
///             dst.scale 1 for f32; stored as x (f32) or as saturate(round_half_even(x)).
/// Any of f32, u8 and s8 is a possible destination of u8 and s8.
void pooling(const PoolingOp& op, const PoolingShape& shape, const void* src, Element src_type, void* dst,
             Element dst_type) noexcept;

}  // namespace octet::kernels
