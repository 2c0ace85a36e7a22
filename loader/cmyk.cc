#include "octet/loader/cmyk.h"

namespace octet {
namespace {

/// a * b / 255, rounded.
std::uint8_t product(int a, int b) { return static_cast<std::uint8_t>((a * b + 127) / 255); }

std::uint8_t luma(int r, int g, int b) {
  constexpr int bits = 14;
  return static_cast<std::uint8_t>((r * 4899 + g * 9617 + b * 1868 + (1 << (bits - 1))) >> bits);
}

}  // namespace

void convert_cmyk(const std::uint8_t* src, std::size_t count, bool inverted, Color color, std::uint8_t* dst) {
  const std::uint8_t flip = inverted ? 0 : 255;
  for (std::size_t i = 0; i < count; ++i, src += 4) {
    const int k = src[3] ^ flip;
    const std::uint8_t r = product(src[0] ^ flip, k);
    const std::uint8_t g = product(src[1] ^ flip, k);
    const std::uint8_t b = product(src[2] ^ flip, k);
    if (color == Color::gray) {
      *dst++ = luma(r, g, b);
      continue;
    }
    *dst++ = color == Color::rgb ? r : b;
    *dst++ = g;
    *dst++ = color == Color::rgb ? b : r;
  }
}

}  // namespace octet
