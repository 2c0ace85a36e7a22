// The two passes of the 8-bit bilinear resize, vectorised; the instruction set is chosen at run
// time and every one gives the same bytes.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

#include "octet/loader/resize_axis.h"

namespace octet {

/// Bytes that must be readable behind every source row given to a Resizer.
inline constexpr std::size_t kRowPadding = 16;

/// The horizontal taps of a row in the form the kernel reads: blocks of four outputs (channels
/// interleaved), each made of 16 source bytes by one shuffle and one multiply-add of pairs.
struct BilinearBlocks {
  std::size_t outputs = 0;             ///< window width times channels
  std::size_t channels = 1;            ///< 1 or 3
  bool gather = false;                 ///< pixel pairs lie too far apart: they are brought together first
  std::vector<std::int32_t> pixel;     ///< byte offset of each output pixel's left source pixel
  std::vector<std::int32_t> offset;    ///< per block, of its 16 bytes
  std::vector<std::uint8_t> shuffle;   ///< per block 16: left, zero, right, zero for each output
  std::vector<std::int16_t> weight;    ///< per block 8: left, right for each output
  std::vector<std::uint8_t> gathered;  ///< scratch
};

/// Fills `blocks` from the taps of a window's columns; `origin` is the source column that row
/// pointers point at.
void make_blocks(const TapAxis& columns, std::int64_t origin, std::size_t channels, BilinearBlocks& blocks);

/// Outputs that bilinear_row writes: a whole number of pairs of blocks.
std::size_t padded_outputs(const BilinearBlocks& blocks);

/// Horizontal pass: dst[i] = (left * w0 + right * w1) >> 4, in 0..32640 + rounding of the weights.
/// Reads up to kRowPadding bytes behind the row's last pixel; writes padded_outputs() values.
void bilinear_row(const std::uint8_t* row, BilinearBlocks& blocks, std::int16_t* dst);

/// Vertical pass: dst[i] = (((above[i] * w0) >> 16) + ((below[i] * w1) >> 16) + 2) >> 2.
void bilinear_column(const std::int16_t* above, const std::int16_t* below, std::int16_t w0, std::int16_t w1,
                     std::uint8_t* dst, std::size_t count);

}  // namespace octet
