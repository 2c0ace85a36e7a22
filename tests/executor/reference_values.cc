#include "executor/reference_values.h"

#include <algorithm>
#include <limits>

#include "octet/graph/ops.h"

namespace octet::test {
namespace {

double param(const Node& node, std::size_t k, std::size_t i) { return node.params[k].value.as<float>()[i]; }

/// Computes every element of the result from its index.
template <class Function>
void fill(const Value& out, Tensor& dst, Function function) {
  for (std::size_t i = 0; i < dst.elements(); ++i) {
    store_real(dst, i, static_cast<float>(function(unflat(out.shape, i))), out);
  }
}

double combine(BinaryKind kind, double a, double b) {
  switch (kind) {
    case BinaryKind::add: return a + b;
    case BinaryKind::sub: return a - b;
    case BinaryKind::mul: return a * b;
    case BinaryKind::div: return a / b;
    case BinaryKind::maximum: return std::max(a, b);
    case BinaryKind::minimum: return std::min(a, b);
  }
  return 0;
}

/// The element that stands at `at` of the result once repeated axes are taken back.
double repeated(const RefValue& value, Shape at) {
  for (std::size_t k = 0; k < at.size(); ++k) at[k] = value.value.shape[k] == 1 ? 0 : at[k];
  return value.real(flat(value.value.shape, at));
}

void reduce(const ReduceOp& op, const RefValue& src, const Value& out, Tensor& dst) {
  const Shape& shape = src.value.shape;
  const auto reduced = reduced_axes(op, shape.size()).value();
  const bool sums = op.kind == ReduceKind::mean || op.kind == ReduceKind::sum;
  const double worst = std::numeric_limits<double>::infinity();
  std::vector<double> results(dst.elements(), sums ? 0 : op.kind == ReduceKind::max ? -worst : worst);
  for (std::size_t i = 0; i < src.tensor.elements(); ++i) {
    Shape kept, sizes;
    const Shape at = unflat(shape, i);
    for (std::size_t k = 0; k < at.size(); ++k) {
      if (reduced[k] != 0) continue;
      kept.push_back(at[k]);
      sizes.push_back(shape[k]);
    }
    double& result = results[flat(sizes, kept)];
    const double x = src.real(i);
    result = sums ? result + x : op.kind == ReduceKind::max ? std::max(result, x) : std::min(result, x);
  }
  const double count = static_cast<double>(src.tensor.elements()) / static_cast<double>(dst.elements());
  for (std::size_t i = 0; i < results.size(); ++i) {
    store_real(dst, i, static_cast<float>(op.kind == ReduceKind::mean ? results[i] / count : results[i]), out);
  }
}

void lrn(const LrnOp& op, const RefValue& src, const Value& out, Tensor& dst) {
  const Shape& shape = src.value.shape;
  fill(out, dst, [&](const Shape& at) {
    double sum = 0;
    for (std::int64_t c = at[1] - op.nsize / 2; c <= at[1] + op.nsize / 2; ++c) {
      if (c < 0 || c >= shape[1]) continue;
      const double x = src.real(flat(shape, {at[0], c, at[2], at[3]}));
      sum += x * x;
    }
    return src.real(flat(shape, at)) *
           std::pow(static_cast<double>(op.knorm) + static_cast<double>(op.alpha) / static_cast<double>(op.nsize) * sum,
                    -static_cast<double>(op.beta));
  });
}

void instance_norm(const Node& node, const RefValue& src, const Value& out, Tensor& dst) {
  const Shape& shape = src.value.shape;
  const auto plane = static_cast<std::size_t>(shape[2] * shape[3]);
  fill(out, dst, [&](const Shape& at) {
    const std::size_t first = flat(shape, {at[0], at[1], 0, 0});
    double mean = 0, variance = 0;
    for (std::size_t i = 0; i < plane; ++i) mean += src.real(first + i) / static_cast<double>(plane);
    for (std::size_t i = 0; i < plane; ++i) {
      variance += (src.real(first + i) - mean) * (src.real(first + i) - mean) / static_cast<double>(plane);
    }
    const auto c = static_cast<std::size_t>(at[1]);
    const double eps = node.as<InstanceNormOp>()->eps;
    return (src.real(flat(shape, at)) - mean) / std::sqrt(variance + eps) * param(node, 0, c) + param(node, 1, c);
  });
}

void adaptive_pooling(const RefValue& src, const Value& out, Tensor& dst) {
  const Shape &shape = src.value.shape, &bins = out.shape;
  fill(out, dst, [&](const Shape& at) {
    double sum = 0, count = 0;
    for (std::int64_t y = 0; y < shape[2]; ++y) {
      for (std::int64_t x = 0; x < shape[3]; ++x) {
        // In the bin: begin = floor(i H / h) <= y < ceil((i + 1) H / h).
        const auto inside = [](std::int64_t k, std::int64_t i, std::int64_t size, std::int64_t n) {
          return k >= i * size / n && k * n < (i + 1) * size;
        };
        if (!inside(y, at[2], shape[2], bins[2]) || !inside(x, at[3], shape[3], bins[3])) continue;
        sum += src.real(flat(shape, {at[0], at[1], y, x}));
        ++count;
      }
    }
    return sum / count;
  });
}

/// Gathers: which input pixels and taps reach this output pixel.
void deconvolution(const Node& node, const RefValue& src, const Value& out, Tensor& dst) {
  const auto& op = *node.as<DeconvolutionOp>();
  const Shape &shape = src.value.shape, &weight = node.params[0].value.shape();
  const std::int64_t filters = op.num_filter / op.groups, channels = shape[1] / op.groups;
  fill(out, dst, [&](const Shape& at) {
    double sum = node.params.size() > 1 ? param(node, 1, static_cast<std::size_t>(at[1])) : 0;
    for (std::int64_t ky = 0; ky < op.kernel[0]; ++ky) {
      for (std::int64_t kx = 0; kx < op.kernel[1]; ++kx) {
        const std::int64_t y = at[2] + op.pad[0] - ky * op.dilate[0], x = at[3] + op.pad[1] - kx * op.dilate[1];
        if (y < 0 || x < 0 || y % op.stride[0] != 0 || x % op.stride[1] != 0) continue;
        if (y / op.stride[0] >= shape[2] || x / op.stride[1] >= shape[3]) continue;
        for (std::int64_t c = at[1] / filters * channels; c < (at[1] / filters + 1) * channels; ++c) {
          sum += src.real(flat(shape, {at[0], c, y / op.stride[0], x / op.stride[1]})) *
                 param(node, 0, flat(weight, {c, at[1] % filters, ky, kx}));
        }
      }
    }
    return sum;
  });
}

}  // namespace

std::size_t flat(const Shape& shape, const Shape& index) {
  std::int64_t at = 0;
  for (std::size_t k = 0; k < shape.size(); ++k) at = at * shape[k] + index[k];
  return static_cast<std::size_t>(at);
}

Shape unflat(const Shape& shape, std::size_t at) {
  Shape index(shape.size());
  for (std::size_t k = shape.size(); k-- > 0;) {
    index[k] = static_cast<std::int64_t>(at) % shape[k];
    at /= static_cast<std::size_t>(shape[k]);
  }
  return index;
}

bool reference_value(const Node& node, std::span<const RefValue> inputs, const Value& out, Tensor& dst) {
  const Shape& shape = inputs[0].value.shape;
  if (node.as<PReluOp>() != nullptr) {
    const std::size_t slopes = node.params[0].value.elements();
    fill(out, dst, [&](const Shape& at) -> float {
      const float x = inputs[0].real(flat(shape, at));
      const auto slope = static_cast<float>(param(node, 0, static_cast<std::size_t>(at[1]) % slopes));
      return x < 0 ? x * slope : x;
    });
  } else if (const auto* binary = node.as<BinaryOp>()) {
    fill(out, dst,
         [&](const Shape& at) { return combine(binary->kind, repeated(inputs[0], at), repeated(inputs[1], at)); });
  } else if (node.as<WhereOp>() != nullptr) {
    fill(out, dst, [&](const Shape& at) {
      const std::size_t i = flat(shape, at);
      return inputs[inputs[0].real(i) != 0 ? 1 : 2].real(i);
    });
  } else if (const auto* up = node.as<UpSamplingOp>()) {
    fill(out, dst, [&](const Shape& at) {
      return inputs[0].real(flat(shape, {at[0], at[1], at[2] / up->scale, at[3] / up->scale}));
    });
  } else if (const auto* reduction = node.as<ReduceOp>()) {
    reduce(*reduction, inputs[0], out, dst);
  } else if (const auto* response = node.as<LrnOp>()) {
    lrn(*response, inputs[0], out, dst);
  } else if (node.as<InstanceNormOp>() != nullptr) {
    instance_norm(node, inputs[0], out, dst);
  } else if (node.as<AdaptivePoolingOp>() != nullptr) {
    adaptive_pooling(inputs[0], out, dst);
  } else if (node.as<DeconvolutionOp>() != nullptr) {
    deconvolution(node, inputs[0], out, dst);
  } else {
    return false;
  }
  return true;
}

}  // namespace octet::test
