// Kernels that change the size of an image: nearest up-sampling, adaptive pooling, deconvolution.
#pragma once

#include <vector>  // std::vector

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// Sizes of an NHWC source and destination.
struct SpatialShape {
  std::int64_t images = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1, out_channels = 1;
};

/// Every pixel of `pixel_bytes` bytes becomes scale x scale pixels.
void up_sample(std::int64_t scale, const SpatialShape& shape, std::size_t pixel_bytes, const void* src,
               void* dst) noexcept;

/// Means over bins from floor(i * size / bins) to ceil((i + 1) * size / bins), summed in float.
void adaptive_pooling(const SpatialShape& shape, const float* src, float* dst) noexcept;

/// Weights (C, num_filter / groups, kh, kw) as `deconvolution` reads them: filters innermost.
std::vector<float> pack_deconvolution(const DeconvolutionOp& op, std::int64_t channels, const float* weight);

/// Transposed convolution; `bias` may be null. Every input pixel adds its products to the output in
/// row-major order, in float.
void deconvolution(const DeconvolutionOp& op, const SpatialShape& shape, const float* src, const float* packed,
                   const float* bias, float* dst) noexcept;

}  // namespace octet::kernels
