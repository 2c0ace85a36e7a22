#include "octet/executor/kernels/requantize.h"

#include <algorithm>
#include <cstring>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "octet/executor/kernels/requantize.cc"
#include <hwy/foreach_target.h>
// Behind foreach_target.h, as Highway wants it.
#include "octet/executor/kernels/simd-inl.h"

HWY_BEFORE_NAMESPACE();
namespace octet::kernels::HWY_NAMESPACE {

using SumFunction = Requantize::Function;

/// What one run of filters reads and writes.
template <class Operand, class Dst>
struct FilterRun {
  const std::int32_t* sums = nullptr;
  const std::int32_t* seconds = nullptr;  ///< null: none
  const Operand* operand = nullptr;
  Dst* dst = nullptr;
};

template <class D, class Operand, class Dst>
HWY_INLINE void requantize_vector(D d, const Requantize& r, std::size_t filter, std::size_t i,
                                  const FilterRun<Operand, Dst>& run) {
  const hn::RebindToSigned<D> di;
  auto sum = hn::Add(hn::LoadU(di, run.sums + i), hn::LoadU(di, r.offset.data() + filter + i));
  if (run.seconds != nullptr) sum = hn::Add(sum, hn::LoadU(di, run.seconds + i));
  auto t = hn::ConvertTo(d, sum);
  if (!r.bias.empty()) t = hn::Add(t, hn::ConvertTo(d, hn::LoadU(di, r.bias.data() + filter + i)));
  t = hn::Mul(t, hn::LoadU(d, r.scale.data() + filter + i));
  for (const SumFunction& f : r.functions) {
    const auto a = hn::Set(d, f.a);
    if (f.kind == SumFunction::Kind::sum) {
      // oneDNN fuses here, so that this must, too.
      t = hn::MulAdd(load_stored(d, run.operand + i), a, t);
    } else if (f.kind == SumFunction::Kind::relu) {
      t = hn::IfThenElse(hn::Gt(t, hn::Zero(d)), t, hn::Mul(t, a));
    } else if (f.kind == SumFunction::Kind::add) {
      t = hn::Add(t, a);
    } else {
      t = hn::Min(hn::Max(t, a), hn::Set(d, f.b));
    }
  }
  store_steps(d, t, run.dst + i);
}

template <class Operand, class Dst>
void requantize_as(const Requantize& r, std::size_t pixels, const std::int32_t* sums, const void* operand, void* dst) {
  const auto filters = static_cast<std::size_t>(r.layout.filters), seconds = static_cast<std::size_t>(r.layout.seconds);
  const auto* with = static_cast<const Operand*>(operand);
  auto* to = static_cast<Dst*>(dst);
  for (std::size_t p = 0; p < pixels; ++p) {
    for (std::size_t g = 0; g < static_cast<std::size_t>(r.layout.groups); ++g, sums += filters + seconds) {
      for (std::size_t block = 0, first = 0; first < filters; ++block, first += kSplitBlock) {
        const std::size_t n = std::min<std::size_t>(kSplitBlock, filters - first);
        const std::int64_t second = r.layout.second_of[block];
        const FilterRun<Operand, Dst> run{sums + first, second < 0 ? nullptr : sums + filters + second,
                                          with == nullptr ? nullptr : with + first, to + first};
        const std::size_t filter = g * filters + first;
        for_each_vector(n, [&](auto d, std::size_t i) HWY_ATTR { requantize_vector(d, r, filter, i, run); });
      }
      if (with != nullptr) with += filters;
      to += filters;
    }
  }
}

template <class Operand>
void requantize_from(const Requantize& r, std::size_t pixels, const std::int32_t* sums, const void* operand,
                     void* dst) {
  if (r.dst == DType::u8) return requantize_as<Operand, std::uint8_t>(r, pixels, sums, operand, dst);
  if (r.dst == DType::s8) return requantize_as<Operand, std::int8_t>(r, pixels, sums, operand, dst);
  requantize_as<Operand, float>(r, pixels, sums, operand, dst);
}

void requantize_all(const Requantize& r, std::size_t pixels, const std::int32_t* sums, const void* operand, void* dst) {
  if (r.operand == DType::u8) return requantize_from<std::uint8_t>(r, pixels, sums, operand, dst);
  if (r.operand == DType::s8) return requantize_from<std::int8_t>(r, pixels, sums, operand, dst);
  requantize_from<float>(r, pixels, sums, operand, dst);
}

void flip_signs(std::size_t count, const std::uint8_t* src, std::uint8_t* dst) {
  const hn::ScalableTag<std::uint8_t> d;
  const auto sign = hn::Set(d, std::uint8_t{128});
  std::size_t i = 0;
  for (; i + hn::Lanes(d) <= count; i += hn::Lanes(d)) hn::StoreU(hn::Xor(hn::LoadU(d, src + i), sign), d, dst + i);
  for (; i < count; ++i) dst[i] = static_cast<std::uint8_t>(src[i] ^ 128U);
}

}  // namespace octet::kernels::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace octet::kernels {

HWY_EXPORT(requantize_all);
HWY_EXPORT(flip_signs);

void requantize(const Requantize& r, std::size_t pixels, const std::int32_t* sums, const void* operand,
                void* dst) noexcept {
  HWY_DYNAMIC_DISPATCH(requantize_all)(r, pixels, sums, operand, dst);
}

void make_unsigned(const Frame& frame, const std::int8_t* src, std::uint8_t* dst) noexcept {
  const auto* from = reinterpret_cast<const std::uint8_t*>(src);
  const auto flip = [](std::size_t count, const std::uint8_t* numbers, std::uint8_t* to) {
    HWY_DYNAMIC_DISPATCH(flip_signs)(count, numbers, to);
  };
  const auto c = static_cast<std::size_t>(frame.channels), row = static_cast<std::size_t>(frame.width) * c;
  if (frame.top + frame.left + frame.bottom + frame.right == 0) {
    return flip(static_cast<std::size_t>(frame.images * frame.height) * row, from, dst);
  }
  const auto fill = [&](std::size_t pixels) {
    std::memset(dst, 128, pixels * c);
    dst += pixels * c;
  };
  const auto left = static_cast<std::size_t>(frame.left), right = static_cast<std::size_t>(frame.right);
  const std::size_t whole = static_cast<std::size_t>(frame.width) + left + right;
  for (std::int64_t n = 0; n < frame.images; ++n) {
    fill(static_cast<std::size_t>(frame.top) * whole);
    for (std::int64_t y = 0; y < frame.height; ++y, from += row) {
      fill(left);
      flip(row, from, dst);
      dst += row;
      fill(right);
    }
    fill(static_cast<std::size_t>(frame.bottom) * whole);
  }
}

}  // namespace octet::kernels
#endif
