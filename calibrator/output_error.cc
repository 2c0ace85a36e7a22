#include "octet/calibrator/output_error.h"

#include <tbb/parallel_for.h>
#include <algorithm>  // std::clamp
#include <cmath>      // std::nearbyint
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

#include "octet/calibrator/windows.h"

namespace octet {
namespace {

constexpr std::size_t kReaderWindows = 1024;  // of a reader, over all pictures
constexpr std::size_t kWindowBytes = std::size_t{96} << 20U;
constexpr std::size_t kFilters = 64;  // of a reader that are looked at
constexpr float kFactors[] = {1.0F, 0.5F, 0.6F, 0.7F, 0.8F, 0.9F, 1.15F, 1.3F, 1.5F, 1.75F, 2.0F};

/// A layer, or the operand of a sum (`weight` empty), that reads a group.
struct Reader {
  NodeId node = -1;
  std::size_t input = 0;  ///< index among the node's inputs
  int group = -1;
  WindowShape shape;
  std::size_t count = 0;      ///< windows of one picture
  std::vector<float> values;  ///< pictures x count x shape.row()
};

std::vector<Reader> find_readers(const Graph& graph, const Regions& regions, std::size_t pictures) {
  std::vector<Reader> readers;
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const Node& node = graph.nodes[i];
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const int group = regions.group[static_cast<std::size_t>(node.inputs[k].node)];
      if (group < 0 || !reads_quantized(graph, regions, id, k) || node.params.empty()) continue;
      Reader reader{id, k, group, {}, 0, {}};
      if (k == 0) {
        const auto shape = window_shape(graph, id);
        if (!shape) continue;
        reader.shape = *shape;
      } else if (node.outputs[0].shape.size() == 4) {  // one pixel of the operand
        const Shape& shape = node.outputs[0].shape;
        reader.shape = {1, static_cast<std::size_t>(shape[1]), 0, static_cast<std::size_t>(shape[2] * shape[3])};
      } else {
        continue;
      }
      reader.count = std::min(reader.shape.positions, (kReaderWindows + pictures - 1) / pictures);
      bytes += reader.count * pictures * reader.shape.row() * sizeof(float);
      readers.push_back(std::move(reader));
    }
  }
  const double share = static_cast<double>(kWindowBytes) / static_cast<double>(std::max<std::size_t>(bytes, 1));
  for (Reader& reader : readers) {
    if (share < 1)
      reader.count = std::max<std::size_t>(1, static_cast<std::size_t>(share * static_cast<double>(reader.count)));
    reader.values.resize(reader.count * pictures * reader.shape.row());
  }
  return readers;
}

/// The pixels at `positions` of an image, all channels of one behind those of the other.
void copy_pixels(const Observation& seen, std::span<const std::uint64_t> positions, float* to) {
  const auto* data = static_cast<const float*>(seen.data);
  const auto channels = static_cast<std::size_t>(seen.shape[1]);
  const auto plane = static_cast<std::size_t>(seen.shape[2] * seen.shape[3]);
  for (const std::uint64_t at : positions) {
    for (std::size_t c = 0; c < channels; ++c) *to++ = data[seen.nhwc ? at * channels + c : c * plane + at];
  }
}

Result<void> record(const Graph& graph, const PictureStore& pictures, int threads, std::vector<Reader>& readers) {
  const Graph* graphs[] = {&graph};
  return run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    for (Reader& reader : readers) {
      const Node& node = graph.nodes[static_cast<std::size_t>(reader.node)];
      if (node.inputs[reader.input] != seen.value || seen.dtype != DType::f32) continue;
      const std::size_t size = reader.count * reader.shape.row();
      const auto to = std::span(reader.values).subspan(run.picture * size, size);
      const auto positions = window_positions(reader.shape, reader.count, run.picture);
      if (reader.input == 0) {
        copy_windows(graph, reader.node, seen, positions, to);
      } else {
        copy_pixels(seen, positions, to.data());
      }
    }
  });
}

