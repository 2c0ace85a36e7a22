#include "octet/calibrator/peak_windows.h"

#include <algorithm>  // std::nth_element
#include <cmath>      // std::fabs
#include <iterator>   // std::begin
#include <numeric>    // std::iota

#include "octet/calibrator/sample.h"

namespace octet {
namespace {

float largest_magnitude(std::span<const float> values) {
  constexpr std::size_t kLanes = 16;
  float lanes[kLanes] = {};
  std::size_t i = 0;
  for (; i + kLanes <= values.size(); i += kLanes) {
    for (std::size_t lane = 0; lane < kLanes; ++lane) lanes[lane] = std::max(lanes[lane], std::fabs(values[i + lane]));
  }
  for (; i < values.size(); ++i) lanes[0] = std::max(lanes[0], std::fabs(values[i]));
  return *std::max_element(std::begin(lanes), std::end(lanes));
}

}  // namespace

float largest_magnitude(const Observation& seen) {
  std::size_t elements = 1;
  for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
  return largest_magnitude({static_cast<const float*>(seen.data), elements});
}

std::vector<float> pixel_peaks(const Observation& seen) {
  const auto* data = static_cast<const float*>(seen.data);
  const auto channels = static_cast<std::size_t>(seen.shape[1]);
  std::size_t plane = 1;
  for (std::size_t d = 2; d < seen.shape.size(); ++d) plane *= static_cast<std::size_t>(seen.shape[d]);
  std::vector<float> peaks(plane);
  if (seen.nhwc) {
    for (std::size_t i = 0; i < plane; ++i) peaks[i] = largest_magnitude({data + i * channels, channels});
    return peaks;
  }
  for (std::size_t c = 0; c < channels; ++c) {
    for (std::size_t i = 0; i < plane; ++i) peaks[i] = std::max(peaks[i], std::fabs(data[c * plane + i]));
  }
  return peaks;
}

std::vector<float> window_peaks(const Graph& graph, NodeId id, const Observation& seen) {
  const Node& node = graph.nodes[static_cast<std::size_t>(id)];
  const std::vector<float> pixels = pixel_peaks(seen);
  const auto* op = node.as<ConvolutionOp>();
  if (op == nullptr) return {*std::max_element(pixels.begin(), pixels.end())};
  const std::int64_t height = seen.shape[2], width = seen.shape[3];
  std::vector<float> peaks;
  for (std::int64_t y = 0; y < node.outputs[0].shape[2]; ++y) {
    for (std::int64_t x = 0; x < node.outputs[0].shape[3]; ++x) {
      float peak = 0;
      for (std::int64_t k = 0; k < op->kernel[0] * op->kernel[1]; ++k) {
        const std::int64_t iy = y * op->stride[0] - op->pad.top + k / op->kernel[1] * op->dilate[0];
        const std::int64_t ix = x * op->stride[1] - op->pad.left + k % op->kernel[1] * op->dilate[1];
        if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
        peak = std::max(peak, pixels[static_cast<std::size_t>(iy * width + ix)]);
      }
      peaks.push_back(peak);
    }
  }
  return peaks;
}

std::vector<std::uint64_t> choose_windows(const std::vector<float>& peaks, std::uint64_t picture,
                                          std::span<float> weights) {
  const std::size_t count = weights.size();
  std::vector<std::uint64_t> order(peaks.size());
  std::iota(order.begin(), order.end(), std::uint64_t{0});
  const std::size_t high = count < order.size() ? count / 2 : order.size();
  const auto middle = order.begin() + static_cast<std::ptrdiff_t>(high);
  std::nth_element(order.begin(), middle, order.end(), [&](std::uint64_t a, std::uint64_t b) {
    const float x = peaks[static_cast<std::size_t>(a)], y = peaks[static_cast<std::size_t>(b)];
    return x > y || (x == y && a < b);
  });
  std::sort(middle, order.end());
  std::vector<std::uint64_t> positions(order.begin(), middle);
  std::fill_n(weights.begin(), std::min(high, count), 1.0F);
  if (high >= count) return positions;
  const std::size_t rest = order.size() - high;
  for (const std::uint64_t i : sample_indices(rest, count - high, picture)) {
    weights[positions.size()] = static_cast<float>(rest) / static_cast<float>(count - high);
    positions.push_back(middle[static_cast<std::ptrdiff_t>(i)]);
  }
  return positions;
}

}  // namespace octet
