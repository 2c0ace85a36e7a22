// Vocabulary of octet's own compute kernels.
//
// Kernels are plain functions on raw pointers. They run on the calling thread, allocate nothing,
// never fail, and compute an image's result from that image alone. Hot loops are compiled for
// several instruction sets and chosen at run time (Highway); every target yields the same bits:
// sums have a fixed order and a * b + c is never contracted. All functions may be called from any
// number of threads at once. Pointers need the alignment of their element type only. `src` and
// `dst` must not overlap unless a kernel says that they may be equal.
#pragma once

#include <array>    // std::array
#include <cstddef>  // std::size_t
#include <cstdint>  // std::int64_t
#include <span>     // std::span

#include "octet/graph/tensor.h"

namespace octet::kernels {

/// How one element is stored: f32, or u8 / s8 with real value = stored * scale.
struct Element {
  DType dtype = DType::f32;  ///< f32, u8 or s8
  float scale = 0;           ///< > 0 and finite for u8 and s8, ignored for f32
  [[nodiscard]] bool quantized() const noexcept { return dtype != DType::f32; }
  [[nodiscard]] std::size_t bytes() const noexcept { return quantized() ? 1 : 4; }
  /// The same bytes mean the same values.
  [[nodiscard]] bool same_as(const Element& other) const noexcept {
    return dtype == other.dtype && (!quantized() || scale == other.scale);
  }
};

/// Order in memory of a value whose shape is given in the graph's (NCHW) order.
enum class Order : std::uint8_t {
  row_major,  ///< as described
  nhwc,       ///< 4-D only: axes 0, 2, 3, 1 from the outermost to the innermost
};

/// The largest rank that kernels take.
inline constexpr std::size_t max_rank = 8;

/// Sizes of a value seen from one axis, in memory order: element (o, a, i) lies at
/// (o * axis + a) * inner + i.
struct AxisView {
  std::int64_t outer = 1, axis = 1, inner = 1;
};

/// View of `shape` (NCHW order) from `axis` (0 <= axis < rank) as it lies in memory. For Order::nhwc
/// axis 1 is the innermost: outer = N * H * W, axis = C, inner = 1.
AxisView axis_view(std::span<const std::int64_t> shape, std::size_t axis, Order order) noexcept;

}  // namespace octet::kernels