/// Sum over filters of the variance, over windows, of their result for `values`.
double result_variance(const Graph& graph, const Reader& reader, std::span<const float> values) {
  const std::size_t row = reader.shape.row(), inputs = reader.shape.inputs;
  const std::size_t rows = values.size() / row;
  const bool operand = reader.input != 0;
  const std::size_t all = operand ? row : reader.shape.filters;
  const std::size_t used = std::min(all, kFilters);
  const std::span<const float> weight =
      operand ? std::span<const float>()
              : graph.nodes[static_cast<std::size_t>(reader.node)].params[0].value.as<float>();
  double sum = 0;
  for (std::size_t k = 0; k < used; ++k) {
    const std::size_t f = k * all / used;
    const std::size_t first = operand ? f : f / (reader.shape.filters / reader.shape.groups) * inputs;
    double mean = 0, square = 0;
    for (std::size_t r = 0; r < rows; ++r) {
      const float* x = values.data() + r * row + first;
      float lanes[8] = {};
      std::size_t i = 0;
      if (!operand) {
        const float* w = weight.data() + f * inputs;
        for (; i + 8 <= inputs; i += 8) {
          for (std::size_t lane = 0; lane < 8; ++lane) lanes[lane] += x[i + lane] * w[i + lane];
        }
        for (; i < inputs; ++i) lanes[0] += x[i] * w[i];
      } else {
        lanes[0] = x[0];
      }
      double y = 0;
      for (const float lane : lanes) y += static_cast<double>(lane);
      mean += y;
      square += y * y;
    }
    const auto n = static_cast<double>(rows);
    sum += square / n - mean / n * mean / n;
  }
  return sum;
}

/// Q(x) - x for every number.
std::vector<float> rounding_error(std::span<const float> values, Storage storage) {
  const auto high = static_cast<float>(levels_of(storage.dtype));
  const float low = storage.dtype == DType::u8 ? 0.0F : -128.0F;
  const float inverse = 1 / storage.scale;
  std::vector<float> error(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    error[i] = std::clamp(std::nearbyint(values[i] * inverse), low, high) * storage.scale - values[i];
  }
  return error;
}

}  // namespace

Result<std::vector<Storage>> least_output_error(const Graph& f32, const Regions& regions, std::vector<Storage> groups,
                                                std::span<const float> largest, const PictureStore& pictures,
                                                int threads) {
  std::vector<Reader> readers = find_readers(f32, regions, std::max<std::size_t>(pictures.count(), 1));
  OCTET_CHECK(record(f32, pictures, threads, readers));
  constexpr std::size_t kCount = std::size(kFactors);
  const auto candidate = [&](std::size_t group, std::size_t k) {
    Storage storage = groups[group];
    const float most = std::max(storage.scale, largest[group] / static_cast<float>(levels_of(storage.dtype)));
    storage.scale = std::min(storage.scale * kFactors[k], most);
    return storage;
  };
  std::vector<double> errors(readers.size() * kCount);
  tbb::parallel_for(std::size_t{0}, errors.size(), [&](std::size_t i) {
    const Reader& reader = readers[i / kCount];
    const double signal = result_variance(f32, reader, reader.values);
    const Storage storage = candidate(static_cast<std::size_t>(reader.group), i % kCount);
    const double error = result_variance(f32, reader, rounding_error(reader.values, storage));
    errors[i] = signal > 0 ? error / signal : 0;
  });
  for (std::size_t g = 0; g < groups.size(); ++g) {
    double least = std::numeric_limits<double>::infinity();
    std::size_t best = 0;
    for (std::size_t k = 0; k < kCount; ++k) {
      double sum = 0;
      for (std::size_t r = 0; r < readers.size(); ++r) {
        if (readers[r].group == static_cast<int>(g)) sum += errors[r * kCount + k];
      }
      if (sum < least) {
        least = sum;
        best = k;
      }
    }
    groups[g] = candidate(g, best);
  }
  return groups;
}

}  // namespace octet
