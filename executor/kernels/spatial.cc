#include "octet/executor/kernels/spatial.h"

#include <algorithm>
#include <cstring>

namespace octet::kernels {

void up_sample(std::int64_t scale, const SpatialShape& shape, std::size_t pixel_bytes, const void* src,
               void* dst) noexcept {
  const auto* from = static_cast<const std::byte*>(src);
  auto* to = static_cast<std::byte*>(dst);
  const auto copies = static_cast<std::size_t>(scale);
  for (std::int64_t row = 0; row < shape.images * shape.height; ++row) {
    std::byte* const first = to;
    for (std::int64_t x = 0; x < shape.width; ++x, from += pixel_bytes) {
      for (std::size_t k = 0; k < copies; ++k, to += pixel_bytes) std::memcpy(to, from, pixel_bytes);
    }
    const auto bytes = static_cast<std::size_t>(to - first);
    for (std::size_t k = 1; k < copies; ++k, to += bytes) std::memcpy(to, first, bytes);
  }
}

void adaptive_pooling(const SpatialShape& shape, const float* src, float* dst) noexcept {
  const std::int64_t channels = shape.channels;
  const auto begin = [](std::int64_t i, std::int64_t size, std::int64_t bins) { return i * size / bins; };
  const auto end = [](std::int64_t i, std::int64_t size, std::int64_t bins) {
    return ((i + 1) * size + bins - 1) / bins;
  };
  for (std::int64_t n = 0; n < shape.images; ++n, src += shape.height * shape.width * channels) {
    for (std::int64_t i = 0; i < shape.out_height * shape.out_width; ++i, dst += channels) {
      const std::int64_t row = i / shape.out_width, column = i % shape.out_width;
      const std::int64_t y0 = begin(row, shape.height, shape.out_height), y1 = end(row, shape.height, shape.out_height);
      const std::int64_t x0 = begin(column, shape.width, shape.out_width);
      const std::int64_t x1 = end(column, shape.width, shape.out_width);
      std::fill(dst, dst + channels, 0.0F);
      for (std::int64_t y = y0; y < y1; ++y) {
        for (std::int64_t x = x0; x < x1; ++x) {
          const float* pixel = src + (y * shape.width + x) * channels;
          for (std::int64_t c = 0; c < channels; ++c) dst[c] += pixel[c];
        }
      }
      const auto count = static_cast<float>((y1 - y0) * (x1 - x0));
      for (std::int64_t c = 0; c < channels; ++c) dst[c] /= count;
    }
  }
}

std::vector<float> pack_deconvolution(const DeconvolutionOp& op, std::int64_t channels, const float* weight) {
  const std::int64_t filters = op.num_filter / op.groups, taps = op.kernel[0] * op.kernel[1];
  std::vector<float> packed(static_cast<std::size_t>(channels * filters * taps));
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t f = 0; f < filters; ++f) {
      for (std::int64_t t = 0; t < taps; ++t) {
        packed[static_cast<std::size_t>((t * channels + c) * filters + f)] = weight[(c * filters + f) * taps + t];
      }
    }
  }
  return packed;
}

namespace {

/// One input pixel times one tap of the kernel.
void add_products(const DeconvolutionOp& op, std::int64_t channels, const float* pixel, const float* weight,
                  float* dst) noexcept {
  const std::int64_t filters = op.num_filter / op.groups, per_group = channels / op.groups;
  for (std::int64_t c = 0; c < channels; ++c, weight += filters) {
    float* out = dst + c / per_group * filters;
    const float x = pixel[c];
    for (std::int64_t f = 0; f < filters; ++f) out[f] += x * weight[f];
  }
}

}  // namespace

void deconvolution(const DeconvolutionOp& op, const SpatialShape& shape, const float* src, const float* packed,
                   const float* bias, float* dst) noexcept {
  const std::int64_t filters = op.num_filter, plane = shape.out_height * shape.out_width * filters;
  const std::int64_t tap_weights = shape.channels * (filters / op.groups);
  for (std::int64_t n = 0; n < shape.images; ++n, dst += plane) {
    for (std::int64_t i = 0; i < plane; ++i) dst[i] = bias == nullptr ? 0.0F : bias[i % filters];
    for (std::int64_t i = 0; i < shape.height * shape.width; ++i, src += shape.channels) {
      for (std::int64_t t = 0; t < op.kernel[0] * op.kernel[1]; ++t) {
        const std::int64_t y = i / shape.width * op.stride[0] - op.pad[0] + t / op.kernel[1] * op.dilate[0];
        const std::int64_t x = i % shape.width * op.stride[1] - op.pad[1] + t % op.kernel[1] * op.dilate[1];
        if (y < 0 || y >= shape.out_height || x < 0 || x >= shape.out_width) continue;
        add_products(op, shape.channels, src, packed + t * tap_weights, dst + (y * shape.out_width + x) * filters);
      }
    }
  }
}

}  // namespace octet::kernels
