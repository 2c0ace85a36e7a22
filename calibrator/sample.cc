#include "octet/calibrator/sample.h"

#include <algorithm>  // std::min

namespace octet {
namespace {

__extension__ using U128 = unsigned __int128;

std::uint64_t splitmix64(std::uint64_t& state) {
  std::uint64_t z = (state += 0x9e3779b97f4a7c15U);
  z = (z ^ (z >> 30U)) * 0xbf58476d1ce4e5b9U;
  z = (z ^ (z >> 27U)) * 0x94d049bb133111ebU;
  return z ^ (z >> 31U);
}

}  // namespace

std::vector<std::uint64_t> sample_indices(std::uint64_t n, std::uint64_t count, std::uint64_t seed) {
  count = std::min(count, n);
  std::vector<std::uint64_t> indices(count);
  std::uint64_t state = seed;
  for (std::uint64_t i = 0; i < count; ++i) {
    const auto first = static_cast<std::uint64_t>(U128{n} * i / count);
    const auto last = static_cast<std::uint64_t>(U128{n} * (i + 1) / count);
    // The high half of the product maps 64 random bits to [0, last - first).
    const auto offset = static_cast<std::uint64_t>((U128{splitmix64(state)} * (last - first)) >> 64U);
    indices[i] = first + offset;
  }
  return indices;
}

}  // namespace octet
