// Elementwise functions, and the sum of two values.
#pragma once

#include <span>

#include "octet/executor/kernels/types.h"
#include "octet/graph/op.h"

namespace octet::kernels {

/// dst[i] = f(src[i]) for every EltwiseKind. `src` may equal `dst`. All in float:
///   relu        x > 0 ? x : 0             (NaN becomes 0)
///   leaky_relu  x < 0 ? alpha * x : x
///   clip        min(max(x, alpha), beta)  (NaN becomes alpha)
///   sigmoid     1 / (1 + e), e = exp(-x)
///   tanh        sign(x) * (1 - e) / (1 + e), e = exp(-2 |x|); a short series for small |x|
///   softrelu    max(x, 0) + log1p(exp(-|x|))
///   softsign    x / (1 + |x|)
///   elu         x < 0 ? alpha * expm1(x) : x
///   linear      alpha * x + beta, a multiplication and an addition
///   sqrt, square, abs, reciprocal (alpha / x): one operation
///   exp         0 below -87.3, infinite above 88.7
///   gelu        x / 2 * (1 + erf(x / sqrt(2)))
///   log, power, gelu's error function  the C library's, which may differ in the last bit between machines
///   greater, ..., not_equal  1 or 0
/// The exponentials are octet's own (relative error of each function <= 4e-7 or absolute error
/// <= 1e-7), so that results are the same on every machine.
void eltwise(const EltwiseOp& op, std::size_t count, const float* src, float* dst) noexcept;

/// Fills `table` (256 elements of dst_type) with f(stored value) for each 8-bit pattern of
/// src_type (u8 or s8): x = float(q) * src.scale, the functions `ops` in order, then dst_type's
/// storage (quantize_one). Pattern p of an s8 stands at index uint8_t(p).
void eltwise_table(std::span<const EltwiseOp> ops, Element src_type, Element dst_type, void* table) noexcept;

/// dst[i] = table[uint8_t(src[i])]; elements of dst have dst_type. `src` may equal `dst` for 8-bit
/// destinations.
void apply_table(std::size_t count, const void* src, const void* table, void* dst, Element dst_type) noexcept;

/// Elementwise sum of two values of any storage, then the functions `ops` in order:
///   x = real(a) + real(b), real(q) = float(q) * scale (f32: as is), each operation in float;
///   x = op(x) for each op; dst = x (f32) or quantize_one(x).
/// `dst` may equal `a` or `b` when the elements have the same size.
void add(std::size_t count, const void* a, Element a_type, const void* b, Element b_type,
         std::span<const EltwiseOp> ops, void* dst, Element dst_type) noexcept;

/// y = x * scale[c] + shift[c] (a multiplication, then an addition, in float), for batch
/// normalisation; view.axis is the channel axis. `src` may equal `dst`.
void scale_shift(const AxisView& view, const float* scale, const float* shift, const float* src, float* dst) noexcept;

/// scale[c] = gamma[c] / sqrt(var[c] + eps), shift[c] = beta[c] - mean[c] * scale[c], computed in
/// double and rounded once; gamma counts as 1 when op.fix_gamma. All arrays have `channels` elements.
void batch_norm_constants(const BatchNormOp& op, std::size_t channels, const float* gamma, const float* beta,
                          const float* mean, const float* var, float* scale, float* shift) noexcept;

}  // namespace octet::kernels
