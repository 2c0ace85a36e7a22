#include "octet/executor/kernels/concat.h"

#include <algorithm>
#include <cstring>

#include "octet/executor/kernels/convert.h"

namespace octet::kernels {
namespace {

/// Short runs in pieces whose size the compiler knows: a call for each would cost more than the copy.
void copy_run(std::byte* to, const std::byte* from, std::size_t bytes) {
  if (bytes > 1024) {
    std::memcpy(to, from, bytes);
    return;
  }
  for (; bytes >= 64; bytes -= 64, to += 64, from += 64) std::memcpy(to, from, 64);
  for (; bytes >= 16; bytes -= 16, to += 16, from += 16) std::memcpy(to, from, 16);
  for (; bytes > 0; --bytes) *to++ = *from++;
}

}  // namespace

void concat(std::int64_t outer, std::span<const ConcatInput> inputs, void* dst, Element dst_type,
            std::int64_t dst_step) noexcept {
  const std::size_t dst_bytes = static_cast<std::size_t>(dst_step) * dst_type.bytes();
  for (const ConcatInput& input : inputs) {
    auto* to = static_cast<std::byte*>(dst) + static_cast<std::size_t>(input.at) * dst_type.bytes();
    const auto* from = static_cast<const std::byte*>(input.data);
    const auto run = static_cast<std::size_t>(input.run);
    const std::size_t src_bytes =
        static_cast<std::size_t>(input.step != 0 ? input.step : input.run) * input.type.bytes();
    const bool copies = input.type.same_as(dst_type);
    for (std::int64_t o = 0; o < outer; ++o, to += dst_bytes, from += src_bytes) {
      if (copies) {
        copy_run(to, from, run * dst_type.bytes());
      } else {
        convert(run, from, input.type, to, dst_type);
      }
    }
  }
}

}  // namespace octet::kernels
