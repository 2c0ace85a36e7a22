#include "executor/reference_layers.h"

#include <algorithm>

#include "octet/executor/int8_weights.h"

namespace octet::test {
namespace {

/// A layer as a convolution: FullyConnected is one over a 1x1 image whose channels are all inputs.
struct Geometry {
  std::int64_t images = 1, channels = 1, height = 1, width = 1;
  std::int64_t filters = 1, out_height = 1, out_width = 1;
  ConvolutionOp op;
  [[nodiscard]] std::size_t out_pixels() const { return static_cast<std::size_t>(out_height * out_width); }
};

Geometry geometry_of(const Node& node, const Shape& src) {
  Geometry g;
  if (const auto* convolution = node.as<ConvolutionOp>()) {
    const Shape& dst = node.outputs[0].shape;
    return {src[0], src[1], src[2], src[3], dst[1], dst[2], dst[3], *convolution};
  }
  const auto& op = *node.as<FullyConnectedOp>();
  std::int64_t elements = 1;
  for (const std::int64_t size : src) elements *= size;
  g.images = op.flatten ? src[0] : elements / src.back();
  g.channels = elements / g.images;
  g.filters = op.num_hidden;
  return g;
}

/// Sums of source * weight for one output channel of one image. Number is double, or an integer that
/// holds every possible sum.
template <class Number>
std::vector<Number> accumulate(const Geometry& g, const std::vector<Number>& src, const std::vector<Number>& weight,
                               std::int64_t image, std::int64_t filter) {
  const ConvolutionOp& op = g.op;
  const std::int64_t per_group = g.channels / op.groups;
  const std::int64_t first = filter / (g.filters / op.groups) * per_group;
  std::vector<Number> sums(g.out_pixels(), 0);
  auto w = weight.begin() + filter * per_group * op.kernel[0] * op.kernel[1];
  for (std::int64_t c = first; c < first + per_group; ++c) {
    const Number* plane = src.data() + (image * g.channels + c) * g.height * g.width;
    for (std::int64_t ky = 0; ky < op.kernel[0]; ++ky) {
      for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx, ++w) {
        for (std::int64_t oy = 0; oy < g.out_height; ++oy) {
          const std::int64_t y = oy * op.stride[0] - op.pad.top + ky * op.dilate[0];
          if (y < 0 || y >= g.height) continue;
          for (std::int64_t ox = 0; ox < g.out_width; ++ox) {
            const std::int64_t x = ox * op.stride[1] - op.pad.left + kx * op.dilate[1];
            if (x >= 0 && x < g.width) sums[oy * g.out_width + ox] += plane[y * g.width + x] * *w;
          }
        }
      }
    }
  }
  return sums;
}

void float_layer(const Node& node, const Geometry& g, std::span<const RefValue> inputs, Tensor& dst) {
  const auto weights = node.params[0].value.as<float>();
  std::vector<double> src(inputs[0].tensor.elements());
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = inputs[0].real(i);
  const std::vector<double> weight(weights.begin(), weights.end());
  std::size_t at = 0;
  for (std::int64_t n = 0; n < g.images; ++n) {
    for (std::int64_t f = 0; f < g.filters; ++f) {
      for (double x : accumulate(g, src, weight, n, f)) {
        if (node.params.size() > 1) x += node.params[1].value.as<float>()[f];
        for (const PostOp& op : node.post_ops) {
          x = op.kind == PostOp::Kind::sum ? x + inputs.back().real(at) : eltwise_function(op.eltwise, x);
        }
        store_real(dst, at++, static_cast<float>(x), node.outputs[0]);
      }
    }
  }
}

bool in_stored_units(const PostOp& op, const RefValue& operand) {
  if (op.kind == PostOp::Kind::sum) return operand.value.quantized();
  return op.eltwise.kind == EltwiseKind::relu || op.eltwise.kind == EltwiseKind::leaky_relu ||
         op.eltwise.kind == EltwiseKind::clip || (op.eltwise.kind == EltwiseKind::linear && op.eltwise.alpha == 1);
}

/// One post-op on t. `unit` is the size of one step of t: the destination's scale, or 1 for real t.
float post_op(const PostOp& op, float t, const RefValue& operand, std::size_t at, const Value& dst, bool stored_units) {
  if (op.kind == PostOp::Kind::sum) {
    if (!stored_units) return t + operand.real(at);
    const auto ratio = static_cast<float>(static_cast<double>(operand.value.scale) / dst.scale);
    return std::fma(operand.stored(at), ratio, t);
  }
  const float unit = stored_units ? dst.scale : 1.0F;
  switch (op.eltwise.kind) {
    case EltwiseKind::relu: return t > 0 ? t : 0;
    case EltwiseKind::leaky_relu: return t > 0 ? t : op.eltwise.alpha * t;
    case EltwiseKind::clip: return std::min(std::max(t, op.eltwise.alpha / unit), op.eltwise.beta / unit);
    case EltwiseKind::linear:
      if (op.eltwise.alpha == 1) return t + op.eltwise.beta / unit;
      return static_cast<float>(eltwise_function(op.eltwise, t));
    default: return static_cast<float>(eltwise_function(op.eltwise, t));
  }
}

Result<void> int8_layer(const Node& node, const Geometry& g, std::span<const RefValue> inputs, Tensor& dst) {
  const Value& src_value = inputs[0].value;
  const Value& out = node.outputs[0];
  // Functions that oneDNN cannot apply to 8-bit steps are applied to the real result.
  const bool stored_units =
      out.quantized() && std::all_of(node.post_ops.begin(), node.post_ops.end(),
                                     [&](const PostOp& op) { return in_stored_units(op, inputs.back()); });
  std::vector<std::int64_t> src(inputs[0].tensor.elements());
  for (std::size_t i = 0; i < src.size(); ++i) src[i] = static_cast<std::int64_t>(inputs[0].stored(i));
  const auto weights = node.params[0].value.as<std::int8_t>();
  const std::vector<std::int64_t> weight(weights.begin(), weights.end());
  std::size_t at = 0;
  for (std::int64_t n = 0; n < g.images; ++n) {
    for (std::int64_t f = 0; f < g.filters; ++f) {
      const double step = static_cast<double>(src_value.scale) * node.params[0].scale[f];
      const auto output_scale = static_cast<float>(stored_units ? step / out.scale : step);
      const double bias = node.params.size() > 1 ? std::nearbyint(node.params[1].value.as<float>()[f] / step) : 0;
      for (const std::int64_t acc : accumulate(g, src, weight, n, f)) {
        float t = (static_cast<float>(acc) + static_cast<float>(bias)) * output_scale;
        for (const PostOp& op : node.post_ops) t = post_op(op, t, inputs.back(), at, out, stored_units);
        if (stored_units) {
          store(dst, at++, t);
        } else {
          store_real(dst, at++, t, out);
        }
      }
    }
  }
  return {};
}

}  // namespace

