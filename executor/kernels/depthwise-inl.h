// The loops of the depthwise kernel for one instruction set S, which depthwise_<isa>.cc defines together
// with OCTET_DEPTHWISE_NAMESPACE before it includes this file.
#ifndef OCTET_EXECUTOR_KERNELS_DEPTHWISE_INL_H_
#define OCTET_EXECUTOR_KERNELS_DEPTHWISE_INL_H_

#include <hwy/base.h>

#include <algorithm>
#include <type_traits>

#include "octet/executor/kernels/depthwise.h"

#ifndef OCTET_DEPTHWISE_NAMESPACE
#define OCTET_DEPTHWISE_NAMESPACE depthwise_alone
#endif

namespace octet::kernels::OCTET_DEPTHWISE_NAMESPACE {

/// Interleaves four vectors that begin `start` bytes behind the rows' starts, `count` bytes of which are
/// wanted; what lies outside a row of `row_bytes` is zero.
template <class S, bool kSigned>
HWY_INLINE void interleave_edge(const std::uint8_t* const* rows, std::int64_t start, std::int64_t count,
                                std::int64_t row_bytes, std::byte* to) {
  const std::int64_t from = start >= 0 ? 0 : -start;
  const std::int64_t left = row_bytes - start;
  const std::int64_t end = left >= count ? count : left;
  typename S::Bytes r[4];
  for (int s = 0; s < 4; ++s) {
    r[s] = from < end ? S::load_part(rows[s] + start, from, end) : S::zero();
    if (kSigned) r[s] = S::flip(r[s]);
  }
  S::interleave(r, to);
}

/// Where a part of a picture's results begins (row, result within the row, block) and how many blocks it has.
struct Part {
  std::int64_t y, x, block, blocks;
};

/// Interleaves the blocks of `entries` columns, `step` bytes apart, that lie inside the rows as a whole.
template <class S, bool kSigned>
HWY_INLINE void interleave_inner(const std::uint8_t* const* rows, std::int64_t start, std::int64_t step,
                                 std::int64_t entries, std::int64_t blocks, std::byte* to, std::int64_t to_step) {
  const std::uint8_t* at = rows[0] + start;
  const std::ptrdiff_t second = rows[1] - rows[0], third = rows[2] - rows[0], fourth = rows[3] - rows[0];
  for (std::int64_t q = 0; q < entries; ++q, at += step, to += to_step) {
    const std::uint8_t* from = at;
    std::byte* out = to;
    std::int64_t j = blocks;
    do {
      typename S::Bytes r[4] = {S::load(from), S::load(from + second), S::load(from + third), S::load(from + fourth)};
      if (kSigned) {
        for (int s = 0; s < 4; ++s) r[s] = S::flip(r[s]);
      }
      S::interleave(r, out);
      from += S::kBytes;
      out += 4 * S::kBytes;
    } while (--j != 0);
  }
}

/// Interleaves a part's blocks of all columns that its tile reads from four rows.
template <class S, bool kSigned>
void interleave_rows(const DepthwisePlan& p, const std::uint8_t* const* rows, const Part& part, std::byte* to) {
  const std::int64_t row_bytes = p.shape.width * p.shape.channels, pixel_bytes = p.pixels * p.shape.channels;
  const std::int64_t to_step = p.chunk * 4 * S::kBytes, step = p.stride_x * p.shape.channels;
  const std::int64_t last_whole = row_bytes - part.blocks * S::kBytes;
  const std::int64_t results = (p.shape.out_width + p.pixels - 1) / p.pixels;
  const std::int64_t missing = part.x + p.tile > results ? (part.x + p.tile - results) * p.pixels : 0;
  for (const DepthwisePlan::Plane& plane : p.planes) {
    const std::int64_t entries = plane.entries - missing;
    std::byte* entry = to + plane.offset * to_step;
    std::int64_t start = (plane.first + part.x * p.pixels * p.stride_x) * p.shape.channels + part.block * S::kBytes;
    for (std::int64_t q = 0; q < entries; ++q, entry += to_step, start += step) {
      if (start >= 0 && start <= last_whole) {
        const std::int64_t whole = std::min((last_whole - start) / step + 1, entries - q);
        interleave_inner<S, kSigned>(rows, start, step, whole, part.blocks, entry, to_step);
        q += whole - 1;
        entry += (whole - 1) * to_step;
        start += (whole - 1) * step;
        continue;
      }
      for (std::int64_t j = 0; j < part.blocks; ++j) {
        const std::int64_t left = pixel_bytes - (part.block + j) * S::kBytes;
        interleave_edge<S, kSigned>(rows, start + j * S::kBytes, left < S::kBytes ? left : S::kBytes, row_bytes,
                                    entry + j * 4 * S::kBytes);
      }
    }
  }
}

/// One row of results of one block.
struct BlockRow {
  const std::byte* interleaved;
  std::int64_t step;         ///< bytes from one result's entry to the next result's
  const std::byte* numbers;  ///< start value, scale and bias of four vectors each
  const std::byte* weights;
  std::byte* dst;
  std::int64_t dst_step;
  std::int64_t results, count, last_count;  ///< elements of each result, and of the last one
};

template <class S, class Dst>
HWY_INLINE void store_elements(typename S::Floats* t, std::int64_t count, std::byte* dst) {
  if constexpr (std::is_same_v<Dst, float>) {
    S::store_floats(t, count, reinterpret_cast<float*>(dst));
  } else {
    const typename S::Bytes packed = S::template pack<Dst>(t);
    if (count == S::kBytes) {
      S::store(packed, dst);
    } else {
      S::store_part(packed, count, dst);
    }
  }
}

/// What turns the sums of a block into results.
template <class S>
struct Epilogue {
  typename S::Ints start[4];
  typename S::Floats scale[4];
  const std::byte* bias;
  float low, high;

