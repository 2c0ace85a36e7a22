#include "octet/calibrator/balance.h"

#include <algorithm>  // std::max
#include <cmath>      // std::pow

namespace octet {
namespace {

constexpr double kMostStretch = 64;  // of a channel against the widest
// Rounding together leaves about this share of the noise of rounding each weight by itself.
constexpr double kWeightNoise = 1;

/// Ranges of the channels of a value: root mean square over the pictures of the largest magnitude in
/// each, so that one odd picture does not decide; and their variances.
struct ChannelMoments {
  std::vector<double> range, variance;
};

std::size_t channels_of(const Value& value) {
  return value.shape.size() < 2 ? 0 : static_cast<std::size_t>(value.shape[1]);
}

bool homogeneous(const Node& node) {
  if (node.has_sum()) return false;
  return std::all_of(node.post_ops.begin(), node.post_ops.end(), [](const PostOp& post) {
    return post.eltwise.kind == EltwiseKind::relu || post.eltwise.kind == EltwiseKind::leaky_relu;
  });
}

bool is_layer(const Node& node) {
  return node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
}

class Balancer {
 public:
  Balancer(const Regions& regions, std::span<const int> levels, Graph& graph)
      : regions_(regions), levels_(levels), graph_(graph), channels_(graph.nodes.size()), scale_(graph.nodes.size()) {}

  /// Groups whose channels can be scaled.
  [[nodiscard]] std::vector<int> eligible() const;
  Result<void> measure(const std::vector<int>& groups, const PictureStore& pictures, int threads);
  Result<bool> balance(int group);

 private:
  [[nodiscard]] Node& node(NodeId id) const { return graph_.nodes[static_cast<std::size_t>(id)]; }
  [[nodiscard]] int group_of(NodeId id) const { return regions_.group[static_cast<std::size_t>(id)]; }
  [[nodiscard]] bool is_source(NodeId id) const {
    const auto& sources = regions_.sources[static_cast<std::size_t>(group_of(id))];
    return std::find(sources.begin(), sources.end(), id) != sources.end();
  }
  [[nodiscard]] std::vector<NodeId> readers(int group) const;
  bool set_scales(int group, double power);
  [[nodiscard]] double noise(int group) const;
  [[nodiscard]] double reader_noise(NodeId reader, double activation_step) const;
  Result<void> apply(int group);
  /// Scale of the source channel that weight `i` of a reader multiplies.
  [[nodiscard]] std::size_t channel_of_weight(const Node& reader, std::size_t i) const;

  const Regions& regions_;
  std::span<const int> levels_;
  Graph& graph_;
  std::vector<ChannelMoments> channels_;    ///< of the values of groups that are measured
  std::vector<std::vector<double>> scale_;  ///< s of each value's channels, while a group is looked at
};

std::vector<int> Balancer::eligible() const {
  std::vector<char> fits(regions_.sources.size(), 1);
  const auto reject = [&](NodeId id) {
    if (group_of(id) >= 0) fits[static_cast<std::size_t>(group_of(id))] = 0;
  };
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const auto id = static_cast<NodeId>(i);
    const Node& n = graph_.nodes[i];
    const bool int8 = regions_.int8[i] != 0;
    if (group_of(id) >= 0) {
      if (is_source(id) && !(int8 && is_layer(n) && homogeneous(n))) reject(id);
      if (!is_source(id)) {
        const auto* concat = n.as<ConcatOp>();
        if (concat != nullptr && concat->axis != 1) reject(id);
      }
    }
    for (std::size_t k = 0; k < n.inputs.size(); ++k) {
      const NodeId input = n.inputs[k].node;
      const bool member = int8 && group_of(id) >= 0 && group_of(id) == group_of(input) && !is_source(id);
      const bool layer = int8 && is_layer(n) && k == 0;
      if (!member && !layer) reject(input);
    }
  }
  for (const ValueRef output : graph_.outputs) reject(output.node);
  std::vector<int> groups;
  for (std::size_t g = 0; g < fits.size(); ++g) {
    if (fits[g] != 0 && !regions_.sources[g].empty()) groups.push_back(static_cast<int>(g));
  }
  return groups;
}

std::vector<NodeId> Balancer::readers(int group) const {
  std::vector<NodeId> ids;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    const Node& n = graph_.nodes[i];
    if (is_layer(n) && group_of(n.inputs[0].node) == group) ids.push_back(static_cast<NodeId>(i));
  }
  return ids;
}

