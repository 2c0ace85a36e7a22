#include "graph/evaluate.h"

#include <gtest/gtest.h>
#include <algorithm>
#include <array>
#include <cmath>

namespace octet::test {
namespace {

using Values = std::vector<double>;

double apply(const EltwiseOp& op, double x) {
  switch (op.kind) {
    case EltwiseKind::relu: return std::max(x, 0.0);
    case EltwiseKind::leaky_relu: return x < 0 ? op.alpha * x : x;
    case EltwiseKind::clip: return std::clamp<double>(x, op.alpha, op.beta);
    case EltwiseKind::sigmoid: return 1 / (1 + std::exp(-x));
    case EltwiseKind::tanh: return std::tanh(x);
    case EltwiseKind::softrelu: return std::log1p(std::exp(x));
    case EltwiseKind::softsign: return x / (1 + std::abs(x));
    case EltwiseKind::elu: return x < 0 ? op.alpha * std::expm1(x) : x;
    case EltwiseKind::linear: return static_cast<double>(op.alpha) * x + op.beta;
    default: ADD_FAILURE() << "the evaluator does not know " << op_name(op);
  }
  return x;
}

double bias(const Node& node, std::size_t c) {
  return node.params.size() > 1 ? node.params[1].value.as<float>()[c] : 0;
}

Values convolve(const Node& node, const Shape& in, const Values& x) {
  const auto& op = *node.as<ConvolutionOp>();
  const Shape& out = node.outputs[0].shape;
  const auto weight = node.params[0].value.as<float>();
  const std::int64_t per_group = in[1] / op.groups, filters = op.num_filter / op.groups;
  Values y;
  for (std::int64_t n = 0; n < out[0]; ++n) {
    for (std::int64_t f = 0; f < out[1]; ++f) {
      for (std::int64_t i = 0; i < out[2] * out[3]; ++i) {
        double sum = bias(node, static_cast<std::size_t>(f));
        for (std::int64_t k = 0; k < per_group * op.kernel[0] * op.kernel[1]; ++k) {
          const std::int64_t c = f / filters * per_group + k / (op.kernel[0] * op.kernel[1]);
          const std::int64_t kh = k / op.kernel[1] % op.kernel[0], kw = k % op.kernel[1];
          const std::int64_t h = i / out[3] * op.stride[0] - op.pad.top + kh * op.dilate[0];
          const std::int64_t w = i % out[3] * op.stride[1] - op.pad.left + kw * op.dilate[1];
          if (h < 0 || h >= in[2] || w < 0 || w >= in[3]) continue;
          sum += x[static_cast<std::size_t>(((n * in[1] + c) * in[2] + h) * in[3] + w)] *
                 weight[static_cast<std::size_t>(f * per_group * op.kernel[0] * op.kernel[1] + k)];
        }
        y.push_back(sum);
      }
    }
  }
  return y;
}

Values multiply(const Node& node, const Values& x) {
  const auto weight = node.params[0].value.as<float>();
  const auto width = static_cast<std::size_t>(node.params[0].value.shape()[1]);
  const auto filters = static_cast<std::size_t>(node.params[0].value.shape()[0]);
  Values y;
  for (std::size_t row = 0; row < x.size() / width; ++row) {
    for (std::size_t f = 0; f < filters; ++f) {
      double sum = bias(node, f);
      for (std::size_t i = 0; i < width; ++i) sum += x[row * width + i] * weight[f * width + i];
      y.push_back(sum);
    }
  }
  return y;
}

/// y = f(x, channel) along `axis`.
template <class F>
Values per_channel(const Shape& shape, std::int64_t axis, const Values& x, F f) {
  std::size_t inner = 1;
  for (std::size_t i = static_cast<std::size_t>(axis) + 1; i < shape.size(); ++i) {
    inner *= static_cast<std::size_t>(shape[i]);
  }
  const auto channels = static_cast<std::size_t>(shape[static_cast<std::size_t>(axis)]);
  Values y(x.size());
  for (std::size_t i = 0; i < x.size(); ++i) y[i] = f(x[i], i / inner % channels);
  return y;
}

Values batch_norm(const Node& node, const Shape& shape, const Values& x) {
  const auto& op = *node.as<BatchNormOp>();
  const auto at = [&](std::size_t p, std::size_t c) -> double { return node.params[p].value.as<float>()[c]; };
  return per_channel(shape, op.axis, x, [&](double v, std::size_t c) {
    return (v - at(2, c)) / std::sqrt(at(3, c) + op.eps) * (op.fix_gamma ? 1.0 : at(0, c)) + at(1, c);
  });
}

Values pad(const Node& node, const Shape& in, const Values& x) {
  const auto& op = *node.as<PadOp>();
  const Shape& out = node.outputs[0].shape;
  Values y;
  for (std::int64_t i = 0; i < out[0] * out[1] * out[2] * out[3]; ++i) {
    const std::int64_t w = i % out[3] - op.before[3], h = i / out[3] % out[2] - op.before[2];
    const std::int64_t plane = i / out[3] / out[2];
    const bool inside = h >= 0 && h < in[2] && w >= 0 && w < in[3];
    y.push_back(inside ? x[static_cast<std::size_t>((plane * in[2] + h) * in[3] + w)] : op.value);
  }
  return y;
}

/// Of four axes.
Values transpose(const std::vector<std::int64_t>& axes, const Shape& in, const Values& x) {
  const std::array<std::int64_t, 4> stride{in[1] * in[2] * in[3], in[2] * in[3], in[3], 1};
  const auto size = [&](std::size_t k) { return in[static_cast<std::size_t>(axes[k])]; };
  Values y;
  for (std::int64_t i = 0; i < static_cast<std::int64_t>(x.size()); ++i) {
    std::int64_t rest = i, from = 0;
    for (std::size_t k = 4; k-- > 0; rest /= size(k))
      from += rest % size(k) * stride[static_cast<std::size_t>(axes[k])];
    y.push_back(x[static_cast<std::size_t>(from)]);
  }
  return y;
}

Values compute(const Graph& graph, const Node& node, const std::vector<Values>& values) {
  const Values& x = values[static_cast<std::size_t>(node.inputs[0].node)];
  const Shape& in = graph.value(node.inputs[0]).shape;
  if (node.as<ConvolutionOp>() != nullptr) return convolve(node, in, x);
  if (node.as<FullyConnectedOp>() != nullptr) return multiply(node, x);
  if (node.as<BatchNormOp>() != nullptr) return batch_norm(node, in, x);
  if (node.as<PadOp>() != nullptr) return pad(node, in, x);
  if (const auto* flatten = node.as<FlattenOp>(); flatten != nullptr && flatten->channels_last) {
    return transpose({0, 2, 3, 1}, in, x);
  }
  if (const auto* op = node.as<TransposeOp>()) return transpose(op->axes, in, x);
  if (node.as<IdentityOp>() != nullptr || node.as<FlattenOp>() != nullptr) return x;
  Values y = x;
  if (const auto* normalize = node.as<NormalizeOp>()) {
    return per_channel(in, 1, x, [&](double v, std::size_t c) { return (v - normalize->mean[c]) / normalize->std[c]; });
  }
  if (const auto* eltwise = node.as<EltwiseOp>()) {
    std::ranges::transform(x, y.begin(), [&](double v) { return apply(*eltwise, v); });
    return y;
  }
  if (node.as<AddOp>() != nullptr) {
    const Values& other = values[static_cast<std::size_t>(node.inputs[1].node)];
    std::ranges::transform(x, other, y.begin(), std::plus<>());
    return y;
  }
  ADD_FAILURE() << "the evaluator does not know " << op_name(node.op);
  return x;
}

}  // namespace

std::vector<double> evaluate(const Graph& graph, const std::vector<double>& pixels) {
  std::vector<Values> values;
  for (const Node& node : graph.nodes) {
    if (node.as<InputOp>() != nullptr) {
      values.push_back(pixels);
      continue;
    }
    Values y = compute(graph, node, values);
    for (const PostOp& post_op : node.post_ops) {
      const Values* operand = &values[static_cast<std::size_t>(node.inputs.back().node)];
      for (std::size_t i = 0; i < y.size(); ++i) {
        y[i] = post_op.kind == PostOp::Kind::sum ? y[i] + (*operand)[i] : apply(post_op.eltwise, y[i]);
      }
    }
    values.push_back(std::move(y));
  }
  return values[static_cast<std::size_t>(graph.outputs[0].node)];
}

}  // namespace octet::test
