// One colour per class.
#pragma once

#include <cstdint>  // std::uint8_t

namespace octet {

struct Rgb {
  std::uint8_t red = 0, green = 0, blue = 0;
  bool operator==(const Rgb&) const = default;
};

inline constexpr Rgb kBlack{0, 0, 0}, kWhite{255, 255, 255};

/// The colour of a class: the same in every run, and far from those of neighbouring ids (hues a golden
/// angle apart, lightness in three steps).
Rgb class_color(int id) noexcept;

/// Relative luminance, 0..1 (WCAG 2.1).
double luminance(Rgb color) noexcept;
/// Contrast ratio of two colours, 1..21 (WCAG 2.1).
double contrast(Rgb a, Rgb b) noexcept;
/// Black or white, whichever reads better on `background`: a contrast of at least 4.5.
Rgb text_color(Rgb background) noexcept;

}  // namespace octet
