#include "octet/calibrator/equalize.h"

#include <algorithm>  // std::all_of
#include <cmath>      // std::sqrt
#include <numeric>    // std::iota
#include <set>        // std::multiset
#include <string>     // std::string

#include "octet/calibrator/regions.h"

namespace octet {
namespace {

constexpr double kDeviations = 3;
constexpr double kLeastShare = 0.01;  // of the widest channel: dead channels must not explode

bool scales_with_input(const EltwiseOp& op) {
  return op.kind == EltwiseKind::relu || op.kind == EltwiseKind::leaky_relu;
}

bool scales_with_input(const Node& node) {
  return std::all_of(node.post_ops.begin(), node.post_ops.end(), [](const PostOp& post) {
    return post.kind == PostOp::Kind::sum || scales_with_input(post.eltwise);
  });
}

/// Nodes whose channel c of the result scales with channel c of all inputs.
bool passes_scale(const Node& node) {
  if (const auto* op = node.as<EltwiseOp>()) return scales_with_input(*op);
  if (const auto* op = node.as<PadOp>()) return op->mode == PadMode::constant && op->value == 0;
  return node.as<PoolingOp>() != nullptr || (node.as<AddOp>() != nullptr && scales_with_input(node));
}

/// ChannelSets of all values as one set of numbers, joined where they must share a factor.
class ChannelSets {
 public:
  explicit ChannelSets(const Graph& graph) : graph_(graph) {
    std::size_t total = 0;
    for (const Node& node : graph.nodes) {
      first_.push_back(total);
      total += count(node);
    }
    parent_.resize(total);
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    pinned_.resize(total);
    range_.resize(total);
    connect();
  }

  /// The factor that channel `c` of node `id`'s value is divided by; 1: it stays.
  double factor(NodeId id, std::size_t c) {
    const std::size_t root = find(first_[static_cast<std::size_t>(id)] + c);
    return pinned_[root] != 0 || !(range_[root] > 0) ? 1.0 : range_[root];
  }

 private:
  static std::size_t count(const Node& node) {
    const bool image = !node.outputs.empty() && node.outputs[0].shape.size() == 4;
    return image ? static_cast<std::size_t>(node.outputs[0].shape[1]) : 1;
  }

  std::size_t find(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = find(a);
    b = find(b);
    parent_[a] = b;
    pinned_[b] = static_cast<char>(pinned_[a] | pinned_[b]);
    range_[b] = std::max(range_[a], range_[b]);
  }
  /// ChannelSets of `input` are those of `id` from `start` on.
  void join_values(NodeId id, std::size_t start, ValueRef input) {
    const std::size_t n = count(graph_.nodes[static_cast<std::size_t>(input.node)]);
    for (std::size_t c = 0; c < n; ++c) {
      join(first_[static_cast<std::size_t>(id)] + start + c, first_[static_cast<std::size_t>(input.node)] + c);
    }
  }
  void pin(NodeId id) {
    const std::size_t n = count(graph_.nodes[static_cast<std::size_t>(id)]);
    for (std::size_t c = 0; c < n; ++c) pinned_[find(first_[static_cast<std::size_t>(id)] + c)] = 1;
  }

  void connect() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) connect(static_cast<NodeId>(i));
    for (const ValueRef output : graph_.outputs) pin(output.node);
  }

  void connect(NodeId id) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(id)];
    const bool image = !node.outputs.empty() && node.outputs[0].shape.size() == 4;
    const auto* concat = node.as<ConcatOp>();
    if (image && passes_scale(node)) {
      for (const ValueRef input : node.inputs) join_values(id, 0, input);
    } else if (image && concat != nullptr && (concat->axis == 1 || concat->axis == -3)) {
      std::size_t start = 0;
      for (const ValueRef input : node.inputs) {
        join_values(id, start, input);
        start += count(graph_.nodes[static_cast<std::size_t>(input.node)]);
      }
    } else if (image && node.as<ConvolutionOp>() != nullptr && scales_with_input(node)) {
      pin(node.inputs[0].node);
      if (node.has_sum()) join_values(id, 0, node.inputs.back());
    } else {
      if (is_channel_norm(graph_, node)) {
        note_ranges(node);
      } else {
        for (const ValueRef input : node.inputs) pin(input.node);
      }
      pin(id);
    }
  }

  void note_ranges(const Node& norm) {
    const auto mean = norm.params[2].value.as<float>(), variance = norm.params[3].value.as<float>();
    const std::size_t n = std::min({mean.size(), variance.size(), count(norm)});
    std::vector<double> ranges(n);
    for (std::size_t c = 0; c < n; ++c) {
      const double range = std::abs(mean[c]) + kDeviations * std::sqrt(std::max(variance[c], 0.0F));
      if (std::isfinite(range)) ranges[c] = range;
    }
    const double widest = ranges.empty() ? 0 : *std::max_element(ranges.begin(), ranges.end());
    for (std::size_t c = 0; c < n; ++c) {
      double& range = range_[find(first_[static_cast<std::size_t>(norm.inputs[0].node)] + c)];
      range = std::max(range, std::max(ranges[c], kLeastShare * widest));
    }
  }

  const Graph& graph_;
  std::vector<std::size_t> first_, parent_;
  std::vector<char> pinned_;   ///< of a root: some reader or producer cannot take a factor
  std::vector<double> range_;  ///< of a root
};