/// Largest magnitude, sum and sum of squares of each channel of one picture.
void channel_sums(const Observation& seen, std::size_t channels, double* max, double* sum, double* squares) {
  std::size_t elements = 1;
  for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
  const auto* data = static_cast<const float*>(seen.data);
  const std::size_t plane = elements / channels;
  for (std::size_t i = 0; i < elements; ++i) {
    const std::size_t c = seen.nhwc && seen.shape.size() == 4 ? i % channels : i / plane;
    const auto x = static_cast<double>(data[i]);
    max[c] = std::max(max[c], std::fabs(x));
    sum[c] += x;
    squares[c] += x * x;
  }
}

Result<void> Balancer::measure(const std::vector<int>& groups, const PictureStore& pictures, int threads) {
  const auto wanted = [&](NodeId id) { return std::find(groups.begin(), groups.end(), group_of(id)) != groups.end(); };
  std::vector<std::vector<double>> sums(graph_.nodes.size());  // of each picture: max, sum, squares
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (wanted(static_cast<NodeId>(i))) sums[i].resize(3 * channels_of(graph_.nodes[i].outputs[0]) * pictures.count());
  }
  const Graph* graphs[] = {&graph_};
  OCTET_CHECK(run_pictures(graphs, pictures, threads, [&](const PictureRun& run, const Observation& seen) {
    std::vector<double>& all = sums[static_cast<std::size_t>(seen.value.node)];
    if (all.empty() || seen.dtype != DType::f32) return;
    const auto channels = static_cast<std::size_t>(seen.shape[1]);
    double* mine = all.data() + run.picture * 3 * channels;
    channel_sums(seen, channels, mine, mine + channels, mine + 2 * channels);
  }));
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (sums[i].empty()) continue;
    const Shape& shape = graph_.nodes[i].outputs[0].shape;
    const auto channels = static_cast<std::size_t>(shape[1]);
    double count = static_cast<double>(pictures.count());
    std::vector<double> range(channels), mean(channels), square(channels);
    for (std::size_t k = 0; k < sums[i].size(); k += 3 * channels) {
      for (std::size_t c = 0; c < channels; ++c) {
        range[c] += sums[i][k + c] * sums[i][k + c];
        mean[c] += sums[i][k + channels + c];
        square[c] += sums[i][k + 2 * channels + c];
      }
    }
    for (double& r : range) r = std::sqrt(r / count);
    for (std::size_t d = 2; d < shape.size(); ++d) count *= static_cast<double>(shape[d]);
    for (std::size_t c = 0; c < channels; ++c) square[c] = square[c] / count - mean[c] / count * mean[c] / count;
    channels_[i] = {std::move(range), std::move(square)};
  }
  return {};
}

bool Balancer::set_scales(int group, double power) {
  double widest = 0;
  for (const NodeId id : regions_.sources[static_cast<std::size_t>(group)]) {
    for (const double r : channels_[static_cast<std::size_t>(id)].range) widest = std::max(widest, r);
  }
  if (!(widest > 1e-12) || !(widest < 1e12)) return false;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (regions_.group[i] != group) continue;
    const Node& n = graph_.nodes[i];
    if (is_source(static_cast<NodeId>(i))) {
      scale_[i].clear();
      for (const double r : channels_[i].range) {
        scale_[i].push_back(std::pow(std::max(r / widest, 1 / kMostStretch), power));
      }
    } else if (n.as<FlattenOp>() != nullptr) {
      const std::vector<double>& from = scale_[static_cast<std::size_t>(n.inputs[0].node)];
      const std::size_t plane = channels_of(n.outputs[0]) / std::max<std::size_t>(from.size(), 1);
      scale_[i].clear();
      for (const double s : from) scale_[i].insert(scale_[i].end(), plane, s);
    } else {
      std::vector<double> joined;
      for (const ValueRef input : n.inputs) {
        const std::vector<double>& from = scale_[static_cast<std::size_t>(input.node)];
        joined.insert(joined.end(), from.begin(), from.end());
      }
      scale_[i] = std::move(joined);
    }
    if (scale_[i].size() != channels_of(n.outputs[0])) return false;
  }
  return true;
}

