#include "octet/executor/kernels/convert.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/convert.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

template <class Src, class Dst>
void convert_as(std::size_t count, const void* src, float src_scale, void* dst, float dst_scale) {
  const auto* from = static_cast<const Src*>(src);
  auto* to = static_cast<Dst*>(dst);
  for_each_vector(count, [=](auto d, std::size_t i) HWY_ATTR {
    store_real(d, load_real(d, from + i, hn::Set(d, src_scale)), hn::Set(d, dst_scale), to + i);
  });
}

template <class Src>
void convert_from(std::size_t count, const void* src, float src_scale, void* dst, Element dst_type) {
  if (dst_type.dtype == DType::u8) return convert_as<Src, std::uint8_t>(count, src, src_scale, dst, dst_type.scale);
  if (dst_type.dtype == DType::s8) return convert_as<Src, std::int8_t>(count, src, src_scale, dst, dst_type.scale);
  convert_as<Src, float>(count, src, src_scale, dst, 1);
}

void convert_all(std::size_t count, const void* src, Element src_type, void* dst, Element dst_type) {
  if (src_type.dtype == DType::u8) return convert_from<std::uint8_t>(count, src, src_type.scale, dst, dst_type);
  if (src_type.dtype == DType::s8) return convert_from<std::int8_t>(count, src, src_type.scale, dst, dst_type);
  convert_from<float>(count, src, 1, dst, dst_type);
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(convert_all);

int quantize_one(float x, Element dst) noexcept {
  const bool is_unsigned = dst.dtype == DType::u8;
  const float q = x / dst.scale;
  if (std::isnan(q)) return 0;
  return static_cast<int>(std::nearbyint(std::clamp(q, is_unsigned ? 0.0F : -128.0F, is_unsigned ? 255.0F : 127.0F)));
}

void convert(std::size_t count, const void* src, Element src_type, void* dst, Element dst_type) noexcept {
  if (!src_type.same_as(dst_type)) return HWY_DYNAMIC_DISPATCH(convert_all)(count, src, src_type, dst, dst_type);
  if (src != dst && count != 0) std::memcpy(dst, src, count * src_type.bytes());
}

void normalize_table(const NormalizeOp& op, Element dst_type, void* table) noexcept {
  for (std::size_t c = 0; c < op.mean.size(); ++c) {
    for (std::size_t pixel = 0; pixel < 256; ++pixel) {
      const float x = (static_cast<float>(pixel) - op.mean[c]) / op.std[c];
      if (dst_type.quantized()) {
        static_cast<std::uint8_t*>(table)[c * 256 + pixel] = static_cast<std::uint8_t>(quantize_one(x, dst_type));
      } else {
        static_cast<float*>(table)[c * 256 + pixel] = x;
      }
    }
  }
}

namespace {

template <class T>
void look_up(std::size_t pixels, std::size_t channels, const std::uint8_t* src, const T* table, T* dst) {
  if (channels == 3) {  // the common case, without the inner loop
    for (std::size_t i = 0; i < pixels; ++i, src += 3, dst += 3) {
      dst[0] = table[src[0]];
      dst[1] = table[256 + src[1]];
      dst[2] = table[512 + src[2]];
    }
    return;
  }
  for (std::size_t i = 0; i < pixels; ++i) {
    for (std::size_t c = 0; c < channels; ++c) *dst++ = table[c * 256 + *src++];
  }
}

}  // namespace

void normalize(std::size_t pixels, std::size_t channels, const std::uint8_t* src, const void* table, void* dst,
               Element dst_type) noexcept {
  if (dst_type.quantized()) {
    look_up(pixels, channels, src, static_cast<const std::uint8_t*>(table), static_cast<std::uint8_t*>(dst));
  } else {
    look_up(pixels, channels, src, static_cast<const float*>(table), static_cast<float*>(dst));
  }
}

}  // namespace octet::kernels
#endif
