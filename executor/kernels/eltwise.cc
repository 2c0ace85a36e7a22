#include "octet/executor/kernels/eltwise.h"

#include <algorithm>
#include <cmath>

#include "octet/executor/kernels/convert.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/eltwise.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

template <class D>
HWY_INLINE hn::Vec<D> leaky_relu(D d, hn::Vec<D> x, float alpha) {
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Mul(x, hn::Set(d, alpha)), x);
}

template <class D>
HWY_INLINE hn::Vec<D> clip(D d, hn::Vec<D> x, float low, float high) {
  const auto raised = hn::IfThenElse(hn::Gt(x, hn::Set(d, low)), x, hn::Set(d, low));
  return hn::IfThenElse(hn::Lt(raised, hn::Set(d, high)), raised, hn::Set(d, high));
}

template <class D>
HWY_INLINE hn::Vec<D> sigmoid(D d, hn::Vec<D> x) {
  const auto one = hn::Set(d, 1.0F);
  return hn::Div(one, hn::Add(one, exp(d, hn::Neg(x))));
}

/// With t = 1 - exp(-2 |x|): tanh |x| = t / (2 - t).
template <class D>
HWY_INLINE hn::Vec<D> tanh(D d, hn::Vec<D> x) {
  const auto t = hn::Neg(expm1_negative(d, hn::Mul(hn::Abs(x), hn::Set(d, -2.0F))));
  return hn::CopySign(hn::Div(t, hn::Sub(hn::Set(d, 2.0F), t)), x);
}

template <class D>
HWY_INLINE hn::Vec<D> softrelu(D d, hn::Vec<D> x) {
  const auto tail = log1p_unit(d, exp(d, hn::Neg(hn::Abs(x))));
  return hn::Add(hn::IfThenElse(hn::Lt(x, hn::Zero(d)), hn::Zero(d), x), tail);
}

template <class D>
HWY_INLINE hn::Vec<D> softsign(D d, hn::Vec<D> x) {
  return hn::Div(x, hn::Add(hn::Set(d, 1.0F), hn::Abs(x)));
}

template <class D>
HWY_INLINE hn::Vec<D> elu(D d, hn::Vec<D> x, float alpha) {
  const auto below = hn::Mul(hn::Set(d, alpha), expm1_negative(d, hn::Min(x, hn::Zero(d))));
  return hn::IfThenElse(hn::Lt(x, hn::Zero(d)), below, x);
}

template <class Function>
HWY_INLINE void map(std::size_t count, const float* src, float* dst, const Function& function) {
  for_each_vector(count,
                  [&](auto d, std::size_t i) HWY_ATTR { hn::StoreU(function(d, hn::LoadU(d, src + i)), d, dst + i); });
}

void eltwise_f32(const EltwiseOp& op, std::size_t count, const float* src, float* dst) {
  const float alpha = op.alpha;
  const float beta = op.beta;
  switch (op.kind) {
    case EltwiseKind::relu:
      return map(count, src, dst,
                 [](auto d, auto x) HWY_ATTR { return hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), x); });
    case EltwiseKind::leaky_relu:
      return map(count, src, dst, [=](auto d, auto x) HWY_ATTR { return leaky_relu(d, x, alpha); });
    case EltwiseKind::clip:
      return map(count, src, dst, [=](auto d, auto x) HWY_ATTR { return clip(d, x, alpha, beta); });
    case EltwiseKind::sigmoid: return map(count, src, dst, [](auto d, auto x) HWY_ATTR { return sigmoid(d, x); });
    case EltwiseKind::tanh: return map(count, src, dst, [](auto d, auto x) HWY_ATTR { return tanh(d, x); });
    case EltwiseKind::softrelu: return map(count, src, dst, [](auto d, auto x) HWY_ATTR { return softrelu(d, x); });
    case EltwiseKind::softsign: return map(count, src, dst, [](auto d, auto x) HWY_ATTR { return softsign(d, x); });
    case EltwiseKind::elu: return map(count, src, dst, [=](auto d, auto x) HWY_ATTR { return elu(d, x, alpha); });
    case EltwiseKind::linear:
      return map(count, src, dst,
                 [=](auto d, auto x) HWY_ATTR { return hn::Add(hn::Mul(x, hn::Set(d, alpha)), hn::Set(d, beta)); });
    case EltwiseKind::exp: return map(count, src, dst, [](auto d, auto x) HWY_ATTR { return exp(d, x); });
    case EltwiseKind::sqrt: return map(count, src, dst, [](auto, auto x) HWY_ATTR { return hn::Sqrt(x); });
    case EltwiseKind::square: return map(count, src, dst, [](auto, auto x) HWY_ATTR { return hn::Mul(x, x); });
    case EltwiseKind::abs: return map(count, src, dst, [](auto, auto x) HWY_ATTR { return hn::Abs(x); });
    case EltwiseKind::reciprocal:
      return map(count, src, dst, [=](auto d, auto x) HWY_ATTR { return hn::Div(hn::Set(d, alpha), x); });
    default: break;  // by the caller, without vectors
  }
}

