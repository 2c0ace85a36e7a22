// One axis of a resize: which source pixels make a destination pixel, with which weights. The
// positions and 8-bit fixed-point weights are those of OpenCV's resize (imgproc, 3.x and 4.x):
// half-pixel centres, single-precision fractions, 11-bit weights.
#pragma once

#include <cstdint>  // std::int64_t
#include <vector>   // std::vector

#include "octet/graph/preprocess.h"

namespace octet {

/// Fixed-point one of the tap weights.
inline constexpr int kWeightBits = 11;
inline constexpr int kWeightOne = 1 << kWeightBits;

/// What OpenCV really computes for an Interpolation: its area method becomes a kind of bilinear as
/// soon as one side grows.
enum class Filter : std::uint8_t { nearest, linear, area_linear, cubic, lanczos4, area };

/// Source pixels per destination pixel of one axis, as OpenCV computes it.
double axis_scale(std::int64_t src, std::int64_t dst);

Filter choose_filter(Interpolation interpolation, double scale_x, double scale_y);

/// Number of taps of a filter with fixed taps (all but area).
int tap_count(Filter filter);

/// A run of destination pixels: pixel i is the sum over k of weight[i * taps + k] / 2^11 times
/// source pixel first[i] + k, indices clamped to the picture.
struct TapAxis {
  int taps = 1;
  std::vector<std::int64_t> first;
  std::vector<std::int16_t> weight;
};

/// Taps of destination pixels begin .. begin + count - 1. `edges_whole`: a bilinear pixel beyond the
/// outermost source centre takes the edge pixel alone (OpenCV does so along rows, not along columns).
void make_taps(Filter filter, std::int64_t src, std::int64_t dst, std::int64_t begin, std::int64_t count,
               bool edges_whole, TapAxis& axis);

/// A share of one source pixel in one destination pixel (area filter). Sorted by dst, then src.
struct AreaShare {
  std::int64_t src = 0;
  std::int64_t dst = 0;  ///< counted from the first destination pixel of the run
  float weight = 0;
};

void make_shares(std::int64_t src, std::int64_t dst, std::int64_t begin, std::int64_t count,
                 std::vector<AreaShare>& shares);

}  // namespace octet
