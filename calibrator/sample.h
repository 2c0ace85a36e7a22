// Which images of a large data set calibration looks at.
#pragma once

#include <cstdint>  // std::uint64_t
#include <vector>   // std::vector

namespace octet {

/// `count` distinct indices below `n`, ascending, spread over the whole data: [0, n) is cut into
/// `count` strata of equal size (to rounding) and one index is drawn from each. All indices when
/// `count` >= n. A pure function of its arguments: the generator is splitmix64 (Steele, Lea and
/// Flood, "Fast splittable pseudorandom number generators", 2014), so the choice never changes
/// between machines or libraries.
std::vector<std::uint64_t> sample_indices(std::uint64_t n, std::uint64_t count, std::uint64_t seed);

}  // namespace octet
