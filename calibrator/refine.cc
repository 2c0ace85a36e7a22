#include "octet/calibrator/refine.h"

#include <tbb/parallel_for.h>
#include <algorithm>  // std::max
#include <cmath>      // std::nearbyint
#include <map>        // std::map
#include <string>     // std::string
#include <utility>    // std::exchange

#include "octet/calibrator/rounding.h"
#include "octet/calibrator/windows.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

constexpr std::size_t kWindows = 4096;     // of a layer, over all pictures
constexpr std::size_t kMostInputs = 1152;  // rounded together: 128 channels of 3 x 3
constexpr std::size_t kRecordedBytes = std::size_t{96} << 20U;
constexpr double kMostGain = 1.25;
constexpr double kDoubt = 30;              // windows
constexpr double kMaxBias = 1073741824.0;  // 2^30 units of the accumulator

/// A layer in both graphs.
struct Layer {
  NodeId f32 = -1, int8 = -1;
  WindowShape shape;
  std::size_t count = 0;       ///< windows of one picture
  int level = 0;               ///< weighted layers before it
  std::size_t recorded = 0;    ///< of these, windows whose results of the float layer are known
  std::vector<float> outputs;  ///< those results: pictures x recorded x filters
  bool pixels = false;         ///< reads raw pixels
};

/// What the integers of a layer stand for; pixels enter the first one unnormalised: w / std.
std::vector<float> float_weights(const Graph& f32, const Layer& layer) {
  const Node& node = f32.nodes[static_cast<std::size_t>(layer.f32)];
  const std::span<const float> stored = node.params[0].value.as<float>();
  std::vector<float> weight(stored.begin(), stored.end());
  const auto* normalize = f32.nodes[static_cast<std::size_t>(node.inputs[0].node)].as<NormalizeOp>();
  if (!layer.pixels || normalize == nullptr) return weight;
  const std::size_t channels = normalize->mean.size();
  const std::size_t window = layer.shape.row() / std::max<std::size_t>(channels, 1);
  for (std::size_t i = 0; i < weight.size(); ++i) {
    const std::size_t filter = i / layer.shape.inputs;
    const std::size_t group = filter / (layer.shape.filters / layer.shape.groups);
    const std::size_t channel = (group * layer.shape.inputs + i % layer.shape.inputs) / window;
    weight[i] /= normalize->std[channel];
  }
  return weight;
}

/// Convolution and FullyConnected nodes by name, in the order of the graph: names may repeat.
std::map<std::string, std::vector<NodeId>> layers_by_name(const Graph& graph) {
  std::map<std::string, std::vector<NodeId>> by_name;
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    if (window_shape(graph, id)) by_name[graph.nodes[i].name].push_back(id);
  }
  return by_name;
}

std::vector<Layer> find_layers(const Graph& f32, const Graph& int8, std::size_t pictures) {
  const auto by_name = layers_by_name(f32);
  std::map<std::string, std::size_t> met;
  std::vector<int> depth(int8.nodes.size());
  std::vector<Layer> layers;
  for (std::size_t i = 0; i < int8.nodes.size(); ++i) {
    const Node& node = int8.nodes[i];
    for (const ValueRef input : node.inputs) depth[i] = std::max(depth[i], depth[static_cast<std::size_t>(input.node)]);
    if (node.params.empty()) continue;
    const int level = depth[i]++;
    const auto shape = window_shape(int8, static_cast<NodeId>(i));
    if (!shape) continue;
    const std::size_t nth = met[node.name]++;
    const auto found = by_name.find(node.name);
    if (node.params[0].value.dtype() != DType::s8 || found == by_name.end() || nth >= found->second.size()) continue;
    const NodeId original_id = found->second[nth];
    const Node& original = f32.nodes[static_cast<std::size_t>(original_id)];
    Layer layer;
    layer.f32 = original_id;
    layer.int8 = static_cast<NodeId>(i);
    layer.shape = *shape;
    layer.level = level;
    layer.count = std::min(shape->positions, (kWindows + pictures - 1) / pictures);
    if (original.params[0].value.as<float>().size() != shape->filters * shape->inputs) continue;
    layer.pixels = int8.nodes[static_cast<std::size_t>(node.inputs[0].node)].as<InputOp>() != nullptr;
    layers.push_back(std::move(layer));
  }
  return layers;
}

