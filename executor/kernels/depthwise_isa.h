// The depthwise kernel per instruction set; depthwise.h chooses.
#pragma once

#include "octet/executor/kernels/depthwise.h"

namespace octet::kernels {

/// One image. The machine must have the instruction set.
void depthwise_avx512_vnni(const DepthwisePlan& plan, const std::byte* packed, const std::uint8_t* src, std::byte* dst,
                           std::byte* scratch) noexcept;
void depthwise_avx2(const DepthwisePlan& plan, const std::byte* packed, const std::uint8_t* src, std::byte* dst,
                    std::byte* scratch) noexcept;

}  // namespace octet::kernels