std::size_t Balancer::channel_of_weight(const Node& reader, std::size_t i) const {
  const Shape& shape = reader.params[0].value.shape();
  const std::size_t inputs = reader.params[0].value.elements() / static_cast<std::size_t>(shape[0]);
  const std::size_t channels = channels_of(graph_.value(reader.inputs[0]));
  if (const auto* op = reader.as<ConvolutionOp>()) {
    const auto per_group = static_cast<std::size_t>(shape[1]);
    const std::size_t filters = static_cast<std::size_t>(shape[0]) / static_cast<std::size_t>(op->groups);
    return i / inputs / filters * per_group + i % inputs / (inputs / per_group);
  }
  return i % inputs / (inputs / channels);
}

double Balancer::reader_noise(NodeId id, double activation_step) const {
  const Node& reader = node(id);
  const auto input = static_cast<std::size_t>(reader.inputs[0].node);
  const std::vector<double>& scale = scale_[input];
  const std::vector<double>& variance = channels_[input].variance;
  const std::span<const float> weight = reader.params[0].value.as<float>();
  const std::size_t inputs = weight.size() / static_cast<std::size_t>(reader.params[0].value.shape()[0]);
  double noise = 0;
  for (std::size_t first = 0; first < weight.size(); first += inputs) {
    double largest = 0, gain = 0, signal = 0;
    for (std::size_t i = first; i < first + inputs; ++i) {
      const std::size_t c = channel_of_weight(reader, i);
      const double w = static_cast<double>(weight[i]) * scale[c];
      largest = std::max(largest, std::fabs(w));
      gain += w * w;
      signal += variance[c] / (scale[c] * scale[c]);
    }
    const double step = largest / 127;
    noise += activation_step * activation_step * gain + step * step * signal;
  }
  return noise;
}

double Balancer::noise(int group) const {
  double widest = 0;
  for (const NodeId id : regions_.sources[static_cast<std::size_t>(group)]) {
    const auto i = static_cast<std::size_t>(id);
    for (std::size_t c = 0; c < scale_[i].size(); ++c) widest = std::max(widest, channels_[i].range[c] / scale_[i][c]);
  }
  double sum = 0;
  for (const NodeId id : readers(group)) {
    sum += reader_noise(id, widest / static_cast<double>(levels_[static_cast<std::size_t>(group)]));
  }
  return sum;
}

Result<void> Balancer::apply(int group) {
  for (const NodeId id : regions_.sources[static_cast<std::size_t>(group)]) {
    const std::vector<double>& scale = scale_[static_cast<std::size_t>(id)];
    for (Parameter& parameter : node(id).params) {
      const std::span<float> values = parameter.value.mutable_as<float>();
      const std::size_t row = values.size() / scale.size();
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(static_cast<double>(values[i]) / scale[i / row]);
      }
    }
  }
  for (const NodeId id : readers(group)) {
    const std::vector<double>& scale = scale_[static_cast<std::size_t>(node(id).inputs[0].node)];
    const std::span<float> values = node(id).params[0].value.mutable_as<float>();
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = static_cast<float>(static_cast<double>(values[i]) * scale[channel_of_weight(node(id), i)]);
    }
  }
  return {};
}

Result<bool> Balancer::balance(int group) {
  double best = 0, least = 0;
  for (const double power : {0.0, 0.25, 0.5}) {
    if (!set_scales(group, power)) return false;
    const double n = noise(group);
    if (power == 0 || n < least) {
      least = n;
      best = power;
    }
  }
  if (best == 0) return false;
  set_scales(group, best);
  OCTET_CHECK(apply(group));
  return true;
}

}  // namespace

Result<std::vector<int>> balance(const Regions& regions, std::span<const int> levels, const PictureStore& pictures,
                                 int threads, Graph& graph) {
  Balancer balancer(regions, levels, graph);
  const std::vector<int> groups = balancer.eligible();
  std::vector<int> changed;
  if (groups.empty() || pictures.count() == 0) return changed;
  OCTET_CHECK(balancer.measure(groups, pictures, threads));
  for (const int group : groups) {
    OCTET_TRY(const bool moved, balancer.balance(group));
    if (moved) changed.push_back(group);
  }
  return changed;
}

}  // namespace octet
