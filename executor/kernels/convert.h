// Conversion between f32 and quantised elements, and from pixels to the network's input.
#pragma once

#include <span>

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// The one rounding rule of all kernels: saturate(round_half_even(x / scale)) to u8 [0, 255] or s8
/// [-128, 127], with the division in float. NaN becomes 0, infinities saturate. For tables and
/// single constants; `convert` does arrays. `dtype` is u8 or s8; the result is the stored number.
int quantize_one(float x, Element dst) noexcept;

/// Converts `count` elements from one storage to another:
///   f32 -> f32   copied
///   f32 -> q     saturate(round_half_even(x / dst.scale)), see quantize_one
///   q   -> f32   float(q) * src.scale
///   q   -> q     copied when src.same_as(dst), else quantize(float(q) * src.scale)
/// `src` may equal `dst` when both elements have the same size.
void convert(std::size_t count, const void* src, Element src_type, void* dst, Element dst_type) noexcept;

/// Fills `table` (op.mean.size() * 256 elements of dst_type, [channel][pixel]) with what Normalize
/// makes of each pixel: (float(pixel) - mean[c]) / std[c] in float, in this order; quantised by
/// quantize_one when dst_type is u8 or s8.
void normalize_table(const NormalizeOp& op, Element dst_type, void* table) noexcept;

/// NHWC pixels through a normalize_table: dst[i * channels + c] = table[c][src[i * channels + c]]
/// for i in [0, pixels).
void normalize(std::size_t pixels, std::size_t channels, const std::uint8_t* src, const void* table, void* dst,
               Element dst_type) noexcept;

}  // namespace octet::kernels
