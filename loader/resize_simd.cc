#include <algorithm>
#include <cstring>

#include "octet/loader/resize_kernels.h"

// Highway compiles this file once per instruction set; what follows up to HWY_AFTER_NAMESPACE is
// repeated for each.
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/loader/resize_simd.cc"
#include <hwy/foreach_target.h>  // must come before highway.h
#include <hwy/highway.h>

HWY_BEFORE_NAMESPACE();
namespace octet::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

#if HWY_TARGET == HWY_SCALAR
// Vectors of one lane have no shuffle: the same blocks, output by output.
void BilinearRow(const std::uint8_t* HWY_RESTRICT row, const BilinearBlocks& blocks, std::int16_t* HWY_RESTRICT dst) {
  for (std::size_t j = 0; j < blocks.offset.size(); ++j) {
    const std::uint8_t* src = row + blocks.offset[j];
    for (std::size_t k = 0; k < 4; ++k) {
      const std::uint8_t* shuffle = &blocks.shuffle[16 * j + 4 * k];
      const std::int16_t* weight = &blocks.weight[8 * j + 2 * k];
      const int left = shuffle[0] < 16 ? src[shuffle[0]] : 0;
      const int right = shuffle[2] < 16 ? src[shuffle[2]] : 0;
      dst[4 * j + k] = static_cast<std::int16_t>((left * weight[0] + right * weight[1]) >> 4);
    }
  }
}
#else
// One block of 16 source bytes to four sums of two products, shifted.
HWY_INLINE hn::Vec<hn::FixedTag<std::int32_t, 4> > row_block(const std::uint8_t* src, const std::uint8_t* shuffle,
                                                             const std::int16_t* weight) {
  const hn::FixedTag<std::uint8_t, 16> d8;
  const hn::FixedTag<std::int16_t, 8> d16;
  const hn::FixedTag<std::int32_t, 4> d32;
  const auto pairs = hn::BitCast(d16, hn::TableLookupBytesOr0(hn::LoadU(d8, src), hn::LoadU(d8, shuffle)));
  auto odd = hn::Zero(d32);
  const auto even = hn::ReorderWidenMulAccumulate(d32, pairs, hn::LoadU(d16, weight), hn::Zero(d32), odd);
  return hn::ShiftRight<4>(hn::RearrangeToOddPlusEven(even, odd));
}

// Vectors of 16 bytes on every target: a block is one load, and wider vectors would spend on
// putting loads together what they save.
void BilinearRow(const std::uint8_t* HWY_RESTRICT row, const BilinearBlocks& blocks, std::int16_t* HWY_RESTRICT dst) {
  const hn::FixedTag<std::int16_t, 8> d16;
  const std::int32_t* offset = blocks.offset.data();
  const std::uint8_t* shuffle = blocks.shuffle.data();
  const std::int16_t* weight = blocks.weight.data();
  for (std::size_t j = 0; j < blocks.offset.size(); j += 2) {
    const auto a = row_block(row + offset[j], shuffle + 16 * j, weight + 8 * j);
    const auto b = row_block(row + offset[j + 1], shuffle + 16 * (j + 1), weight + 8 * (j + 1));
    hn::StoreU(hn::ReorderDemote2To(d16, a, b), d16, dst + 4 * j);
  }
}
#endif

void BilinearColumn(const std::int16_t* HWY_RESTRICT above, const std::int16_t* HWY_RESTRICT below, std::int16_t w0,
                    std::int16_t w1, std::uint8_t* HWY_RESTRICT dst, std::size_t count) {
  const hn::ScalableTag<std::int16_t> d;
  const hn::Rebind<std::uint8_t, decltype(d)> d8;
  const std::size_t lanes = hn::Lanes(d);
  const auto v0 = hn::Set(d, w0);
  const auto v1 = hn::Set(d, w1);
  const auto two = hn::Set(d, std::int16_t{2});
  const auto some = [&](std::size_t i) {
    const auto sum = hn::Add(hn::MulHigh(hn::LoadU(d, above + i), v0), hn::MulHigh(hn::LoadU(d, below + i), v1));
    hn::StoreU(hn::DemoteTo(d8, hn::ShiftRight<2>(hn::Add(sum, two))), d8, dst + i);
  };
  std::size_t i = 0;
  for (; i + lanes <= count; i += lanes) some(i);
  if (i == count) return;
  if (count >= lanes) {
    some(count - lanes);  // overlaps what is done already, with the same values
    return;
  }
  for (; i < count; ++i) {
    const int sum = ((above[i] * w0) >> 16) + ((below[i] * w1) >> 16);
    dst[i] = static_cast<std::uint8_t>(std::clamp((sum + 2) >> 2, 0, 255));
  }
}

}  // namespace octet::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet {

