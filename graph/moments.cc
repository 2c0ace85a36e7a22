#include "octet/graph/moments.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <numeric>

namespace octet {
namespace {

/// Midpoints of eight slices of equal probability of the standard normal distribution's upper half,
/// scaled to variance 1: the mean of a function over +-z is its mean for normal values.
constexpr std::array<double, 8> kNormal{0.0816, 0.2468, 0.4186, 0.6026, 0.8078, 1.0509, 1.3714, 1.9381};

/// The function, or an algebraic one of the same bounds and slopes.
double approximate(const EltwiseOp& op, double x) {
  switch (op.kind) {
    case EltwiseKind::relu: return std::max(x, 0.0);
    case EltwiseKind::leaky_relu: return x < 0 ? op.alpha * x : x;
    case EltwiseKind::clip: return std::min(std::max(x, static_cast<double>(op.alpha)), static_cast<double>(op.beta));
    case EltwiseKind::sigmoid: return 0.5 + 0.5 * x / std::sqrt(4 + x * x);
    case EltwiseKind::tanh: return x / std::sqrt(1 + x * x);
    case EltwiseKind::softrelu: return 0.5 * (x + std::sqrt(x * x + 1.92));
    case EltwiseKind::softsign: return x / (1 + std::abs(x));
    case EltwiseKind::elu: return x < 0 ? op.alpha * x / (1 - x) : x;
    case EltwiseKind::linear: return op.alpha * x + op.beta;
    case EltwiseKind::sqrt: return std::sqrt(std::max(x, 0.0));
    case EltwiseKind::square: return x * x;
    case EltwiseKind::abs: return std::abs(x);
    case EltwiseKind::exp: return 0.25 * std::pow(x + std::sqrt(x * x + 4), 2);
    case EltwiseKind::gelu: return 0.5 * x * (1 + x / std::sqrt(1.57 + x * x));
    default: return x;
  }
}

template <class Function>
Moments map_normal(const Moments& input, Function function) {
  Moments result = input;
  for (std::size_t c = 0; c < input.mean.size(); ++c) {
    const double deviation = std::sqrt(input.variance[c]);
    double sum = 0, squares = 0;
    for (const double z : kNormal) {
      for (const double x : {input.mean[c] - z * deviation, input.mean[c] + z * deviation}) {
        const double y = function(c, x);
        sum += y;
        squares += y * y;
      }
    }
    const double count = 2.0 * kNormal.size();
    result.mean[c] = sum / count;
    result.variance[c] = std::max(squares / count - result.mean[c] * result.mean[c], 0.0);
  }
  return result;
}

/// y = w x + b over windows of `window` values per input channel. Values of one channel in one window
/// are taken for half correlated: pixels of noise are not, those of smooth maps fully.
Moments multiply(const Node& node, const Moments& input, std::size_t channels, std::size_t groups, std::size_t window) {
  const std::span<const float> weights = node.params[0].value.as<float>();
  const auto outputs = static_cast<std::size_t>(node.params[0].value.shape()[0]);
  const std::size_t per_group = channels / groups;
  Moments result{std::vector<double>(outputs), std::vector<double>(outputs)};
  for (std::size_t o = 0; o < outputs; ++o) {
    double mean = node.params.size() > 1 ? node.params[1].value.as<float>()[o] : 0.0, variance = 0;
    const std::size_t first = o / (outputs / groups) * per_group;
    for (std::size_t c = 0; c < per_group; ++c) {
      double sum = 0, squares = 0;
      for (const float w : weights.subspan((o * per_group + c) * window, window)) {
        sum += w;
        squares += static_cast<double>(w) * w;
      }
      mean += sum * input.mean_at(first + c, channels);
      variance += 0.5 * (squares + sum * sum) * input.variance_at(first + c, channels);
    }
    result.mean[o] = mean;
    result.variance[o] = variance;
  }
  return result;
}

Moments normalise(const Node& node, const Moments& input) {
  const auto& op = *node.as<BatchNormOp>();
  const auto gamma = node.params[0].value.as<float>(), beta = node.params[1].value.as<float>(),
             mean = node.params[2].value.as<float>(), variance = node.params[3].value.as<float>();
  if (op.axis != 1) return {};
  Moments result{std::vector<double>(beta.size()), std::vector<double>(beta.size())};
  for (std::size_t c = 0; c < beta.size(); ++c) {
    const double scale = (op.fix_gamma ? 1.0 : gamma[c]) / std::sqrt(variance[c] + op.eps);
    result.mean[c] = (input.mean_at(c, beta.size()) - mean[c]) * scale + beta[c];
    result.variance[c] = input.variance_at(c, beta.size()) * scale * scale;
  }
  return result;
}

Moments pool(const PoolingOp& op, const Moments& input, const Shape& shape) {
  Moments result = input;
  const std::int64_t window = op.global ? shape[2] * shape[3] : op.kernel[0] * op.kernel[1];
  if (window <= 1) return result;
  const auto area = static_cast<double>(window);
  // Maxima of 4, 9, many half correlated values, in standard deviations above the mean.
  const double above = window <= 4 ? 0.7 : window <= 9 ? 1.0 : 2.0;
  for (std::size_t c = 0; c < result.mean.size(); ++c) {
    if (op.kind == PoolKind::max) {
      result.mean[c] += above * std::sqrt(result.variance[c]);
      result.variance[c] *= 0.7;
    } else {
      const double scale = op.kind == PoolKind::sum ? area : 1.0;
      result.mean[c] *= scale;
      result.variance[c] *= scale * scale / std::sqrt(area);
    }
  }
  return result;
}

Moments concatenate(std::span<const Moments> inputs, std::span<const Shape> shapes, std::int64_t axis) {
  Moments result{{}, {}};
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const auto channels = shapes[i].size() > 1 && axis == 1 ? static_cast<std::size_t>(shapes[i][1]) : std::size_t{1};
    const Moments one = axis == 1 ? inputs[i] : inputs[i].pooled();
    for (std::size_t c = 0; c < channels; ++c) {
      result.mean.push_back(one.mean_at(c, channels));
      result.variance.push_back(one.variance_at(c, channels));
    }
  }
  return axis == 1 ? result : result.pooled();
}

/// Sums of independent values.
Moments add(std::span<const Moments> inputs) {
  std::size_t channels = 1;
  for (const Moments& input : inputs) channels = std::max(channels, input.mean.size());
  Moments result{std::vector<double>(channels), std::vector<double>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    for (const Moments& input : inputs) {
      result.mean[c] += input.mean_at(c, channels);
      result.variance[c] += input.variance_at(c, channels);
    }
  }
  return result;
}

/// Products of independent values.
Moments product(std::span<const Moments> inputs) {
  const std::size_t channels = std::max(inputs[0].mean.size(), inputs[1].mean.size());
  Moments result{std::vector<double>(channels), std::vector<double>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    const double a = inputs[0].mean_at(c, channels), b = inputs[1].mean_at(c, channels);
    const double u = inputs[0].variance_at(c, channels), v = inputs[1].variance_at(c, channels);
    result.mean[c] = a * b;
    result.variance[c] = a * a * v + b * b * u + u * v;
  }
  return result;
}

Moments slopes(const Node& node, const Moments& input, std::size_t channels) {
  const auto gamma = node.params[0].value.as<float>();
  Moments wide{std::vector<double>(channels), std::vector<double>(channels)};
  for (std::size_t c = 0; c < channels; ++c) {
    wide.mean[c] = input.mean_at(c, channels);
    wide.variance[c] = input.variance_at(c, channels);
  }
  return map_normal(wide, [&](std::size_t c, double x) { return x < 0 ? gamma[c % gamma.size()] * x : x; });
}

Moments of_constant(const Tensor& tensor) {
  const auto values = tensor.as<float>();
  if (values.empty()) return {};
  const auto count = static_cast<double>(values.size());
  double sum = 0, squares = 0;
  for (const float v : values) {
    sum += v;
    squares += static_cast<double>(v) * v;
  }
  return {{sum / count}, {std::max(squares / count - sum / count * (sum / count), 0.0)}};
}

Moments of_pixels(const NormalizeOp& op) {
  Moments result{{}, {}};
  for (std::size_t c = 0; c < op.mean.size(); ++c) {
    result.mean.push_back((127.5 - op.mean[c]) / op.std[c]);
    result.variance.push_back(255.0 * 255.0 / 12 / (static_cast<double>(op.std[c]) * op.std[c]));
  }
  return result;
}

/// x / sqrt(sum of x^2), with mean squares in the place of squares.
Moments scale_to_unit(const Node& node, const Moments& input, const Shape& shape) {
  const auto& op = *node.as<L2NormalizationOp>();
  double terms = 1;
  for (std::size_t k = 1; k < shape.size(); ++k) {
    const bool summed = op.mode == L2Mode::instance || (op.mode == L2Mode::channel) == (k == 1);
    terms *= summed ? static_cast<double>(shape[k]) : 1.0;
  }
  const double factor = 1 / std::sqrt(terms * input.mean_square() + static_cast<double>(op.eps));
  Moments result = input;
  for (double& mean : result.mean) mean *= factor;
  for (double& variance : result.variance) variance *= factor * factor;
  return result;
}

Moments of_softmax(const Shape& output) {
  const double mean = 1.0 / static_cast<double>(std::max<std::int64_t>(output.size() > 1 ? output[1] : 1, 1));
  return {{mean}, {mean * mean}};
}

}  // namespace

