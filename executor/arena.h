// Where buffers with known lifetimes lie in one block of memory.
#pragma once

#include <cstddef>  // std::size_t
#include <cstdint>  // std::int32_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace octet {

/// A buffer that is in use from step `first` to step `last`, both included.
struct Lifetime {
  std::size_t bytes = 0;
  std::int32_t first = 0, last = 0;
};

struct ArenaPlan {
  std::vector<std::size_t> offsets;  ///< per buffer, multiples of kAlignment
  std::size_t bytes = 0;             ///< of the whole arena
};

/// Places the buffers so that no two that live at the same time overlap: largest first, each into
/// the tightest gap that fits. With `reuse` off every buffer has its own place.
ArenaPlan place(std::span<const Lifetime> buffers, bool reuse);

}  // namespace octet
