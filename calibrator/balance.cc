#include "octet/calibrator/balance.h"

#include <algorithm>  // std::max
#include <cmath>      // std::pow
#include <mutex>      // std::mutex

#include "octet/calibrator/channel_scales.h"
#include "octet/calibrator/channel_tails.h"
#include "octet/calibrator/windows.h"

namespace octet {
namespace {

constexpr int kRounds = 3;      // of scales and the steps of weights, which depend on each other
constexpr double kPower = 0.7;  // of the scales
constexpr int kLifts = 20;      // tried, each a share of the last
constexpr double kHighestLift = 0.5, kLiftStep = 0.85;

std::size_t channels_of(const Value& value) {
  return value.shape.size() < 2 ? 0 : static_cast<std::size_t>(value.shape[1]);
}

bool homogeneous(const Node& node) {
  if (node.has_sum()) return false;
  return std::all_of(node.post_ops.begin(), node.post_ops.end(), [](const PostOp& post) {
    return post.eltwise.kind == EltwiseKind::relu || post.eltwise.kind == EltwiseKind::leaky_relu;
  });
}

/// The weights of a layer: filter f multiplies the `inputs` numbers of a window from first(f) on.
struct Filters {
  std::span<const float> weight;
  std::size_t inputs, per_group, row;
  [[nodiscard]] std::size_t count() const { return weight.size() / inputs; }
  [[nodiscard]] std::size_t first(std::size_t filter) const { return filter / per_group * inputs; }
  [[nodiscard]] std::span<const float> of(std::size_t filter) const { return weight.subspan(filter * inputs, inputs); }
};

Filters filters_of(const Node& layer) {
  const Tensor& weight = layer.params[0].value;
  const auto* op = layer.as<ConvolutionOp>();
  const std::size_t groups = op == nullptr ? 1 : static_cast<std::size_t>(op->groups);
  const auto count = static_cast<std::size_t>(weight.shape()[0]);
  const std::size_t inputs = weight.elements() / count;
  return {weight.as<float>(), inputs, count / groups, groups * inputs};
}

class Balancer {
 public:
  Balancer(const Regions& regions, std::span<const GroupValues> groups, Graph& graph)
      : regions_(regions),
        groups_(groups),
        graph_(graph),
        tails_(graph.nodes.size()),
        of_channel_(graph.nodes.size()) {}

  /// Groups whose channels can be scaled.
  [[nodiscard]] std::vector<int> eligible() const;
  Result<void> measure(const std::vector<int>& groups, const PictureStore& pictures, int threads);
  /// False when the group stays as it is.
  bool balance(int group);

 private:
  [[nodiscard]] Node& node(NodeId id) const { return graph_.nodes[static_cast<std::size_t>(id)]; }
  [[nodiscard]] int group_of(NodeId id) const { return regions_.group[static_cast<std::size_t>(id)]; }
  [[nodiscard]] const GroupValues& values_of(int group) const { return groups_[static_cast<std::size_t>(group)]; }
  [[nodiscard]] const std::vector<NodeId>& sources(int group) const {
    return regions_.sources[static_cast<std::size_t>(group)];
  }
  [[nodiscard]] bool is_source(NodeId id) const {
    const std::vector<NodeId>& all = sources(group_of(id));
    return std::find(all.begin(), all.end(), id) != all.end();
  }
  /// Has weights for channels of dimension 1.
  [[nodiscard]] bool is_layer(NodeId id) const { return window_shape(graph_, id).has_value(); }
  [[nodiscard]] std::vector<NodeId> readers(int group) const;
  std::size_t number_channels(int group);
  std::vector<ChannelNoise> noise_of_values(int group, std::size_t channels) const;
  void add_weights(int group, std::vector<ChannelNoise>& channels) const;
  [[nodiscard]] std::vector<ChannelNoise> best_scales(int group, const std::vector<ChannelNoise>& channels) const;
  void apply(int group, const std::vector<ChannelNoise>& channels);
  /// For each number of a window that `reader` reads, its channel of the value.
  [[nodiscard]] std::vector<std::size_t> channels_of_window(const Node& reader) const;
  /// And the source's channel behind it, in the group's numbering.
  [[nodiscard]] std::vector<std::size_t> origins_of_window(const Node& reader) const;