float saturated(float q, DType dtype) {
  if (std::isnan(q)) return 0;
  return std::nearbyint(dtype == DType::u8 ? std::clamp(q, 0.0F, 255.0F) : std::clamp(q, -128.0F, 127.0F));
}

void store(Tensor& dst, std::size_t i, float x) {
  if (dst.dtype() == DType::f32) {
    dst.mutable_as<float>()[i] = x;
  } else if (dst.dtype() == DType::u8) {
    dst.mutable_as<std::uint8_t>()[i] = static_cast<std::uint8_t>(saturated(x, DType::u8));
  } else {
    dst.mutable_as<std::int8_t>()[i] = static_cast<std::int8_t>(saturated(x, DType::s8));
  }
}

void store_real(Tensor& dst, std::size_t i, float x, const Value& value) {
  store(dst, i, value.quantized() ? x / value.scale : x);
}

double eltwise_function(const EltwiseOp& op, double x) {
  const double alpha = op.alpha;
  switch (op.kind) {
    case EltwiseKind::relu: return x > 0 ? x : 0;
    case EltwiseKind::leaky_relu: return x < 0 ? alpha * x : x;
    case EltwiseKind::clip: return std::min<double>(x > alpha ? x : alpha, op.beta);
    case EltwiseKind::sigmoid: return 1 / (1 + std::exp(-x));
    case EltwiseKind::tanh: return std::tanh(x);
    case EltwiseKind::softrelu: return std::max(x, 0.0) + std::log1p(std::exp(-std::abs(x)));
    case EltwiseKind::softsign: return x / (1 + std::abs(x));
    case EltwiseKind::elu: return x < 0 ? alpha * std::expm1(x) : x;
    case EltwiseKind::linear: return alpha * x + op.beta;
    case EltwiseKind::log: return std::log(x);
    case EltwiseKind::sqrt: return std::sqrt(x);
    case EltwiseKind::square: return x * x;
    case EltwiseKind::abs: return std::abs(x);
    case EltwiseKind::reciprocal: return alpha / x;
    case EltwiseKind::power: return std::pow(x, alpha);
    case EltwiseKind::greater: return x > alpha ? 1 : 0;
    case EltwiseKind::greater_equal: return x >= alpha ? 1 : 0;
    case EltwiseKind::lesser: return x < alpha ? 1 : 0;
    case EltwiseKind::lesser_equal: return x <= alpha ? 1 : 0;
    case EltwiseKind::equal: return x == alpha ? 1 : 0;
    case EltwiseKind::not_equal: return x != alpha ? 1 : 0;
    case EltwiseKind::exp: return std::exp(x);
    case EltwiseKind::gelu: return x / 2 * std::erfc(-x / std::sqrt(2.0));
  }
  return 0;
}

Result<void> reference_layer(const Node& node, std::span<const RefValue> inputs, Tensor& dst) {
  const Geometry g = geometry_of(node, inputs[0].value.shape);
  const std::int64_t inputs_of_filter = g.channels / g.op.groups * g.op.kernel[0] * g.op.kernel[1];
  if (node.params.empty() ||
      node.params[0].value.elements() != static_cast<std::size_t>(g.filters * inputs_of_filter)) {
    return Error{ErrorCode::invalid_model, node.name, "the weight does not fit"};
  }
  if (node.params[0].value.dtype() == DType::s8) return int8_layer(node, g, inputs, dst);
  float_layer(node, g, inputs, dst);
  return {};
}

}  // namespace octet::test