/// The graph with every fused function and sum as a node of its own, so that the layers' own results
/// can be seen; `place[i]`: the node that computes layer i of `graph` before anything fused.
Graph unfused(const Graph& graph, std::vector<NodeId>& place) {
  Graph result;
  std::vector<NodeId> moved(graph.nodes.size());  // where the finished value of each node is
  place.assign(graph.nodes.size(), -1);
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    Node node = graph.nodes[i];
    for (ValueRef& input : node.inputs) input.node = moved[static_cast<std::size_t>(input.node)];
    const std::vector<PostOp> posts = std::exchange(node.post_ops, {});
    const ValueRef operand = node.inputs.empty() ? ValueRef{} : node.inputs.back();
    if (graph.nodes[i].has_sum()) node.inputs.pop_back();
    const std::vector<Value> outputs = node.outputs;
    result.nodes.push_back(std::move(node));
    place[i] = static_cast<NodeId>(result.nodes.size()) - 1;
    for (const PostOp& post : posts) {
      const ValueRef last{static_cast<NodeId>(result.nodes.size()) - 1, 0};
      Node next;
      next.name = next.output_name = graph.nodes[i].name + "_post" + std::to_string(result.nodes.size());
      next.inputs = {last};
      next.outputs = outputs;
      if (post.kind == PostOp::Kind::sum) {
        next.op = AddOp{};
        next.inputs.push_back(operand);
      } else {
        next.op = post.eltwise;
      }
      result.nodes.push_back(std::move(next));
    }
    moved[i] = static_cast<NodeId>(result.nodes.size()) - 1;
  }
  for (const ValueRef output : graph.outputs)
    result.outputs.push_back({moved[static_cast<std::size_t>(output.node)], 0});
  return result;
}

/// Of the windows of a picture, the one that belongs to its output `k` of `layer.recorded`.
std::size_t recorded_window(const Layer& layer, std::size_t k) { return k * layer.count / layer.recorded; }

/// One image's results of `layer` at the recorded positions: recorded x filters.
void copy_outputs(const Layer& layer, const Observation& seen, std::span<const std::uint64_t> positions, float* to) {
  const auto* data = static_cast<const float*>(seen.data);
  const std::size_t filters = layer.shape.filters;
  for (std::size_t k = 0; k < layer.recorded; ++k) {
    const std::uint64_t at = positions[recorded_window(layer, k)];
    for (std::size_t f = 0; f < filters; ++f) {
      *to++ = data[seen.nhwc ? at * filters + f : f * layer.shape.positions + at];
    }
  }
}

/// Results of the float layers, before anything fused, at sampled positions.
Result<void> record_outputs(const Graph& f32, const PictureStore& pictures, int threads, std::vector<Layer>& layers) {
  std::size_t filters = 0;
  for (const Layer& layer : layers) filters += layer.shape.filters;
  const std::size_t most = kRecordedBytes / sizeof(float) / std::max<std::size_t>(filters * pictures.count(), 1);
  std::vector<NodeId> place;
  const Graph graph = unfused(f32, place);
  std::vector<Layer*> by_node(graph.nodes.size());
  for (Layer& layer : layers) {
    layer.recorded = std::clamp<std::size_t>(most, 1, layer.count);
    layer.outputs.resize(pictures.count() * layer.recorded * layer.shape.filters);
    by_node[static_cast<std::size_t>(place[static_cast<std::size_t>(layer.f32)])] = &layer;
  }
  const Graph* graphs[] = {&graph};
  return run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    Layer* layer = by_node[static_cast<std::size_t>(seen.value.node)];
    if (layer == nullptr || seen.dtype != DType::f32) return;
    float* to = layer->outputs.data() + run.picture * layer->recorded * layer->shape.filters;
    copy_outputs(*layer, seen, window_positions(layer->shape, layer->count, run.picture), to);
  });
}

/// Windows of all pictures, one behind the other: stored integers.
using Windows = std::vector<std::int16_t>;

