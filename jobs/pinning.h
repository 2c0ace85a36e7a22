// Whether workers stay on one core each.
#pragma once

#include <cstdint>  // std::uint8_t

namespace octet {

enum class Pinning : std::uint8_t {
  none,       ///< the operating system moves workers as it likes
  automatic,  ///< as `cores` where there is a worker for each core that the calling thread may use, else as `none`
  cores,      ///< each worker has a core of its own while it works; hyperthreads come last (see stage/processors.h)
};

}  // namespace octet
