#include "octet/executor/kernels/concat.h"

#include "octet/executor/kernels/convert.h"

namespace octet::kernels {

void concat(std::int64_t outer, std::span<const ConcatInput> inputs, void* dst, Element dst_type) noexcept {
  auto* to = static_cast<std::byte*>(dst);
  for (std::int64_t o = 0; o < outer; ++o) {
    for (const ConcatInput& input : inputs) {
      const auto run = static_cast<std::size_t>(input.run);
      const auto* from =
          static_cast<const std::byte*>(input.data) + static_cast<std::size_t>(o) * run * input.type.bytes();
      convert(run, from, input.type, to, dst_type);
      to += run * dst_type.bytes();
    }
  }
}

}  // namespace octet::kernels
