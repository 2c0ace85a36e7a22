#include "octet/calibrator/output_error.h"

#include <tbb/parallel_for.h>
#include <algorithm>  // std::clamp
#include <cmath>      // std::fabs
#include <limits>     // std::numeric_limits
#include <utility>    // std::move

#include "octet/calibrator/peak_windows.h"
#include "octet/calibrator/thresholds.h"
#include "octet/calibrator/windows.h"

namespace octet {
namespace {

constexpr std::size_t kReaderWindows = 1024;  // of a reader, over all pictures
constexpr std::size_t kWindowBytes = std::size_t{96} << 20U;
constexpr std::size_t kFilters = 64;     // of a reader that are looked at
constexpr std::size_t kThresholds = 22;  // tried
constexpr double kNarrowest = 0.3, kStep = 1.1;
constexpr std::size_t kShift = 2;       // steps: 0.83 to 1.21 times
constexpr float kRounds = 12582912.0F;  // 1.5 * 2^23: a sum with it has no fraction

/// A layer, or the operand of a sum (`weight` empty), that reads a group.
struct Reader {
  NodeId node = -1;
  std::size_t input = 0;  ///< index among the node's inputs
  int group = -1;
  WindowShape shape;
  std::size_t count = 0;       ///< windows of one picture
  std::vector<float> values;   ///< pictures x count x shape.row()
  std::vector<float> weights;  ///< pictures x count: how many windows each stands for
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
      Reader reader{id, k, group, {}, 0, {}, {}};
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
    reader.weights.resize(reader.count * pictures);
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

/// The largest magnitude of each source in each picture: by node, then picture.
using Peaks = std::vector<std::vector<float>>;

Result<void> record(const Graph& graph, const PictureStore& pictures, int threads, std::vector<Reader>& readers,
                    Peaks& peaks) {
  const Graph* graphs[] = {&graph};
  return run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    std::vector<float>& own = peaks[static_cast<std::size_t>(seen.value.node)];
    if (!own.empty() && seen.dtype == DType::f32) own[run.picture] = largest_magnitude(seen);
    for (Reader& reader : readers) {
      const Node& node = graph.nodes[static_cast<std::size_t>(reader.node)];
      if (node.inputs[reader.input] != seen.value || seen.dtype != DType::f32) continue;
      const std::size_t size = reader.count * reader.shape.row();
      const auto to = std::span(reader.values).subspan(run.picture * size, size);
      const auto weights = std::span(reader.weights).subspan(run.picture * reader.count, reader.count);
      const auto positions = choose_windows(
          reader.input == 0 ? window_peaks(graph, reader.node, seen) : pixel_peaks(seen), run.picture, weights);
      if (reader.input == 0) {
        copy_windows(graph, reader.node, seen, positions, to);
      } else {
        copy_pixels(seen, positions, to.data());
      }
    }
  });
}

/// Filters of the reader that are looked at.
std::size_t used_filters(const Reader& reader) {
  return std::min(reader.input != 0 ? reader.shape.row() : reader.shape.filters, kFilters);
}

/// Their results for `values`, less the bias: windows x used filters.
std::vector<float> results_of(const Graph& graph, const Reader& reader, std::span<const float> values) {
  const std::size_t row = reader.shape.row(), inputs = reader.shape.inputs;
  const std::size_t rows = values.size() / row;
  const bool operand = reader.input != 0;
  const std::size_t all = operand ? row : reader.shape.filters;
  const std::size_t used = used_filters(reader);
  const std::span<const float> weight =
      operand ? std::span<const float>()
              : graph.nodes[static_cast<std::size_t>(reader.node)].params[0].value.as<float>();
  std::vector<float> results(rows * used);
  for (std::size_t k = 0; k < used; ++k) {
    const std::size_t f = k * all / used;
    const std::size_t first = operand ? f : f / (reader.shape.filters / reader.shape.groups) * inputs;
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
      float y = 0;
      for (const float lane : lanes) y += lane;
      results[r * used + k] = y;
    }
  }
  return results;
}