double Moments::mean_square() const noexcept {
  double sum = 0;
  for (std::size_t c = 0; c < mean.size(); ++c) sum += mean[c] * mean[c] + variance[c];
  return sum / static_cast<double>(mean.size());
}

Moments Moments::pooled() const {
  const double average = std::accumulate(mean.begin(), mean.end(), 0.0) / static_cast<double>(mean.size());
  return {{average}, {std::max(mean_square() - average * average, 0.0)}};
}

Moments predict(const Node& node, std::span<const Moments> inputs, std::span<const Shape> shapes, const Shape& output) {
  if (inputs.empty()) return node.as<ConstantOp>() != nullptr ? of_constant(node.as<ConstantOp>()->value) : Moments();
  const auto extent = [](const Shape& shape, std::size_t axis) { return static_cast<std::size_t>(shape[axis]); };
  if (const auto* op = node.as<NormalizeOp>()) return of_pixels(*op);
  if (const auto* op = node.as<ConvolutionOp>()) {
    return multiply(node, inputs[0], extent(shapes[0], 1), static_cast<std::size_t>(op->groups),
                    static_cast<std::size_t>(op->kernel[0] * op->kernel[1]));
  }
  if (const auto* op = node.as<FullyConnectedOp>()) {
    const Moments rows = op->flatten || shapes[0].size() == 2 ? inputs[0] : inputs[0].pooled();
    return multiply(node, rows, extent(node.params[0].value.shape(), 1), 1, 1);
  }
  if (node.as<BatchNormOp>() != nullptr) return normalise(node, inputs[0]);
  if (const auto* op = node.as<EltwiseOp>()) {
    return map_normal(inputs[0], [op](std::size_t, double x) { return approximate(*op, x); });
  }
  if (const auto* op = node.as<PoolingOp>()) return pool(*op, inputs[0], shapes[0]);
  if (const auto* op = node.as<ConcatOp>()) return concatenate(inputs, shapes, op->axis);
  if (node.as<AddOp>() != nullptr || node.as<AddNOp>() != nullptr) return add(inputs);
  if (const auto* op = node.as<BinaryOp>()) {
    if (op->kind == BinaryKind::mul) return product(inputs);
    if (op->kind == BinaryKind::add) return add(inputs);
  }
  if (node.as<PReluOp>() != nullptr) return slopes(node, inputs[0], extent(shapes[0], 1));
  if (node.as<InstanceNormOp>() != nullptr) return {};
  if (node.as<SoftmaxOp>() != nullptr) return of_softmax(output);
  if (node.as<L2NormalizationOp>() != nullptr) return scale_to_unit(node, inputs[0], shapes[0]);
  if (node.as<FlattenOp>() != nullptr || output == shapes[0]) return inputs[0];
  return inputs[0].pooled();
}

}  // namespace octet