  const Regions& regions_;
  std::span<const GroupValues> groups_;
  Graph& graph_;
  std::vector<ChannelTails> tails_;                   ///< of the values that layers of the groups read
  std::vector<std::vector<std::size_t>> of_channel_;  ///< by node: numbers of its channels within the group
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
      if (is_source(id) && !(int8 && is_layer(id) && homogeneous(n))) reject(id);
      if (!is_source(id)) {
        const auto* concat = n.as<ConcatOp>();
        if (concat != nullptr && concat->axis != 1) reject(id);
      }
    }
    for (std::size_t k = 0; k < n.inputs.size(); ++k) {
      const NodeId input = n.inputs[k].node;
      const bool member = int8 && group_of(id) >= 0 && group_of(id) == group_of(input) && !is_source(id);
      const bool layer = int8 && is_layer(id) && k == 0;
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
    if (is_layer(static_cast<NodeId>(i)) && group_of(n.inputs[0].node) == group) ids.push_back(static_cast<NodeId>(i));
  }
  return ids;
}

Result<void> Balancer::measure(const std::vector<int>& groups, const PictureStore& pictures, int threads) {
  for (const int group : groups) {
    const GroupValues& values = values_of(group);
    if (!(values.largest > 1e-12F) || !(values.largest < 1e12F)) continue;
    for (const NodeId id : readers(group)) {
      const ValueRef input = node(id).inputs[0];
      tails_[static_cast<std::size_t>(input.node)] =
          ChannelTails(channels_of(graph_.value(input)), values.largest, !values.lifted);
    }
  }
  const Graph* graphs[] = {&graph_};
  std::vector<std::mutex> mutexes(tails_.size());
  return run_pictures(graphs, pictures, threads, [&](const PictureRun& /*run*/, const Observation& seen) {
    ChannelTails& all = tails_[static_cast<std::size_t>(seen.value.node)];
    if (all.channels() == 0 || seen.dtype != DType::f32) return;
    const std::lock_guard lock(mutexes[static_cast<std::size_t>(seen.value.node)]);
    all.add(seen);
  });
}

/// Gives the channels of the sources numbers and finds them in the other values of the group; 0: cannot.
std::size_t Balancer::number_channels(int group) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
    if (regions_.group[i] != group) continue;
    const Node& n = graph_.nodes[i];
    const std::size_t channels = channels_of(n.outputs[0]);
    std::vector<std::size_t> numbers;
    if (is_source(static_cast<NodeId>(i))) {
      for (std::size_t c = 0; c < channels; ++c) numbers.push_back(count++);
    } else {
      for (const ValueRef input : n.inputs) {
        const std::vector<std::size_t>& from = of_channel_[static_cast<std::size_t>(input.node)];
        const bool flat = n.as<FlattenOp>() != nullptr;
        const std::size_t plane = flat ? channels / std::max<std::size_t>(from.size(), 1) : 1;
        for (const std::size_t number : from) numbers.insert(numbers.end(), plane, number);
      }
    }
    if (numbers.size() != channels) return 0;
    of_channel_[i] = std::move(numbers);
  }
  return count;
}

/// Noise at the readers' outputs, all filters together, from rounding and clipping each channel of the sources.
std::vector<ChannelNoise> Balancer::noise_of_values(int group, std::size_t channels) const {
  std::vector<ChannelNoise> noise(channels);
  for (ChannelNoise& channel : noise) channel.clipping.resize(ChannelTails::kEdges);
  for (const NodeId id : readers(group)) {
    const Node& reader = node(id);
    const ChannelTails& tails = tails_[static_cast<std::size_t>(reader.inputs[0].node)];
    const std::vector<std::size_t>& numbers = of_channel_[static_cast<std::size_t>(reader.inputs[0].node)];
    const std::vector<std::size_t> channel_of = channels_of_window(reader);
    const Filters filters = filters_of(reader);
    std::vector<double> gain(tails.channels());
    for (std::size_t f = 0; f < filters.count(); ++f) {
      const std::size_t* at = channel_of.data() + filters.first(f);
      for (const float w : filters.of(f)) gain[*at++] += static_cast<double>(w) * static_cast<double>(w);
    }
    for (std::size_t c = 0; c < gain.size(); ++c) {
      ChannelNoise& channel = noise[numbers[c]];
      channel.low = std::max(channel.low, tails.low(c));
      channel.rounding += gain[c] * tails.share_not_zero(c) / 12;
      const std::vector<double> clipped = tails.clipped(c);
      for (std::size_t k = 0; k < clipped.size(); ++k) channel.clipping[k] += gain[c] * clipped[k];
    }
  }
  return noise;
}

std::vector<std::size_t> Balancer::channels_of_window(const Node& reader) const {
  const std::size_t channels = channels_of(graph_.value(reader.inputs[0]));
  const std::size_t row = filters_of(reader).row;
  std::vector<std::size_t> result(row);
  const std::size_t window = std::max<std::size_t>(row / std::max<std::size_t>(channels, 1), 1);
  for (std::size_t i = 0; i < row; ++i) result[i] = i / window;
  return result;
}

std::vector<std::size_t> Balancer::origins_of_window(const Node& reader) const {
  const std::vector<std::size_t>& numbers = of_channel_[static_cast<std::size_t>(reader.inputs[0].node)];
  std::vector<std::size_t> result = channels_of_window(reader);
  for (std::size_t& channel : result) channel = numbers[channel];
  return result;
}