template <class A, class B, class Dst>
void add_as(std::size_t count, const void* a, float a_scale, const void* b, float b_scale, void* dst, float dst_scale,
            bool relu) {
  const auto* left = static_cast<const A*>(a);
  const auto* right = static_cast<const B*>(b);
  auto* to = static_cast<Dst*>(dst);
  for_each_vector(count, [=](auto d, std::size_t i) HWY_ATTR {
    auto x = hn::Add(load_real(d, left + i, hn::Set(d, a_scale)), load_real(d, right + i, hn::Set(d, b_scale)));
    if (relu) x = hn::IfThenElseZero(hn::Gt(x, hn::Zero(d)), x);
    store_real(d, x, hn::Set(d, dst_scale), to + i);
  });
}

template <class A, class B>
void add_two(std::size_t count, const void* a, float a_scale, const void* b, float b_scale, void* dst, Element dst_type,
             bool relu) {
  const float scale = dst_type.scale;
  if (dst_type.dtype == DType::u8) return add_as<A, B, std::uint8_t>(count, a, a_scale, b, b_scale, dst, scale, relu);
  if (dst_type.dtype == DType::s8) return add_as<A, B, std::int8_t>(count, a, a_scale, b, b_scale, dst, scale, relu);
  add_as<A, B, float>(count, a, a_scale, b, b_scale, dst, 1, relu);
}

template <class A>
void add_first(std::size_t count, const void* a, float a_scale, const void* b, Element b_type, void* dst,
               Element dst_type, bool relu) {
  if (b_type.dtype == DType::u8) {
    return add_two<A, std::uint8_t>(count, a, a_scale, b, b_type.scale, dst, dst_type, relu);
  }
  if (b_type.dtype == DType::s8) {
    return add_two<A, std::int8_t>(count, a, a_scale, b, b_type.scale, dst, dst_type, relu);
  }
  add_two<A, float>(count, a, a_scale, b, 1, dst, dst_type, relu);
}

void add_relu(std::size_t count, const void* a, Element a_type, const void* b, Element b_type, void* dst,
              Element dst_type, bool relu) {
  if (a_type.dtype == DType::u8) {
    return add_first<std::uint8_t>(count, a, a_type.scale, b, b_type, dst, dst_type, relu);
  }
  if (a_type.dtype == DType::s8) {
    return add_first<std::int8_t>(count, a, a_type.scale, b, b_type, dst, dst_type, relu);
  }
  add_first<float>(count, a, 1, b, b_type, dst, dst_type, relu);
}

