// One factor and one offset per channel: batch normalisation of values of any storage in one pass.
#pragma once

#include <vector>

#include "octet/executor/kernels/types.h"

namespace octet::kernels {

/// `rows` pixels of `channels` consecutive elements each; the next row begins `src_step` (`dst_step`)
/// elements further on. Steps are at least `channels`.
struct AffineShape {
  std::size_t rows = 0, channels = 0, src_step = 0, dst_step = 0;
};

/// What brings stored numbers of one type to steps of another, per channel, computed in double from
/// y = x * scale[c] + shift[c] and rounded once (a type's scale counts as 1 for f32):
///   factor[c] = scale[c] * src.scale / dst.scale,  offset[c] = shift[c] / dst.scale
struct AffineConstants {
  std::vector<float> factor, offset;
};
AffineConstants affine_constants(std::span<const float> scale, std::span<const float> shift, Element src, Element dst);

/// t = float(stored src) * factor[c] + offset[c] (a multiplication, then an addition, in float);
/// with `relu` t = t > 0 ? t : 0; dst = t (f32) or saturate(round_half_even(t)), NaN as 0.
/// `src` may equal `dst` when elements and steps have the same size.
void affine(const AffineShape& shape, const float* factor, const float* offset, bool relu, const void* src,
            DType src_type, void* dst, DType dst_type) noexcept;

}  // namespace octet::kernels