/// What the function behind the reader makes of a small change of each of its results: its slope there.
std::vector<float> slopes_of(const Graph& graph, const Reader& reader, std::vector<float> results) {
  const Node& node = graph.nodes[static_cast<std::size_t>(reader.node)];
  const bool known =
      reader.input == 0 && !node.post_ops.empty() && node.post_ops[0].kind == PostOp::Kind::eltwise &&
      (node.post_ops[0].eltwise.kind == EltwiseKind::relu || node.post_ops[0].eltwise.kind == EltwiseKind::leaky_relu);
  if (!known) {
    std::fill(results.begin(), results.end(), 1.0F);
    return results;
  }
  const EltwiseOp& op = node.post_ops[0].eltwise;
  const float below = op.kind == EltwiseKind::leaky_relu ? op.alpha : 0;
  const std::size_t used = used_filters(reader);
  const std::span<const float> bias =
      node.params.size() > 1 ? node.params[1].value.as<float>() : std::span<const float>();
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::size_t f = i % used * reader.shape.filters / used;
    const float y = results[i] + (bias.empty() ? 0.0F : bias[f]);
    results[i] = y > 0 ? 1.0F : below;
  }
  return results;
}

/// Sum over filters of the variance over windows, each result times its slope.
double variance_of(std::span<const float> results, std::span<const float> slopes, std::span<const float> weights) {
  const std::size_t used = results.size() / std::max<std::size_t>(weights.size(), 1);
  std::vector<double> mean(used), square(used);
  double n = 0;
  for (std::size_t r = 0; r < weights.size(); ++r) {
    const auto weight = static_cast<double>(weights[r]);
    n += weight;
    for (std::size_t k = 0; k < used; ++k) {
      const auto y = static_cast<double>(results[r * used + k] * slopes[r * used + k]);
      mean[k] += weight * y;
      square[k] += weight * y * y;
    }
  }
  double sum = 0;
  for (std::size_t k = 0; k < used; ++k) sum += square[k] / n - mean[k] / n * mean[k] / n;
  return sum;
}

/// Q(x) - x for every number of `values`, to `error`.
void rounding_error(std::span<const float> values, DType dtype, float scale, std::span<float> error) {
  const auto high = static_cast<float>(levels_of(dtype));
  const float low = dtype == DType::u8 ? 0.0F : -128.0F;
  const float inverse = 1 / scale;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const float steps = std::clamp(values[i] * inverse, low, high);
    error[i] = (steps + kRounds - kRounds) * scale - values[i];
  }
}

/// Root mean square of a group's peaks in all pictures but `without` (-1: in all).
double usual_peak(const std::vector<NodeId>& sources, const Peaks& peaks, std::ptrdiff_t without) {
  double square = 0, count = 0;
  const std::size_t pictures = sources.empty() ? 0 : peaks[static_cast<std::size_t>(sources.front())].size();
  for (std::size_t p = 0; p < pictures; ++p) {
    if (static_cast<std::ptrdiff_t>(p) == without && pictures > 1) continue;
    float peak = 0;
    for (const NodeId id : sources) peak = std::max(peak, peaks[static_cast<std::size_t>(id)][p]);
    square += static_cast<double>(peak) * static_cast<double>(peak);
    ++count;
  }
  return count > 0 ? std::sqrt(square / count) : 0;
}

/// What no value of a group can pass: its sources end with a clip. Infinite otherwise.
float bound_of(const Graph& graph, const std::vector<NodeId>& sources) {
  float bound = 0;
  for (const NodeId id : sources) {
    const Node& node = graph.nodes[static_cast<std::size_t>(id)];
    const bool fused = !node.post_ops.empty() && node.post_ops.back().kind == PostOp::Kind::eltwise;
    const EltwiseOp* last = fused ? &node.post_ops.back().eltwise : node.as<EltwiseOp>();
    if (last == nullptr || last->kind != EltwiseKind::clip) return std::numeric_limits<float>::infinity();
    bound = std::max(bound, std::max(std::fabs(last->alpha), std::fabs(last->beta)));
  }
  return bound;
}

float threshold_of(double usual, std::size_t k) {
  return static_cast<float>(usual * kNarrowest * std::pow(kStep, static_cast<double>(k)));
}