/// The integers of one filter, rounded anew.
void round_filter(std::span<const float> weight, float scale, const std::vector<WindowMoments>& moments,
                  std::span<std::int8_t> q) {
  std::size_t first = 0;
  for (const WindowMoments& m : moments) {
    std::vector<float> units(m.inputs);
    for (std::size_t i = 0; i < m.inputs; ++i) units[i] = weight[first + i] / scale;
    const std::vector<std::int8_t> rounded = round_weights(units, m);
    std::copy(rounded.begin(), rounded.end(), q.begin() + static_cast<std::ptrdiff_t>(first));
    first += m.inputs;
  }
}

/// A straight line through (integer result, float result) of one filter.
struct Line {
  double gain = 1, offset = 0;
};

/// `sums`: the integer results at the recorded positions, `step` their unit.
Line fit_filter(const Layer& layer, std::size_t filter, std::span<const double> sums, double step) {
  const auto n = static_cast<double>(sums.size());
  double mean_x = 0, mean_y = 0, xy = 0, yy = 0;
  const auto y = [&](std::size_t i) { return static_cast<double>(layer.outputs[i * layer.shape.filters + filter]); };
  for (std::size_t i = 0; i < sums.size(); ++i) {
    mean_x += sums[i] * step / n;
    mean_y += y(i) / n;
  }
  for (std::size_t i = 0; i < sums.size(); ++i) {
    xy += (sums[i] * step - mean_x) * (y(i) - mean_y) / n;
    yy += (y(i) - mean_y) * (y(i) - mean_y) / n;
  }
  Line line;
  if (xy > 0) {
    // The gain that makes results follow the float ones with slope 1; trusted as far as the sample goes.
    line.gain = 1 + (std::clamp(yy / xy, 1 / kMostGain, kMostGain) - 1) * n / (n + kDoubt);
  }
  line.offset = mean_y - line.gain * mean_x;
  return line;
}

/// Integer results of `filter` at the recorded positions of all pictures.
std::vector<double> integer_results(const Layer& layer, std::size_t filter, const Windows& windows,
                                    std::span<const std::int8_t> q) {
  const std::size_t pictures = windows.size() / (layer.count * layer.shape.row());
  const std::size_t group = filter / (layer.shape.filters / layer.shape.groups);
  std::vector<std::int16_t> wide(q.begin(), q.end());
  std::vector<double> results;
  for (std::size_t p = 0; p < pictures; ++p) {
    for (std::size_t k = 0; k < layer.recorded; ++k) {
      const std::size_t row = p * layer.count + recorded_window(layer, k);
      const std::int16_t* x = windows.data() + row * layer.shape.row() + group * layer.shape.inputs;
      std::int32_t sum = 0;
      for (std::size_t i = 0; i < wide.size(); ++i) sum += std::int32_t{x[i]} * wide[i];
      results.push_back(sum);
    }
  }
  return results;
}

/// Moments of the windows of a group, in blocks of inputs that are rounded together.
std::vector<WindowMoments> group_moments(const WindowShape& shape, const Windows& windows, std::size_t group) {
  const std::size_t blocks = (shape.inputs + kMostInputs - 1) / kMostInputs;
  std::vector<WindowMoments> moments(blocks);
  tbb::parallel_for(std::size_t{0}, blocks, [&](std::size_t b) {
    const std::size_t first = b * shape.inputs / blocks, end = (b + 1) * shape.inputs / blocks;
    const auto from = std::span(windows).subspan(group * shape.inputs + first);
    moments[b] = window_moments(from, windows.size() / shape.row(), end - first, shape.row());
  });
  return moments;
}

/// One filter: new integers, scale and bias.
void refine_filter(const Layer& layer, std::size_t f, std::span<const float> weight, const Windows& windows,
                   const std::vector<WindowMoments>& moments, float source_scale, std::span<std::int8_t> q,
                   float& scale, float& bias) {
  round_filter(weight, scale, moments, q);
  const double step = static_cast<double>(source_scale) * static_cast<double>(scale);
  const Line line = fit_filter(layer, f, integer_results(layer, f, windows, q), step);
  if (!(std::fabs(line.offset / (step * line.gain)) < kMaxBias)) return;
  scale = static_cast<float>(static_cast<double>(scale) * line.gain);
  bias = static_cast<float>(line.offset);
}

