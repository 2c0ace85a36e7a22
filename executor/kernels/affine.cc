#include "octet/executor/kernels/affine.h"

#include <type_traits>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/affine.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

template <bool kRelu, class Src, class Dst>
void affine_rows(const AffineShape& shape, const float* factor, const float* offset, const void* src, void* dst) {
  const auto* from = static_cast<const Src*>(src);
  auto* to = static_cast<Dst*>(dst);
  for (std::size_t row = 0; row < shape.rows; ++row, from += shape.src_step, to += shape.dst_step) {
    for_each_vector(shape.channels, [=](auto d, std::size_t c) HWY_ATTR {
      auto t = hn::Add(hn::Mul(load_stored(d, from + c), hn::LoadU(d, factor + c)), hn::LoadU(d, offset + c));
      if (kRelu) t = hn::IfThenElseZero(hn::Gt(t, hn::Zero(d)), t);
      store_steps(d, t, to + c);
    });
  }
}

template <class Src, class Dst>
void affine_to(const AffineShape& shape, const float* factor, const float* offset, bool relu, const void* src,
               void* dst) {
  // u8 saturates at 0 anyway.
  if (relu && !std::is_same_v<Dst, std::uint8_t>) return affine_rows<true, Src, Dst>(shape, factor, offset, src, dst);
  affine_rows<false, Src, Dst>(shape, factor, offset, src, dst);
}

template <class Src>
void affine_from(const AffineShape& shape, const float* factor, const float* offset, bool relu, const void* src,
                 void* dst, DType dst_type) {
  if (dst_type == DType::u8) return affine_to<Src, std::uint8_t>(shape, factor, offset, relu, src, dst);
  if (dst_type == DType::s8) return affine_to<Src, std::int8_t>(shape, factor, offset, relu, src, dst);
  affine_to<Src, float>(shape, factor, offset, relu, src, dst);
}

void affine_all(const AffineShape& shape, const float* factor, const float* offset, bool relu, const void* src,
                DType src_type, void* dst, DType dst_type) {
  if (src_type == DType::u8) return affine_from<std::uint8_t>(shape, factor, offset, relu, src, dst, dst_type);
  if (src_type == DType::s8) return affine_from<std::int8_t>(shape, factor, offset, relu, src, dst, dst_type);
  affine_from<float>(shape, factor, offset, relu, src, dst, dst_type);
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(affine_all);

AffineConstants affine_constants(std::span<const float> scale, std::span<const float> shift, Element src, Element dst) {
  const double from = src.quantized() ? src.scale : 1.0;
  const double to = dst.quantized() ? dst.scale : 1.0;
  AffineConstants constants;
  for (std::size_t c = 0; c < scale.size(); ++c) {
    constants.factor.push_back(static_cast<float>(scale[c] * from / to));
    constants.offset.push_back(static_cast<float>(shift[c] / to));
  }
  return constants;
}

void affine(const AffineShape& shape, const float* factor, const float* offset, bool relu, const void* src,
            DType src_type, void* dst, DType dst_type) noexcept {
  HWY_DYNAMIC_DISPATCH(affine_all)(shape, factor, offset, relu, src, src_type, dst, dst_type);
}

}  // namespace octet::kernels
#endif