class Equalizer {
 public:
  explicit Equalizer(Graph& graph) : graph_(graph), channels_(graph) {
    for (const Node& node : graph.nodes) {
      for (const Parameter& param : node.params) names_.insert(param.name);
    }
  }

  Result<void> run() {
    for (std::size_t i = 0; i < graph_.nodes.size(); ++i) {
      Node& node = graph_.nodes[i];
      if (node.as<ConvolutionOp>() != nullptr) {
        const std::vector<double> factors = factors_of(static_cast<NodeId>(i));
        if (!factors.empty()) divide(node, factors);
      } else if (is_channel_norm(graph_, node)) {
        const std::vector<double> factors = factors_of(node.inputs[0].node);
        if (!factors.empty()) OCTET_CHECK(multiply(node, factors));
      }
    }
    return validate(graph_);
  }

 private:
  /// Empty when all are 1.
  std::vector<double> factors_of(NodeId id) {
    const Node& node = graph_.nodes[static_cast<std::size_t>(id)];
    if (node.outputs.empty() || node.outputs[0].shape.size() != 4) return {};
    std::vector<double> factors(static_cast<std::size_t>(node.outputs[0].shape[1]));
    bool all_one = true;
    for (std::size_t c = 0; c < factors.size(); ++c) {
      factors[c] = channels_.factor(id, c);
      all_one = all_one && factors[c] == 1;
    }
    return all_one ? std::vector<double>{} : factors;
  }

  /// A tensor that another node uses too gets a name of its own, now that it differs.
  void own(const Node& node, Parameter& param) {
    if (names_.count(param.name) < 2) return;
    names_.erase(names_.find(param.name));
    const std::string wanted = node.name + "_" + param.name;
    param.name = wanted;
    for (int i = 2; names_.contains(param.name); ++i) param.name = wanted + "_" + std::to_string(i);
    names_.insert(param.name);
  }

  void divide(Node& convolution, const std::vector<double>& factors) {
    for (Parameter& param : convolution.params) {
      own(convolution, param);
      const std::span<float> values = param.value.mutable_as<float>();
      const std::size_t per_channel = values.size() / factors.size();
      for (std::size_t i = 0; i < values.size(); ++i) {
        values[i] = static_cast<float>(values[i] / factors[i / per_channel]);
      }
    }
  }

  Result<void> multiply(Node& norm, const std::vector<double>& factors) {
    auto& op = *norm.as<BatchNormOp>();
    for (Parameter& param : norm.params) {
      if (param.value.as<float>().size() != factors.size()) {
        return Error{ErrorCode::invalid_model, norm.name, "a parameter does not fit the channels"};
      }
      own(norm, param);
    }
    const auto gamma = norm.params[0].value.mutable_as<float>(), beta = norm.params[1].value.mutable_as<float>();
    const auto mean = norm.params[2].value.mutable_as<float>(), variance = norm.params[3].value.mutable_as<float>();
    for (std::size_t c = 0; c < factors.size(); ++c) {
      const double scale = (op.fix_gamma ? 1.0 : gamma[c]) / std::sqrt(variance[c] + op.eps);
      beta[c] = static_cast<float>(beta[c] - mean[c] * scale);
      gamma[c] = static_cast<float>(scale * factors[c]);
      mean[c] = 0;
      variance[c] = 1;
    }
    op.fix_gamma = false;
    op.eps = 0;
    return {};
  }

  Graph& graph_;
  ChannelSets channels_;
  std::multiset<std::string> names_;
};

}  // namespace

Result<void> equalize_channels(Graph& graph) { return Equalizer(graph).run(); }

}  // namespace octet