Result<void> refine_layer(const Layer& layer, std::span<const float> weights, const Windows& windows,
                          float source_scale, Node& node) {
  const WindowShape& shape = layer.shape;
  Parameter& weight = node.params[0];
  const std::span<std::int8_t> q = weight.value.mutable_as<std::int8_t>();
  std::vector<float> bias(shape.filters);
  if (node.params.size() > 1) {
    const std::span<const float> old = node.params[1].value.as<float>();
    std::copy_n(old.begin(), std::min(old.size(), bias.size()), bias.begin());
  }
  const std::size_t filters = shape.filters / shape.groups;
  tbb::parallel_for(std::size_t{0}, shape.groups, [&](std::size_t group) {
    const std::vector<WindowMoments> moments = group_moments(shape, windows, group);
    tbb::parallel_for(group * filters, (group + 1) * filters, [&](std::size_t f) {
      const std::size_t first = f * shape.inputs;
      refine_filter(layer, f, weights.subspan(first, shape.inputs), windows, moments, source_scale,
                    q.subspan(first, shape.inputs), weight.scale[f], bias[f]);
    });
  });
  Parameter corrected{node.params.size() > 1 ? node.params[1].name : node.name + "_bias", {}, {}};
  OCTET_TRY(corrected.value, Tensor::from({static_cast<std::int64_t>(bias.size())}, bias));
  node.params.resize(1);
  node.params.push_back(std::move(corrected));
  return {};
}

/// The part of `int8` that yields what the layers read (pixels: the layers themselves).
Graph front(const Graph& int8, std::span<Layer* const> layers) {
  Graph graph = int8;
  graph.outputs.clear();
  NodeId last = 0;
  for (const Layer* layer : layers) {
    const ValueRef source = int8.nodes[static_cast<std::size_t>(layer->int8)].inputs[0];
    graph.outputs.push_back(layer->pixels ? ValueRef{layer->int8, 0} : source);
    last = std::max(last, graph.outputs.back().node);
  }
  graph.nodes.resize(static_cast<std::size_t>(last) + 1);
  return graph;
}

/// What the layers see when everything before them computes in INT8.
Result<std::vector<Windows>> read_windows(const Graph& int8, std::span<Layer* const> layers,
                                          const PictureStore& pictures, int threads) {
  const Graph graph = front(int8, layers);
  std::vector<Windows> windows;
  for (const Layer* layer : layers) windows.emplace_back(pictures.count() * layer->count * layer->shape.row());
  const Graph* graphs[] = {&graph};
  OCTET_CHECK(run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    for (std::size_t l = 0; l < layers.size(); ++l) {
      const Layer& layer = *layers[l];
      if (int8.nodes[static_cast<std::size_t>(layer.int8)].inputs[0] != seen.value) continue;
      const std::size_t size = layer.count * layer.shape.row();
      copy_windows(int8, layer.int8, seen, window_positions(layer.shape, layer.count, run.picture),
                   std::span(windows[l]).subspan(run.picture * size, size));
    }
  }));
  return windows;
}

}  // namespace

Result<void> refine_layers(const Graph& f32, const PictureStore& pictures, int threads, Graph& int8) {
  if (pictures.count() == 0) return {};
  std::vector<Layer> layers = find_layers(f32, int8, pictures.count());
  OCTET_CHECK(record_outputs(f32, pictures, threads, layers));
  std::map<int, std::vector<Layer*>> levels;
  for (Layer& layer : layers) levels[layer.level].push_back(&layer);
  for (const auto& [level, members] : levels) {
    OCTET_TRY(const std::vector<Windows> windows, read_windows(int8, members, pictures, threads));
    for (std::size_t l = 0; l < members.size(); ++l) {
      Node& node = int8.nodes[static_cast<std::size_t>(members[l]->int8)];
      const float source_scale = int8.value(node.inputs[0]).scale;
      OCTET_CHECK(refine_layer(*members[l], float_weights(f32, *members[l]), windows[l], source_scale, node));
      members[l]->outputs = {};
    }
  }
  return {};
}

}  // namespace octet
