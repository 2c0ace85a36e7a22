// Depthwise convolution of quantised NHWC images: one filter per channel, the epilogue in registers.
//
// The rows under a filter are interleaved four at a time, so that one 32-bit lane holds four taps of one
// channel and one dot product adds them. An interleaved column serves all the filter's columns and, at
// vertical stride 1, several rows of results: for 3x3 filters the four rows y .. y + 3 give two.
// All results are exact sums in 32 bits, equal on every instruction set.
#pragma once

#include <array>    // std::array
#include <cstddef>  // std::byte
#include <cstdint>  // std::int64_t
#include <span>     // std::span
#include <vector>   // std::vector

#include "octet/graph/op.h"
#include "octet/graph/tensor.h"

namespace octet::kernels {

/// Instruction sets that the kernel is written for.
enum class DepthwiseIsa : std::uint8_t { avx2, avx512_vnni };

/// Sizes of one layer. Sources are u8 or s8, destinations u8, s8 or f32, both NHWC without gaps.
struct DepthwiseShape {
  std::int64_t images = 1, height = 1, width = 1, channels = 1;
  std::int64_t out_height = 1, out_width = 1;
  DType src = DType::u8, dst = DType::u8;
};

/// dst = min(max((float(sum) + float(bias[c])) * scale[c], low), high), quantised destinations rounded half
/// to even and saturated. |bias| <= 2^30; scales are finite; low and high are no NaN.
struct DepthwiseNumbers {
  std::span<const std::int8_t> weight;  ///< (channels, 1, kh, kw)
  std::span<const std::int32_t> bias;   ///< per channel
  std::span<const float> scale;         ///< per channel
  float low = 0, high = 0;              ///< may be infinite
};

/// How a layer is computed; made once, read by any number of threads.
struct DepthwisePlan {
  /// Columns of the picture that a filter's columns of equal remainder modulo the stride read for a tile.
  struct Plane {
    std::int64_t first;    ///< source column of entry 0 of the first tile
    std::int64_t entries;  ///< a stride apart
    std::int64_t offset;   ///< entries of the planes before it
  };
  DepthwiseShape shape;
  DepthwiseIsa isa = DepthwiseIsa::avx512_vnni;
  std::int64_t stride_y = 1, stride_x = 1, dilate_y = 1, pad_top = 0, kernel_h = 1;
  std::int64_t vector = 64;     ///< bytes of a vector
  std::int64_t pixels = 1;      ///< neighbouring results computed as if they were channels of one
  std::int64_t blocks = 1;      ///< vectors that hold the channels of `pixels`
  std::int64_t chunk = 1;       ///< blocks interleaved together, so that they stay in the L1 cache
  std::int64_t tile = 1;        ///< results of a row (of `pixels` each) from the same interleaved columns
  std::int64_t band = 1;        ///< rows of results from the same interleaved rows
  std::int64_t row_groups = 1;  ///< groups of four interleaved rows
  std::int64_t entries = 0;     ///< of all planes
  std::vector<Plane> planes;
  std::vector<std::size_t> taps;  ///< byte offsets of the dot products' sources among the interleaved
  bool plain = false;             ///< the bias is part of the sum and saturation the only limit
  float low = 0, high = 0;
  std::int64_t zeros_offset = 0;  ///< of a row of zeros in the scratch memory, behind what is interleaved
  std::size_t scratch_bytes = 0;  ///< needed by `depthwise`
  std::size_t packed_bytes = 0;   ///< of the constants
  std::size_t block_bytes = 0;    ///< of one block's constants
};

/// Channels from which on the kernel is used; with fewer most of a vector would be idle.
inline constexpr std::int64_t kMinDepthwiseChannels = 16;

/// The plan for sizes that fit each other (op.groups = op.num_filter = channels >= kMinDepthwiseChannels).
DepthwisePlan plan_depthwise(const ConvolutionOp& op, const DepthwiseShape& shape, const DepthwiseNumbers& numbers,
                             DepthwiseIsa isa);

/// Weights, biases and scales as the kernel reads them: plan.packed_bytes.
std::vector<std::byte> pack_depthwise(const ConvolutionOp& op, const DepthwisePlan& plan,
                                      const DepthwiseNumbers& numbers);

/// `packed` and `scratch` are aligned to 64 bytes. The machine must have plan.isa.
void depthwise(const DepthwisePlan& plan, const std::byte* packed, const void* src, void* dst, void* scratch) noexcept;

}  // namespace octet::kernels