/// Noise from rounding the weights that read each channel, with the steps that the scales so far lead to.
void Balancer::add_weights(int group, std::vector<ChannelNoise>& channels) const {
  for (ChannelNoise& channel : channels) channel.weights = 0;
  for (const NodeId id : readers(group)) {
    const Node& reader = node(id);
    const ChannelTails& tails = tails_[static_cast<std::size_t>(reader.inputs[0].node)];
    const std::vector<std::size_t> channel_of = channels_of_window(reader), origin_of = origins_of_window(reader);
    const Filters filters = filters_of(reader);
    std::vector<double> steps(filters.row);  // by number of a window: squares of the steps of all that multiply it
    for (std::size_t f = 0; f < filters.count(); ++f) {
      const std::size_t first = filters.first(f);
      const std::span<const float> weight = filters.of(f);
      double largest = 0;
      for (std::size_t i = 0; i < filters.inputs; ++i) {
        const double scale = channels[origin_of[first + i]].scale;
        largest = std::max(largest, std::fabs(static_cast<double>(weight[i])) * scale);
      }
      for (std::size_t i = 0; i < filters.inputs; ++i) steps[first + i] += largest * largest / (127.0 * 127);
    }
    for (std::size_t i = 0; i < filters.row; ++i) {
      channels[origin_of[i]].weights += steps[i] / 12 * tails.variance(channel_of[i]);
    }
  }
}

/// Scales with the least noise; where values will be lifted, of those for several lifts.
std::vector<ChannelNoise> Balancer::best_scales(int group, const std::vector<ChannelNoise>& channels) const {
  const ChannelTails& edges = tails_[static_cast<std::size_t>(node(readers(group)[0]).inputs[0].node)];
  const GroupValues& values = values_of(group);
  std::vector<ChannelNoise> best;
  double least = 0;
  for (int k = 0; k < (values.lifted ? kLifts : 1); ++k) {
    const double lift = values.lifted ? kHighestLift * std::pow(kLiftStep, k) : 0;
    std::vector<ChannelNoise> tried = channels;
    double noise = 0;
    for (int round = 0; round < kRounds; ++round) {
      add_weights(group, tried);
      noise = choose_scales(edges, {values.levels, lift}, tried);
    }
    if (best.empty() || noise < least) {
      least = noise;
      best = std::move(tried);
    }
  }
  for (ChannelNoise& channel : best) channel.scale = std::pow(channel.scale, kPower);
  return best;
}

/// Divides what yields the channels and multiplies what reads them.
void Balancer::apply(int group, const std::vector<ChannelNoise>& channels) {
  for (const NodeId id : sources(group)) {
    const std::vector<std::size_t>& numbers = of_channel_[static_cast<std::size_t>(id)];
    for (Parameter& parameter : node(id).params) {
      const std::span<float> values = parameter.value.mutable_as<float>();
      const std::size_t row = values.size() / numbers.size();
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(static_cast<double>(values[i]) / channels[numbers[i / row]].scale);
      }
    }
  }
  for (const NodeId id : readers(group)) {
    const std::vector<std::size_t> origin_of = origins_of_window(node(id));
    const std::span<float> values = node(id).params[0].value.mutable_as<float>();
    const Filters filters = filters_of(node(id));
    for (std::size_t i = 0; i < values.size(); ++i) {
      const double scale = channels[origin_of[filters.first(i / filters.inputs) + i % filters.inputs]].scale;
      values[i] = static_cast<float>(static_cast<double>(values[i]) * scale);
    }
  }
}

bool Balancer::balance(int group) {
  for (const NodeId id : readers(group)) {
    const std::size_t channels = tails_[static_cast<std::size_t>(node(id).inputs[0].node)].channels();
    if (channels == 0 || filters_of(node(id)).row % channels != 0) return false;
  }
  const std::size_t count = number_channels(group);
  if (count == 0 || readers(group).empty()) return false;
  const std::vector<ChannelNoise> channels = best_scales(group, noise_of_values(group, count));
  if (std::all_of(channels.begin(), channels.end(), [](const ChannelNoise& c) { return c.scale == 1; })) return false;
  apply(group, channels);
  return true;
}

}  // namespace

Result<std::vector<int>> balance(const Regions& regions, std::span<const GroupValues> groups,
                                 const PictureStore& pictures, int threads, Graph& graph) {
  Balancer balancer(regions, groups, graph);
  const std::vector<int> eligible = balancer.eligible();
  std::vector<int> changed;
  if (eligible.empty() || pictures.count() == 0) return changed;
  OCTET_CHECK(balancer.measure(eligible, pictures, threads));
  for (const int group : eligible) {
    if (balancer.balance(group)) changed.push_back(group);
  }
  return changed;
}

}  // namespace octet
