// The only file of octet that names oneDNN calls whose form differs between oneDNN 2.6 and 3.x:
// operation descriptors, output scales and the sum post-op's data type. Written for 2.6; another
// version is a matter of dnnl_compat.cc.
#pragma once

#include <cstdint>  // std::int64_t
#include <string>   // std::string
#include <vector>   // std::vector

#include <dnnl.hpp>

#include "octet/graph/op.h"
#include "octet/graph/result.h"

namespace octet::onednn {

/// One function behind a primitive's result, in the destination's units.
struct FusedOp {
  bool sum = false;
  float sum_scale = 1;           ///< sum: dst += sum_scale * what dst held before
  DType sum_dtype = DType::f32;  ///< sum: how dst's old bytes are to be read
  EltwiseOp eltwise;             ///< otherwise
};

/// What happens to the accumulated sums: (acc + bias) * output_scale[c], then `ops` in order.
struct Epilogue {
  std::vector<float> output_scale;  ///< per output channel; empty: none
  std::vector<FusedOp> ops;
};

/// Shapes as in the graph: source and destination (N, C, H, W), weight (O, I / groups, kh, kw).
struct ConvolutionSpec {
  Shape src_shape, weight_shape, dst_shape;
  DType src = DType::f32, weight = DType::f32, dst = DType::f32;
  Size2 stride{1, 1}, dilate{1, 1};
  Padding pad;
  std::int64_t groups = 1;
  bool bias = false;  ///< f32, or s32 for s8 weights
  bool sums = false;  ///< of s8 weights: the destination holds the s32 sums, whatever `dst` says
  Epilogue epilogue;
};

/// Source (rows, inputs), weight (outputs, inputs), destination (rows, outputs).
struct InnerProductSpec {
  std::int64_t rows = 1, inputs = 1, outputs = 1;
  DType src = DType::f32, weight = DType::f32, dst = DType::f32;
  bool bias = false, sums = false;  ///< as in ConvolutionSpec
  Epilogue epilogue;
};

/// A primitive that keeps its scratch memory with the caller, so that threads may share it.
struct Primitive {
  dnnl::primitive primitive;
  dnnl::memory::desc src, weight, bias, dst, scratchpad;
  dnnl::memory::desc plain_weight;  ///< of the weight as the graph holds it, for pack_weight
  std::string implementation;
};

/// True when oneDNN has the function as a post-op.
bool has_eltwise(EltwiseKind kind) noexcept;

/// Sources and destinations lie NHWC (convolution) or row-major; the weight's layout is oneDNN's
/// choice. Error(unsupported) when oneDNN has no implementation; `where` is left to the caller.
Result<Primitive> make_convolution(const dnnl::engine& engine, const ConvolutionSpec& spec);
Result<Primitive> make_inner_product(const dnnl::engine& engine, const InnerProductSpec& spec);

/// Brings `plain` (primitive.plain_weight) into the layout that the primitive wants.
Result<void> pack_weight(const dnnl::engine& engine, const Primitive& primitive, const void* plain, void* packed);

/// oneDNN's name of the instruction set that its implementations are chosen for.
std::string isa_name();
/// True when that instruction set multiplies u8 by s8 without 16-bit intermediate sums.
bool isa_has_int8_dot_product();
/// True when octet's own kernels may use AVX-512 with VNNI, or AVX2: the machine has it and
/// ONEDNN_MAX_CPU_ISA allows it.
bool isa_has_avx512_vnni();
bool isa_has_avx2();

}  // namespace octet::onednn