/// What errors of the values that a reader reads are measured with.
struct ReaderSignal {
  std::vector<float> slopes;  ///< windows x used filters
  double variance = 0;        ///< of the results
};

ReaderSignal signal_of(const Graph& graph, const Reader& reader) {
  const std::vector<float> results = results_of(graph, reader, reader.values);
  ReaderSignal signal{slopes_of(graph, reader, results), 0};
  signal.variance = variance_of(results, signal.slopes, reader.weights);
  return signal;
}

/// Error at the reader's output with the k-th threshold, as a share of its signal. Each picture meets the threshold
/// that the others would have set.
double unseen_error(const Graph& graph, const Regions& regions, const Reader& reader, const ReaderSignal& signal,
                    DType dtype, const Peaks& peaks, std::size_t k) {
  const std::size_t size = reader.count * reader.shape.row();
  std::vector<float> error(reader.values.size());
  const std::vector<NodeId>& sources = regions.sources[static_cast<std::size_t>(reader.group)];
  const float bound = bound_of(graph, sources);
  for (std::size_t p = 0; (p + 1) * size <= error.size(); ++p) {
    const float threshold =
        std::min(bound, threshold_of(usual_peak(sources, peaks, static_cast<std::ptrdiff_t>(p)), k));
    rounding_error(std::span(reader.values).subspan(p * size, size), dtype, scale_of(threshold, levels_of(dtype)),
                   std::span(error).subspan(p * size, size));
  }
  return variance_of(results_of(graph, reader, error), signal.slopes, reader.weights) / signal.variance;
}

/// The threshold with the least mean error over those within kShift steps of it: pictures to come may reach further
/// than those at hand, and clipping costs more than coarse steps do.
std::size_t safest(const std::vector<double>& errors) {
  std::size_t best = 0;
  double least = 0;
  for (std::size_t k = 0; k < kThresholds; ++k) {
    double sum = 0;
    for (std::size_t i = k; i <= k + 2 * kShift; ++i) {
      sum += errors[std::min(std::max(i, kShift) - kShift, kThresholds - 1)];
    }
    if (k > 0 && sum >= least) continue;
    least = sum;
    best = k;
  }
  return best;
}

}  // namespace

Result<std::vector<Storage>> least_output_error(const Graph& f32, const Regions& regions, std::vector<Storage> groups,
                                                const PictureStore& pictures, int threads) {
  std::vector<Reader> readers = find_readers(f32, regions, std::max<std::size_t>(pictures.count(), 1));
  Peaks peaks(f32.nodes.size());
  for (const std::vector<NodeId>& sources : regions.sources) {
    for (const NodeId id : sources) peaks[static_cast<std::size_t>(id)].resize(pictures.count());
  }
  OCTET_CHECK(record(f32, pictures, threads, readers, peaks));
  std::vector<double> errors(readers.size() * kThresholds);
  tbb::parallel_for(std::size_t{0}, readers.size(), [&](std::size_t r) {
    const Reader& reader = readers[r];
    const ReaderSignal signal = signal_of(f32, reader);
    if (!(signal.variance > 0)) return;
    const DType dtype = groups[static_cast<std::size_t>(reader.group)].dtype;
    tbb::parallel_for(std::size_t{0}, kThresholds, [&](std::size_t k) {
      errors[r * kThresholds + k] = unseen_error(f32, regions, reader, signal, dtype, peaks, k);
    });
  });
  for (std::size_t g = 0; g < groups.size(); ++g) {
    std::vector<double> sums;
    for (std::size_t r = 0; r < readers.size(); ++r) {
      if (readers[r].group != static_cast<int>(g)) continue;
      sums.resize(kThresholds);
      for (std::size_t k = 0; k < kThresholds; ++k) sums[k] += errors[r * kThresholds + k];
    }
    const double usual = usual_peak(regions.sources[g], peaks, -1);
    if (sums.empty() || !(usual > 0)) continue;
    const float threshold = std::min(bound_of(f32, regions.sources[g]), threshold_of(usual, safest(sums)));
    groups[g].scale = scale_of(threshold, levels_of(groups[g].dtype));
  }
  return groups;
}

}  // namespace octet