  HWY_INLINE Epilogue(const DepthwisePlan& p, const BlockRow& row)
      : bias(row.numbers + 8 * S::kBytes), low(p.low), high(p.high) {
    for (int k = 0; k < 4; ++k) start[k] = S::load_ints(row.numbers + k * S::kBytes);
    for (int k = 0; k < 4; ++k) scale[k] = S::load_floats(row.numbers + (4 + k) * S::kBytes);
  }

  template <class Dst, bool kPlain>
  HWY_INLINE void finish(const typename S::Ints* sum, std::int64_t count, std::byte* dst) const {
    typename S::Floats t[4];
    for (int k = 0; k < 4; ++k) {
      t[k] = S::to_floats(sum[k]);
      if (!kPlain) t[k] = S::add(t[k], S::load_floats(bias + k * S::kBytes));
      t[k] = S::mul(t[k], scale[k]);
      if (!kPlain) t[k] = S::limit(t[k], low, high);
    }
    store_elements<S, Dst>(t, count, dst);
  }
};

/// Sums and finishes each result of the row.
template <class S, class Dst, bool kPlain, class Taps>
HWY_INLINE void compute_row(const DepthwisePlan& p, const BlockRow& row) {
  const Taps taps(p, row);
  const Epilogue<S> epilogue(p, row);
  const std::int64_t step = row.step, dst_step = row.dst_step, count = row.count, results = row.results - 1;
  const std::byte* from = row.interleaved;
  std::byte* dst = row.dst;
  typename S::Ints sum[4];
  for (std::int64_t x = 0; x < results; ++x, from += step, dst += dst_step) {
    for (int k = 0; k < 4; ++k) sum[k] = epilogue.start[k];
    taps.add(from, sum);
    epilogue.template finish<Dst, kPlain>(sum, count, dst);
  }
  for (int k = 0; k < 4; ++k) sum[k] = epilogue.start[k];
  taps.add(from, sum);
  epilogue.template finish<Dst, kPlain>(sum, row.last_count, dst);
}

/// Three dot products per result, as with 3x3 filters: the weights stay in registers.
template <class S>
struct ThreeTaps {
  typename S::Weights w[12];
  std::size_t first, second, third;

  HWY_INLINE ThreeTaps(const DepthwisePlan& p, const BlockRow& row)
      : first(p.taps[0]), second(p.taps[1]), third(p.taps[2]) {
    for (int k = 0; k < 12; ++k) w[k] = S::load_weights(row.weights + k * S::kWeightBytes);
  }
  HWY_INLINE void add(const std::byte* from, typename S::Ints* sum) const {
    for (int k = 0; k < 4; ++k) {
      const std::byte* at = from + k * S::kBytes;
      sum[k] = S::dot(sum[k], S::load_ints(at + first), w[k]);
      sum[k] = S::dot(sum[k], S::load_ints(at + second), w[4 + k]);
      sum[k] = S::dot(sum[k], S::load_ints(at + third), w[8 + k]);
    }
  }
};

template <class S>
struct AnyTaps {
  const std::byte* weights;
  const std::size_t* taps;
  std::size_t count;

