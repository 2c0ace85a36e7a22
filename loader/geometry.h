// Where a picture's pixels go: MXNet's resize and centre-crop rules as pure arithmetic.
#pragma once

#include <array>    // std::array
#include <cstdint>  // std::int64_t
#include <span>     // std::span

#include "octet/graph/preprocess.h"
#include "octet/graph/result.h"

namespace octet {

/// Width and height in pixels.
struct Size {
  std::int64_t width = 0, height = 0;
  bool operator==(const Size&) const = default;
};

/// A rectangle of pixels: columns x .. x + width - 1, rows y .. y + height - 1.
struct Window {
  std::int64_t x = 0, y = 0, width = 0, height = 0;
  bool operator==(const Window&) const = default;
};

/// The resizes from the stored picture to the one that is cropped, in order, and the crop. MXNet
/// resizes in up to three steps (the shorter side; then up to the crop's height; then up to its
/// width), each on the 8-bit result of the one before, so the steps cannot be merged into one.
struct Geometry {
  std::array<Size, 3> steps{};           ///< size after each step
  std::array<Interpolation, 3> kinds{};  ///< of each step; never automatic
  std::size_t count = 0;                 ///< steps in use; steps that change nothing are left out
  Window crop;                           ///< in the last step's picture (the stored one when count is 0)
  std::int64_t left = 0, top = 0;        ///< where in the input the crop goes: letterbox leaves room around it

  [[nodiscard]] std::span<const Size> resizes() const noexcept { return {steps.data(), count}; }
};

/// What Interpolation::automatic means for a resize; others mean themselves.
Interpolation interpolation_for(Interpolation wanted, Size from, Size to) noexcept;

/// The geometry for a stored picture of `stored` pixels (both sides 1 or more, at most 2^31).
/// shorter_side: the shorter side becomes resize_short and the other floor(resize_short * other /
/// shorter); pictures smaller than the crop are scaled up to its height, width trunc(float(h) / rows
/// * cols), then to its width likewise (automatic interpolation: as from the size before to the crop's); the crop
/// starts at floor((rows - h) / 2), floor((cols - w) / 2). warp: one resize to the input's size. none: Error(bad_image)
/// unless the sizes are equal. letterbox: one resize to the largest size with the picture's aspect that fits; the side
/// that is not the input's is floor(other side
/// * its ratio), at least 1; it goes to floor((H - h) / 2), floor((W - w) / 2).
Result<Geometry> plan_geometry(Size stored, const Preprocess& preprocess);

}  // namespace octet
