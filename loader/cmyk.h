// Four-component JPEG samples to the network's colours.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::uint8_t

#include "octet/graph/preprocess.h"

namespace octet {

/// Converts `count` pixels of C, M, Y, K in place order to `color`. `inverted`: 255 means no ink, as
/// files with an Adobe marker store it. R = C * K / 255 of inverted samples, rounded; gray is the
/// luma 0.299 R + 0.587 G + 0.114 B. `dst` may be `src`.
void convert_cmyk(const std::uint8_t* src, std::size_t count, bool inverted, Color color, std::uint8_t* dst);

}  // namespace octet
