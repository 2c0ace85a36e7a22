#include <algorithm>
#include <cstring>

#include "octet/executor/kernels/convert.h"
#include "octet/executor/kernels/transpose.h"

namespace octet::kernels {

namespace {

/// The axes of a padding in memory order.
struct PadAxes {
  struct Axis {
    std::int64_t size, before, after;
    [[nodiscard]] std::int64_t padded() const { return before + size + after; }
  };
  std::array<Axis, max_rank> axis{};
  std::size_t rank = 0;
  PadMode mode = PadMode::constant;
};

/// Index of the source element that destination index `i` shows; -1 for the constant.
std::int64_t source_index(std::int64_t i, const PadAxes::Axis& axis, PadMode mode) {
  const std::int64_t at = i - axis.before;
  if (at >= 0 && at < axis.size) return at;
  if (mode == PadMode::edge) return at < 0 ? 0 : axis.size - 1;
  if (mode == PadMode::reflect) return at < 0 ? -at : 2 * (axis.size - 1) - at;
  return -1;
}

/// Bytes below axis k of the source (src) and the destination (dst).
struct Strides {
  std::array<std::size_t, max_rank + 1> src{}, dst{};
};

template <class T>
void pad_axis(const PadAxes& axes, const Strides& strides, std::size_t k, const T* src, T* dst, T fill) {
  if (k == axes.rank) {
    *dst = *src;
    return;
  }
  const auto& axis = axes.axis[k];
  const bool whole_below = strides.src[k] == strides.dst[k];  // nothing is padded further in
  for (std::int64_t i = 0; i < axis.padded(); ++i) {
    const std::int64_t at = source_index(i, axis, axes.mode);
    T* to = dst + static_cast<std::size_t>(i) * strides.dst[k];
    if (at < 0) {
      std::fill_n(to, strides.dst[k], fill);
    } else if (whole_below) {
      // The part without padding is one copy.
      const bool inside = i == axis.before;
      const std::int64_t count = inside ? axis.size : 1;
      std::copy_n(src + static_cast<std::size_t>(at) * strides.src[k], static_cast<std::size_t>(count) * strides.src[k],
                  to);
      i += count - 1;
    } else {
      pad_axis(axes, strides, k + 1, src + static_cast<std::size_t>(at) * strides.src[k], to, fill);
    }
  }
}

}  // namespace

void pad(const PadOp& op, std::span<const std::int64_t> shape, Order order, const void* src, void* dst,
         Element type) noexcept {
  constexpr std::array<std::size_t, 4> nhwc{0, 2, 3, 1};
  PadAxes axes;
  axes.rank = shape.size();
  axes.mode = op.mode;
  for (std::size_t k = 0; k < axes.rank; ++k) {
    const std::size_t described = order == Order::nhwc ? nhwc[k] : k;
    axes.axis[k] = {shape[described], op.before[described], op.after[described]};
  }
  Strides strides;
  strides.src[axes.rank] = strides.dst[axes.rank] = 1;
  std::size_t src_step = 1;
  std::size_t dst_step = 1;
  for (std::size_t k = axes.rank; k-- > 0;) {
    strides.src[k] = src_step;
    strides.dst[k] = dst_step;
    src_step *= static_cast<std::size_t>(axes.axis[k].size);
    dst_step *= static_cast<std::size_t>(axes.axis[k].padded());
  }
  if (type.quantized()) {
    pad_axis(axes, strides, 0, static_cast<const std::uint8_t*>(src), static_cast<std::uint8_t*>(dst),
             static_cast<std::uint8_t>(quantize_one(op.value, type)));
  } else {
    pad_axis(axes, strides, 0, static_cast<const float*>(src), static_cast<float*>(dst), op.value);
  }
}

}  // namespace octet::kernels
