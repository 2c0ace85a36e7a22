#include "octet/jobs/draw/color.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace octet {
namespace {

constexpr double kGoldenAngle = 137.50776405003785;  // degrees

// One channel of HSL (the CSS formula): n is 0 for red, 8 for green, 4 for blue.
std::uint8_t hsl_channel(double n, double hue, double saturation, double lightness) {
  const double k = std::fmod(n + hue / 30, 12);
  const double a = saturation * std::min(lightness, 1 - lightness);
  const double value = lightness - a * std::max(-1.0, std::min({k - 3, 9 - k, 1.0}));
  return static_cast<std::uint8_t>(std::lround(255 * std::clamp(value, 0.0, 1.0)));
}

double linear(std::uint8_t channel) {
  const double c = channel / 255.0;
  return c <= 0.04045 ? c / 12.92 : std::pow((c + 0.055) / 1.055, 2.4);
}

}  // namespace

Rgb class_color(int id) noexcept {
  constexpr std::array<double, 3> lightness{0.52, 0.66, 0.40};
  const auto step = static_cast<unsigned>(id);
  const double hue = std::fmod(kGoldenAngle * step, 360);
  const double light = lightness[step % lightness.size()];
  return {hsl_channel(0, hue, 0.88, light), hsl_channel(8, hue, 0.88, light), hsl_channel(4, hue, 0.88, light)};
}

double luminance(Rgb color) noexcept {
  return 0.2126 * linear(color.red) + 0.7152 * linear(color.green) + 0.0722 * linear(color.blue);
}

double contrast(Rgb a, Rgb b) noexcept {
  const double x = luminance(a) + 0.05;
  const double y = luminance(b) + 0.05;
  return std::max(x, y) / std::min(x, y);
}

Rgb text_color(Rgb background) noexcept {
  return contrast(background, kBlack) >= contrast(background, kWhite) ? kBlack : kWhite;
}

}  // namespace octet