  HWY_INLINE AnyTaps(const DepthwisePlan& p, const BlockRow& row)
      : weights(row.weights), taps(p.taps.data()), count(p.taps.size()) {}
  HWY_INLINE void add(const std::byte* from, typename S::Ints* sum) const {
    const std::byte* w = weights;
    for (std::size_t t = 0; t < count; ++t) {
      for (int k = 0; k < 4; ++k, w += S::kWeightBytes) {
        sum[k] = S::dot(sum[k], S::load_ints(from + taps[t] + k * S::kBytes), S::load_weights(w));
      }
    }
  }
};

template <class S, class Dst, bool kPlain>
void compute(const DepthwisePlan& p, const BlockRow& row) {
  if (p.taps.size() == 3) return compute_row<S, Dst, kPlain, ThreeTaps<S>>(p, row);
  compute_row<S, Dst, kPlain, AnyTaps<S>>(p, row);
}

using ComputeFunction = void (*)(const DepthwisePlan&, const BlockRow&);

template <class S>
ComputeFunction select_compute(const DepthwisePlan& p) {
  if (p.shape.dst == DType::u8) return p.plain ? compute<S, std::uint8_t, true> : compute<S, std::uint8_t, false>;
  if (p.shape.dst == DType::s8) return p.plain ? compute<S, std::int8_t, true> : compute<S, std::int8_t, false>;
  return compute<S, float, false>;
}

/// Rows 4 * group .. 4 * group + 3 of those under the filters of the band that begins at row y. `zeros`
/// stands for those that are missing.
inline void find_rows(const DepthwisePlan& p, const std::uint8_t* picture, const std::uint8_t* zeros, std::int64_t y,
                      std::int64_t group, const std::uint8_t** rows) {
  const std::int64_t used = p.dilate_y > 1 ? p.kernel_h : p.kernel_h + (p.band - 1) * p.stride_y;
  for (std::int64_t s = 0; s < 4; ++s) {
    const std::int64_t slot = 4 * group + s;
    const std::int64_t row = y * p.stride_y - p.pad_top + slot * p.dilate_y;
    const bool present = slot < used && row >= 0 && row < p.shape.height;
    rows[s] = present ? picture + row * p.shape.width * p.shape.channels : zeros;
  }
}

template <class S>
void compute_part(const DepthwisePlan& p, const std::byte* packed, const Part& part, const std::byte* interleaved,
                  std::byte* dst, ComputeFunction function) {
  const std::int64_t element = p.shape.dst == DType::f32 ? 4 : 1;
  const std::int64_t pixel_elements = p.pixels * p.shape.channels;
  const std::int64_t left = (p.shape.out_width + p.pixels - 1) / p.pixels - part.x;  // results of the row
  const std::int64_t results = left < p.tile ? left : p.tile;
  const std::int64_t pixels_left = p.shape.out_width - (part.x + results - 1) * p.pixels;
  const std::int64_t last_elements = (pixels_left < p.pixels ? pixels_left : p.pixels) * p.shape.channels;
  const auto row_weights = static_cast<std::int64_t>(p.taps.size()) * 4 * S::kWeightBytes;
  const std::int64_t rows = p.shape.out_height - part.y < p.band ? p.shape.out_height - part.y : p.band;
  for (std::int64_t r = 0; r < rows; ++r) {
    std::byte* dst_row = dst + ((part.y + r) * p.shape.out_width + part.x * p.pixels) * p.shape.channels * element;
    for (std::int64_t j = 0; j < part.blocks; ++j) {
      const std::int64_t at = (part.block + j) * S::kBytes;
      BlockRow row;
      row.interleaved = interleaved + j * 4 * S::kBytes;
      row.step = p.pixels * p.chunk * 4 * S::kBytes;
      row.numbers = packed + (part.block + j) * static_cast<std::int64_t>(p.block_bytes);
      row.weights = row.numbers + 12 * S::kBytes + r * row_weights;
      row.dst = dst_row + at * element;
      row.dst_step = pixel_elements * element;
      row.results = results;
      row.count = pixel_elements - at < S::kBytes ? pixel_elements - at : S::kBytes;
      row.last_count = last_elements - at < S::kBytes ? last_elements - at : S::kBytes;
      function(p, row);
    }
  }
}

template <class S>
void depthwise_image(const DepthwisePlan& p, const std::byte* packed, const std::uint8_t* src, std::byte* dst,
                     std::byte* scratch) {
  const ComputeFunction function = select_compute<S>(p);
  const auto interleave = p.shape.src == DType::s8 ? interleave_rows<S, true> : interleave_rows<S, false>;
  const auto* zeros = reinterpret_cast<const std::uint8_t*>(scratch) + p.zeros_offset;
  const std::int64_t group_bytes = p.entries * p.chunk * 4 * S::kBytes;
  Part part{};
  for (part.y = 0; part.y < p.shape.out_height; part.y += p.band) {
    for (part.x = 0; part.x * p.pixels < p.shape.out_width; part.x += p.tile) {
      for (part.block = 0; part.block < p.blocks; part.block += p.chunk) {
        part.blocks = p.blocks - part.block < p.chunk ? p.blocks - part.block : p.chunk;
        for (std::int64_t g = 0; g < p.row_groups; ++g) {
          const std::uint8_t* rows[4];
          find_rows(p, src, zeros, part.y, g, rows);
          interleave(p, rows, part, scratch + g * group_bytes);
        }
        compute_part<S>(p, packed, part, scratch, dst, function);
      }
    }
  }
}

}  // namespace octet::kernels::OCTET_DEPTHWISE_NAMESPACE

#endif
