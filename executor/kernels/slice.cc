#include "octet/executor/kernels/slice.h"

#include <cstring>  // std::memcpy

namespace octet::kernels {
namespace {

/// An axis in memory: strides are in bytes.
struct Axis {
  std::int64_t count = 1, stride = 0;
};

/// One row of elements that are not neighbours.
void copy_strided(const Axis& axis, std::size_t element_bytes, const std::byte* src, std::byte*& dst) {
  for (std::int64_t i = 0; i < axis.count; ++i, src += axis.stride, dst += element_bytes) {
    if (element_bytes == 4) {
      std::memcpy(dst, src, 4);
    } else {
      *dst = *src;
    }
  }
}

void copy(std::span<const Axis> axes, std::size_t element_bytes, const std::byte* src, std::byte*& dst) {
  const Axis& axis = axes.front();
  if (axes.size() > 1) {
    for (std::int64_t i = 0; i < axis.count; ++i, src += axis.stride) {
      copy(axes.subspan(1), element_bytes, src, dst);
    }
  } else if (axis.stride == static_cast<std::int64_t>(element_bytes)) {
    const std::size_t bytes = static_cast<std::size_t>(axis.count) * element_bytes;
    std::memcpy(dst, src, bytes);
    dst += bytes;
  } else {
    copy_strided(axis, element_bytes, src, dst);
  }
}

}  // namespace

void slice(std::span<const std::int64_t> shape, std::span<const AxisPart> parts, Order order, std::size_t element_bytes,
           const void* src, void* dst) noexcept {
  const std::size_t rank = shape.size();
  if (rank == 0 || rank > max_rank || parts.size() != rank) return;
  static constexpr std::array<std::size_t, 4> kNhwc{0, 2, 3, 1};
  std::array<Axis, max_rank> axes{};
  std::size_t used = 0;  // a whole axis inside the last one is one with it
  auto stride = static_cast<std::int64_t>(element_bytes);
  const auto* from = static_cast<const std::byte*>(src);
  for (std::size_t i = rank; i-- > 0;) {
    const std::size_t axis = order == Order::nhwc && rank == 4 ? kNhwc[i] : i;
    const AxisPart& part = parts[axis];
    from += part.begin * stride;
    const bool continues = used > 0 && part.step == 1 && axes[used - 1].stride * axes[used - 1].count == stride;
    if (continues) {
      axes[used - 1].count *= part.count;
    } else {
      axes[used++] = {part.count, part.step * stride};
    }
    stride *= shape[axis];
  }
  std::array<Axis, max_rank> outer_first{};
  for (std::size_t i = 0; i < used; ++i) outer_first[i] = axes[used - 1 - i];
  auto* to = static_cast<std::byte*>(dst);
  copy(std::span<const Axis>(outer_first.data(), used), element_bytes, from, to);
}

}  // namespace octet::kernels
