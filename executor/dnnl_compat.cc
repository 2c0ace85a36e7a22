#include "octet/executor/dnnl_compat.h"

#include <cstddef>  // std::size_t

namespace octet::onednn {
namespace {

using dnnl::memory;
using dnnl::prop_kind;

memory::data_type data_type(DType dtype) noexcept {
  if (dtype == DType::u8) return memory::data_type::u8;
  if (dtype == DType::s8) return memory::data_type::s8;
  return memory::data_type::f32;
}

dnnl::algorithm algorithm(EltwiseKind kind) noexcept {
  switch (kind) {
    case EltwiseKind::relu:
    case EltwiseKind::leaky_relu: return dnnl::algorithm::eltwise_relu;
    case EltwiseKind::clip: return dnnl::algorithm::eltwise_clip;
    case EltwiseKind::sigmoid: return dnnl::algorithm::eltwise_logistic;
    case EltwiseKind::tanh: return dnnl::algorithm::eltwise_tanh;
    case EltwiseKind::softrelu: return dnnl::algorithm::eltwise_soft_relu;
    case EltwiseKind::elu: return dnnl::algorithm::eltwise_elu;
    case EltwiseKind::gelu: return dnnl::algorithm::eltwise_gelu_erf;
    case EltwiseKind::linear: return dnnl::algorithm::eltwise_linear;
    default: return dnnl::algorithm::undef;  // none that a network fuses
  }
  return dnnl::algorithm::undef;
}

dnnl::primitive_attr attributes(const Epilogue& epilogue) {
  dnnl::primitive_attr attr;
  attr.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  constexpr int kPerOutputChannel = 1 << 1;
  if (!epilogue.output_scale.empty()) attr.set_output_scales(kPerOutputChannel, epilogue.output_scale);
  dnnl::post_ops ops;
  for (const FusedOp& op : epilogue.ops) {
    if (op.sum) {
      ops.append_sum(op.sum_scale, 0, data_type(op.sum_dtype));
    } else {
      const bool relu = op.eltwise.kind == EltwiseKind::relu;
      ops.append_eltwise(1, algorithm(op.eltwise.kind), relu ? 0 : op.eltwise.alpha, relu ? 0 : op.eltwise.beta);
    }
  }
  attr.set_post_ops(ops);
  return attr;
}

memory::desc bias_desc(std::int64_t channels, DType weight) {
  const auto type = weight == DType::s8 ? memory::data_type::s32 : memory::data_type::f32;
  return {{channels}, type, memory::format_tag::a};
}

/// Fills what every primitive descriptor can tell.
template <class PrimitiveDesc>
Primitive describe(const PrimitiveDesc& desc, bool bias) {
  Primitive result;
  result.src = desc.src_desc();
  result.weight = desc.weights_desc();
  if (bias) result.bias = desc.bias_desc();
  result.dst = desc.dst_desc();
  result.scratchpad = desc.scratchpad_desc();
  result.implementation = desc.impl_info_str();
  return result;
}

Error unsupported(const dnnl::error& error) {
  return Error{ErrorCode::unsupported, "", std::string("oneDNN has no implementation: ") + error.what()};
}

}  // namespace

bool has_eltwise(EltwiseKind kind) noexcept { return algorithm(kind) != dnnl::algorithm::undef; }

Result<Primitive> make_convolution(const dnnl::engine& engine, const ConvolutionSpec& spec) try {
  using Desc = dnnl::convolution_forward::desc;
  const memory::desc src(spec.src_shape, data_type(spec.src), memory::format_tag::nhwc);
  const memory::desc dst(spec.dst_shape, spec.sums ? memory::data_type::s32 : data_type(spec.dst),
                         memory::format_tag::nhwc);
  const memory::desc bias = bias_desc(spec.dst_shape[1], spec.weight);
  const Shape& o = spec.weight_shape;
  const bool grouped = spec.groups > 1;
  const memory::dims dims =
      grouped ? memory::dims{spec.groups, o[0] / spec.groups, o[1], o[2], o[3]} : memory::dims(o.begin(), o.end());
  const auto type = data_type(spec.weight);
  const memory::desc plain(dims, type, grouped ? memory::format_tag::goihw : memory::format_tag::oihw);
  const memory::desc weight(dims, type, memory::format_tag::any);
  const memory::dims strides(spec.stride.begin(), spec.stride.end());
  const memory::dims dilates{spec.dilate[0] - 1, spec.dilate[1] - 1};
  const memory::dims before{spec.pad.top, spec.pad.left}, after{spec.pad.bottom, spec.pad.right};
  constexpr auto kKind = prop_kind::forward_inference;
  constexpr auto kDirect = dnnl::algorithm::convolution_direct;
  const Desc desc = spec.bias ? Desc(kKind, kDirect, src, weight, bias, dst, strides, dilates, before, after)
                              : Desc(kKind, kDirect, src, weight, dst, strides, dilates, before, after);
  const dnnl::convolution_forward::primitive_desc primitive_desc(desc, attributes(spec.epilogue), engine);
  Primitive result = describe(primitive_desc, spec.bias);
  result.plain_weight = plain;
  result.primitive = dnnl::convolution_forward(primitive_desc);
  return result;
} catch (const dnnl::error& error) {
  return unsupported(error);
}

Result<Primitive> make_inner_product(const dnnl::engine& engine, const InnerProductSpec& spec) try {
  using Desc = dnnl::inner_product_forward::desc;
  constexpr auto kRowMajor = memory::format_tag::ab;
  const memory::desc src({spec.rows, spec.inputs}, data_type(spec.src), kRowMajor);
  const memory::desc dst({spec.rows, spec.outputs}, spec.sums ? memory::data_type::s32 : data_type(spec.dst),
                         kRowMajor);
  const memory::desc plain({spec.outputs, spec.inputs}, data_type(spec.weight), kRowMajor);
  const memory::desc weight({spec.outputs, spec.inputs}, data_type(spec.weight), memory::format_tag::any);
  const memory::desc bias = bias_desc(spec.outputs, spec.weight);
  const Desc desc = spec.bias ? Desc(prop_kind::forward_inference, src, weight, bias, dst)
                              : Desc(prop_kind::forward_inference, src, weight, dst);
  const dnnl::inner_product_forward::primitive_desc primitive_desc(desc, attributes(spec.epilogue), engine);
  Primitive result = describe(primitive_desc, spec.bias);
  result.plain_weight = plain;
  result.primitive = dnnl::inner_product_forward(primitive_desc);
  return result;
} catch (const dnnl::error& error) {
  return unsupported(error);
}

Result<void> pack_weight(const dnnl::engine& engine, const Primitive& primitive, const void* plain, void* packed) try {
  memory from(primitive.plain_weight, engine, const_cast<void*>(plain));
  memory to(primitive.weight, engine, packed);
  dnnl::stream stream(engine);
  dnnl::reorder(from, to).execute(stream, from, to);
  stream.wait();
  return {};
} catch (const dnnl::error& error) {
  return Error{ErrorCode::internal, "", std::string("oneDNN cannot reorder a weight: ") + error.what()};
}

std::string isa_name() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41: return "sse41";
    case dnnl::cpu_isa::avx: return "avx";
    case dnnl::cpu_isa::avx2: return "avx2";
    case dnnl::cpu_isa::avx2_vnni: return "avx2_vnni";
    case dnnl::cpu_isa::avx512_mic:
    case dnnl::cpu_isa::avx512_mic_4ops: return "avx512_mic";
    case dnnl::cpu_isa::avx512_core: return "avx512_core";
    case dnnl::cpu_isa::avx512_core_vnni: return "avx512_core_vnni";
    case dnnl::cpu_isa::avx512_core_bf16: return "avx512_core_bf16";
    case dnnl::cpu_isa::avx512_core_amx: return "avx512_core_amx";
    default: return "other";
  }
}

bool isa_has_int8_dot_product() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::avx2_vnni:
    case dnnl::cpu_isa::avx512_core_vnni:
    case dnnl::cpu_isa::avx512_core_bf16:
    case dnnl::cpu_isa::avx512_core_amx: return true;
    default: return false;
  }
}

bool isa_has_avx512_vnni() {
  return isa_has_int8_dot_product() && dnnl::get_effective_cpu_isa() != dnnl::cpu_isa::avx2_vnni;
}

bool isa_has_avx2() {
  switch (dnnl::get_effective_cpu_isa()) {
    case dnnl::cpu_isa::sse41:
    case dnnl::cpu_isa::avx: return false;
    default: return true;
  }
}

}  // namespace octet::onednn