HWY_EXPORT(BilinearRow);
HWY_EXPORT(BilinearColumn);

void make_blocks(const TapAxis& columns, std::int64_t origin, std::size_t channels, BilinearBlocks& blocks) {
  const std::size_t width = columns.first.size();
  blocks.channels = channels;
  blocks.outputs = width * channels;
  blocks.pixel.resize(width);
  for (std::size_t i = 0; i < width; ++i) {
    blocks.pixel[i] = static_cast<std::int32_t>((columns.first[i] - origin) * static_cast<std::int64_t>(channels));
  }
  const std::size_t count = padded_outputs(blocks) / 4;
  const auto pixel_of = [&](std::size_t output) { return std::min(output, blocks.outputs - 1) / channels; };
  blocks.gather = false;
  for (std::size_t j = 0; j < count; ++j) {
    const std::int32_t span = blocks.pixel[pixel_of(4 * j + 3)] - blocks.pixel[pixel_of(4 * j)];
    if (span + 2 * static_cast<std::int32_t>(channels) > 16) blocks.gather = true;
  }
  // Where an output pixel's pair begins: in the row, or in the scratch of pairs side by side.
  const auto pair_at = [&](std::size_t pixel) {
    return blocks.gather ? static_cast<std::int32_t>(2 * channels * pixel) : blocks.pixel[pixel];
  };
  if (blocks.gather) blocks.gathered.assign(2 * channels * width + kRowPadding, 0);
  blocks.offset.resize(count);
  blocks.shuffle.assign(16 * count, 0x80);  // 0x80 selects a zero
  blocks.weight.assign(8 * count, 0);
  for (std::size_t j = 0; j < count; ++j) {
    const std::int32_t base = pair_at(pixel_of(4 * j));
    blocks.offset[j] = base;
    for (std::size_t k = 0; k < 4 && 4 * j + k < blocks.outputs; ++k) {
      const std::size_t pixel = (4 * j + k) / channels;
      const std::size_t left = static_cast<std::size_t>(pair_at(pixel) - base) + (4 * j + k) % channels;
      blocks.shuffle[16 * j + 4 * k] = static_cast<std::uint8_t>(left);
      blocks.shuffle[16 * j + 4 * k + 2] = static_cast<std::uint8_t>(left + channels);
      blocks.weight[8 * j + 2 * k] = columns.weight[2 * pixel];
      blocks.weight[8 * j + 2 * k + 1] = columns.weight[2 * pixel + 1];
    }
  }
}

std::size_t padded_outputs(const BilinearBlocks& blocks) { return (blocks.outputs + 7) / 8 * 8; }

void bilinear_row(const std::uint8_t* row, BilinearBlocks& blocks, std::int16_t* dst) {
  if (blocks.gather) {
    std::uint8_t* pair = blocks.gathered.data();
    const std::size_t step = 2 * blocks.channels;
    for (const std::int32_t pixel : blocks.pixel) {
      std::memcpy(pair, row + pixel, 8);  // fixed size is fastest; the excess is overwritten by the next pair
      pair += step;
    }
    row = blocks.gathered.data();
  }
  HWY_DYNAMIC_DISPATCH(BilinearRow)(row, blocks, dst);
}

void bilinear_column(const std::int16_t* above, const std::int16_t* below, std::int16_t w0, std::int16_t w1,
                     std::uint8_t* dst, std::size_t count) {
  HWY_DYNAMIC_DISPATCH(BilinearColumn)(above, below, w0, w1, dst, count);
}

}  // namespace octet
#endif