void scale_shift_rows(const AxisView& view, const float* scale, const float* shift, const float* src, float* dst) {
  const auto channels = static_cast<std::size_t>(view.axis);
  const auto inner = static_cast<std::size_t>(view.inner);
  for (std::int64_t o = 0; o < view.outer; ++o) {
    if (inner == 1) {
      for_each_vector(channels, [=](auto d, std::size_t c) HWY_ATTR {
        hn::StoreU(hn::Add(hn::Mul(hn::LoadU(d, src + c), hn::LoadU(d, scale + c)), hn::LoadU(d, shift + c)), d,
                   dst + c);
      });
      src += channels;
      dst += channels;
      continue;
    }
    for (std::size_t c = 0; c < channels; ++c, src += inner, dst += inner) {
      const float factor = scale[c];
      const float offset = shift[c];
      map(inner, src, dst,
          [=](auto d, auto x) HWY_ATTR { return hn::Add(hn::Mul(x, hn::Set(d, factor)), hn::Set(d, offset)); });
    }
  }
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(eltwise_f32);
HWY_EXPORT(add_relu);
HWY_EXPORT(scale_shift_rows);

namespace {

/// Rare functions, one number at a time.
template <class Function>
void each(std::size_t count, const float* src, float* dst, Function function) noexcept {
  for (std::size_t i = 0; i < count; ++i) dst[i] = static_cast<float>(function(src[i]));
}

}  // namespace

void eltwise(const EltwiseOp& op, std::size_t count, const float* src, float* dst) noexcept {
  const float alpha = op.alpha;
  switch (op.kind) {
    case EltwiseKind::log: return each(count, src, dst, [](float x) { return std::log(x); });
    case EltwiseKind::gelu:
      return each(count, src, dst, [](float x) { return x / 2 * std::erfc(-x * std::sqrt(0.5F)); });
    case EltwiseKind::power: return each(count, src, dst, [=](float x) { return std::pow(x, alpha); });
    case EltwiseKind::greater: return each(count, src, dst, [=](float x) { return x > alpha ? 1 : 0; });
    case EltwiseKind::greater_equal: return each(count, src, dst, [=](float x) { return x >= alpha ? 1 : 0; });
    case EltwiseKind::lesser: return each(count, src, dst, [=](float x) { return x < alpha ? 1 : 0; });
    case EltwiseKind::lesser_equal: return each(count, src, dst, [=](float x) { return x <= alpha ? 1 : 0; });
    case EltwiseKind::equal: return each(count, src, dst, [=](float x) { return x == alpha ? 1 : 0; });
    case EltwiseKind::not_equal: return each(count, src, dst, [=](float x) { return x != alpha ? 1 : 0; });
    default: break;
  }
  HWY_DYNAMIC_DISPATCH(eltwise_f32)(op, count, src, dst);
}

void eltwise_table(std::span<const EltwiseOp> ops, Element src_type, Element dst_type, void* table) noexcept {
  std::array<std::uint8_t, 256> patterns{};
  for (std::size_t p = 0; p < 256; ++p) patterns[p] = static_cast<std::uint8_t>(p);
  std::array<float, 256> x{};
  convert(256, patterns.data(), src_type, x.data(), {});
  for (const EltwiseOp& op : ops) eltwise(op, 256, x.data(), x.data());
  convert(256, x.data(), {}, table, dst_type);
}

void apply_table(std::size_t count, const void* src, const void* table, void* dst, Element dst_type) noexcept {
  const auto* from = static_cast<const std::uint8_t*>(src);
  if (dst_type.quantized()) {
    const auto* bytes = static_cast<const std::uint8_t*>(table);
    for (std::size_t i = 0; i < count; ++i) static_cast<std::uint8_t*>(dst)[i] = bytes[from[i]];
  } else {
    const auto* floats = static_cast<const float*>(table);
    for (std::size_t i = 0; i < count; ++i) static_cast<float*>(dst)[i] = floats[from[i]];
  }
}

void add(std::size_t count, const void* a, Element a_type, const void* b, Element b_type,
         std::span<const EltwiseOp> ops, void* dst, Element dst_type) noexcept {
  if (ops.empty() || (ops.size() == 1 && ops[0].kind == EltwiseKind::relu)) {
    return HWY_DYNAMIC_DISPATCH(add_relu)(count, a, a_type, b, b_type, dst, dst_type, !ops.empty());
  }
  // Any other function works on real values, block by block in the cache.
  constexpr std::size_t block_size = 1024;
  std::array<float, block_size> x;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  for (std::size_t i = 0; i < count; i += block_size) {
    const std::size_t n = std::min(block_size, count - i);
    HWY_DYNAMIC_DISPATCH(add_relu)
    (n, static_cast<const char*>(a) + i * a_type.bytes(), a_type, static_cast<const char*>(b) + i * b_type.bytes(),
     b_type, x.data(), {}, false);
    for (const EltwiseOp& op : ops) eltwise(op, n, x.data(), x.data());
    convert(n, x.data(), {}, static_cast<char*>(dst) + i * dst_type.bytes(), dst_type);
  }
}

void scale_shift(const AxisView& view, const float* scale, const float* shift, const float* src, float* dst) noexcept {
  HWY_DYNAMIC_DISPATCH(scale_shift_rows)(view, scale, shift, src, dst);
}

void batch_norm_constants(const BatchNormOp& op, std::size_t channels, const float* gamma, const float* beta,
                          const float* mean, const float* var, float* scale, float* shift) noexcept {
  for (std::size_t c = 0; c < channels; ++c) {
    const double factor = (op.fix_gamma ? 1.0 : gamma[c]) / std::sqrt(var[c] + op.eps);
    scale[c] = static_cast<float>(factor);
    shift[c] = static_cast<float>(beta[c] - mean[c] * factor);
  }
}

}  // namespace octet::kernels
#endif
