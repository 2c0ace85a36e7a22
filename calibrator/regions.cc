#include "octet/calibrator/regions.h"

#include <algorithm>  // std::any_of
#include <cmath>      // std::nearbyint
#include <numeric>    // std::iota

namespace octet {
namespace {

bool is_excluded(const Node& node, const std::vector<std::string>& exclude) {
  return std::any_of(exclude.begin(), exclude.end(), [&](const std::string& name) { return node.answers_to(name); });
}

/// Nodes that INT8 is for.
bool is_must(const Graph& graph, const Node& node) {
  if (node.inputs.empty() || node.params.empty()) return false;
  const std::size_t rank = graph.value(node.inputs[0]).shape.size();
  if (node.as<ConvolutionOp>() != nullptr) return rank == 4;
  if (const auto* op = node.as<FullyConnectedOp>()) return op->flatten || rank == 2;
  return false;
}

/// Functions that 256 stored numbers describe well: no poles, no tests against a threshold.
bool has_table(EltwiseKind kind) {
  switch (kind) {
    case EltwiseKind::log:
    case EltwiseKind::reciprocal:
    case EltwiseKind::power:
    case EltwiseKind::greater:
    case EltwiseKind::greater_equal:
    case EltwiseKind::lesser:
    case EltwiseKind::lesser_equal:
    case EltwiseKind::equal:
    case EltwiseKind::not_equal:
    case EltwiseKind::exp: return false;
    default: return true;
  }
}

/// Nodes that can pass quantised values on.
bool is_support(const Graph& graph, const Node& node) {
  for (const ValueRef input : node.inputs) {
    if (graph.nodes[static_cast<std::size_t>(input.node)].as<InputOp>() != nullptr) return false;
  }
  if (const auto* op = node.as<PoolingOp>()) return op->kind != PoolKind::sum;
  if (const auto* op = node.as<ConcatOp>()) return op->axis != 0;
  if (const auto* op = node.as<PadOp>()) return op->mode == PadMode::constant;
  if (const auto* op = node.as<EltwiseOp>()) return has_table(op->kind);
  return node.as<FlattenOp>() != nullptr || node.as<AddOp>() != nullptr || node.as<PReluOp>() != nullptr ||
         node.as<UpSamplingOp>() != nullptr || is_channel_norm(graph, node) || node.as<L2NormalizationOp>() != nullptr;
}

/// INT8 nodes that only move or select numbers.
bool keeps_scale(const Node& node) {
  if (const auto* op = node.as<PoolingOp>()) return op->kind == PoolKind::max;
  return node.as<ConcatOp>() != nullptr || node.as<FlattenOp>() != nullptr || node.as<PadOp>() != nullptr ||
         node.as<UpSamplingOp>() != nullptr;
}

bool non_negative(const EltwiseOp& op, bool input) {
  switch (op.kind) {
    case EltwiseKind::relu:
    case EltwiseKind::sigmoid:
    case EltwiseKind::softrelu: return true;
    case EltwiseKind::clip: return op.beta >= 0 && (op.alpha >= 0 || input);
    case EltwiseKind::leaky_relu:
    case EltwiseKind::elu: return input || op.alpha <= 0;
    case EltwiseKind::tanh:
    case EltwiseKind::softsign:
    case EltwiseKind::power: return input;
    case EltwiseKind::linear: return input && op.alpha >= 0 && op.beta >= 0;
    case EltwiseKind::reciprocal: return input && op.alpha >= 0;
    case EltwiseKind::gelu: return input;
    case EltwiseKind::log: return false;
    case EltwiseKind::exp:
    case EltwiseKind::sqrt:
    case EltwiseKind::square:
    case EltwiseKind::abs:
    case EltwiseKind::greater:
    case EltwiseKind::greater_equal:
    case EltwiseKind::lesser:
    case EltwiseKind::lesser_equal:
    case EltwiseKind::equal:
    case EltwiseKind::not_equal: return true;
  }
  return false;
}

bool non_negative(const Node& node, const std::vector<char>& known) {
  const auto input = [&](std::size_t k) { return known[static_cast<std::size_t>(node.inputs[k].node)] != 0; };
  bool all = !node.inputs.empty();
  for (std::size_t k = 0; k < node.inputs.size(); ++k) all = all && input(k);
  bool result = false;
  if (node.as<InputOp>() != nullptr || node.as<SoftmaxOp>() != nullptr) {
    result = true;
  } else if (const auto* eltwise = node.as<EltwiseOp>()) {
    result = all && non_negative(*eltwise, true);
    result = result || non_negative(*eltwise, false);
  } else if (const auto* pad = node.as<PadOp>()) {
    result = all && (pad->mode != PadMode::constant || pad->value >= 0);
  } else if (const auto* normalize = node.as<NormalizeOp>()) {
    result = std::all_of(normalize->mean.begin(), normalize->mean.end(), [](float m) { return m <= 0; }) &&
             std::all_of(normalize->std.begin(), normalize->std.end(), [](float s) { return s > 0; });
  } else if (const auto* binary = node.as<BinaryOp>()) {
    result = all && binary->kind != BinaryKind::sub;
  } else if (node.as<L2NormalizationOp>() != nullptr) {
    const auto scale = node.params.empty() ? std::span<const float>() : node.params[0].value.as<float>();
    result = all && std::all_of(scale.begin(), scale.end(), [](float x) { return x >= 0; });
  } else if (const auto* constant = node.as<ConstantOp>()) {
    const std::span<const float> values = constant->value.as<float>();
    result = !values.empty() && std::all_of(values.begin(), values.end(), [](float x) { return x >= 0; });
  } else {
    result =
        all && (keeps_scale(node) || node.as<PoolingOp>() != nullptr || node.as<AddOp>() != nullptr ||
                node.as<ReshapeOp>() != nullptr || node.as<TransposeOp>() != nullptr ||
                node.as<IdentityOp>() != nullptr || node.as<PReluOp>() != nullptr || node.as<ReduceOp>() != nullptr ||
                node.as<LrnOp>() != nullptr || node.as<AdaptivePoolingOp>() != nullptr);
  }
  for (const PostOp& post : node.post_ops) {
    if (post.kind == PostOp::Kind::sum) {
      result = result && input(node.inputs.size() - 1);
    } else {
      result = non_negative(post.eltwise, result);
    }
  }
  return result;
}

void mark_int8(const Graph& graph, const std::vector<std::string>& exclude, Regions& regions) {
  const std::size_t n = graph.nodes.size();
  std::vector<char> must(n), support(n), forward(n), backward(n);
  for (std::size_t i = 0; i < n; ++i) {
    const Node& node = graph.nodes[i];
    if (is_excluded(node, exclude)) continue;
    must[i] = is_must(graph, node) ? 1 : 0;
    support[i] = is_support(graph, node) ? 1 : 0;
    for (const ValueRef input : node.inputs) {
      const auto p = static_cast<std::size_t>(input.node);
      if (support[i] != 0 && (must[p] != 0 || forward[p] != 0)) forward[i] = 1;
    }
  }
  regions.int8.assign(n, 0);
  for (std::size_t i = n; i-- > 0;) {
    if (must[i] != 0 || (forward[i] != 0 && backward[i] != 0)) regions.int8[i] = 1;
    if (must[i] == 0 && (support[i] == 0 || backward[i] == 0)) continue;
    for (const ValueRef input : graph.nodes[i].inputs) backward[static_cast<std::size_t>(input.node)] = 1;
  }
}

/// A border of pixels can stand for zero padding: rounded means are pixels. With mean 0 no border is needed.
bool border_fits(const NormalizeOp& op) {
  return std::all_of(op.mean.begin(), op.mean.end(), [](float m) { return m > -0.5F && m < 255.5F; });
}

void find_first(const Graph& graph, Regions& regions) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const auto* normalize = graph.nodes[i].as<NormalizeOp>();
    const ValueRef value{static_cast<NodeId>(i), 0};
    if (normalize == nullptr || graph.use_count(value) != 1) continue;
    if (graph.nodes[static_cast<std::size_t>(graph.nodes[i].inputs[0].node)].as<InputOp>() == nullptr) continue;
    if (graph.use_count(graph.nodes[i].inputs[0]) != 1) continue;
    const Shape& shape = graph.value(value).shape;
    const auto channels = shape.size() == 4 ? static_cast<std::size_t>(shape[1]) : 0;
    const bool sane = channels >= 1 && channels <= 3 && normalize->mean.size() == channels &&
                      normalize->std.size() == channels &&
                      std::all_of(normalize->std.begin(), normalize->std.end(),
                                  [](float s) { return std::isfinite(s) && std::fabs(s) > 1e-6F; });
    if (!sane) continue;
    for (std::size_t k = i + 1; k < graph.nodes.size(); ++k) {
      const Node& reader = graph.nodes[k];
      const auto* convolution = reader.as<ConvolutionOp>();
      if (convolution == nullptr || reader.inputs[0] != value || regions.int8[k] == 0) continue;
      if (convolution->pad != Padding{} && !border_fits(*normalize)) continue;
      regions.normalize = static_cast<NodeId>(i);
      regions.first = static_cast<NodeId>(k);
      return;
    }
  }
}

void mark_read_quantized(const Graph& graph, Regions& regions) {
  regions.read_quantized.assign(graph.nodes.size(), 0);
  for (std::size_t i = graph.nodes.size(); i-- > 0;) {  // readers come later: theirs is known
    if (regions.int8[i] == 0) continue;
    const auto id = static_cast<NodeId>(i);
    for (std::size_t k = 0; k < graph.nodes[i].inputs.size(); ++k) {
      if (reads_quantized(graph, regions, id, k)) {
        regions.read_quantized[static_cast<std::size_t>(graph.nodes[i].inputs[k].node)] = 1;
      }
    }
  }
}

int find_root(std::vector<int>& parent, int i) {
  while (parent[static_cast<std::size_t>(i)] != i) {
    int& up = parent[static_cast<std::size_t>(i)];
    up = parent[static_cast<std::size_t>(up)];
    i = up;
  }
  return i;
}

void form_groups(const Graph& graph, Regions& regions) {
  const std::size_t n = graph.nodes.size();
  std::vector<int> parent(n);
  std::iota(parent.begin(), parent.end(), 0);
  for (std::size_t i = 0; i < n; ++i) {
    if (regions.int8[i] == 0 || !keeps_scale(graph.nodes[i])) continue;
    for (const ValueRef input : graph.nodes[i].inputs) {
      parent[static_cast<std::size_t>(find_root(parent, input.node))] = find_root(parent, static_cast<int>(i));
    }
  }
  std::vector<int> number(n, -1);
  regions.group.assign(n, -1);
  for (std::size_t i = 0; i < n; ++i) {
    const bool pixels = graph.nodes[i].as<InputOp>() != nullptr;  // their scale is 1 by nature
    const bool folded = static_cast<NodeId>(i) == regions.normalize;
    if (regions.read_quantized[i] == 0 || pixels || folded) continue;
    int& group = number[static_cast<std::size_t>(find_root(parent, static_cast<int>(i)))];
    if (group < 0) {
      group = static_cast<int>(regions.sources.size());
      regions.sources.emplace_back();
    }
    regions.group[i] = group;
    if (regions.int8[i] == 0 || !keeps_scale(graph.nodes[i])) {
      regions.sources[static_cast<std::size_t>(group)].push_back(static_cast<NodeId>(i));
    }
  }
}

}  // namespace

bool is_channel_norm(const Graph& graph, const Node& node) {
  const auto* op = node.as<BatchNormOp>();
  return op != nullptr && graph.value(node.inputs[0]).shape.size() == 4 && (op->axis == 1 || op->axis == -3);
}

bool reads_quantized(const Graph& graph, const Regions& regions, NodeId id, std::size_t k) {
  const auto i = static_cast<std::size_t>(id);
  if (regions.int8[i] == 0) return false;
  const Node& node = graph.nodes[i];
  const bool operand = node.has_sum() && k + 1 == node.inputs.size();
  return !operand || regions.read_quantized[i] != 0;
}

Regions find_regions(const Graph& graph, const std::vector<std::string>& exclude) {
  Regions regions;
  for (const Node& node : graph.nodes) {
    regions.non_negative.push_back(non_negative(node, regions.non_negative) ? 1 : 0);
  }
  mark_int8(graph, exclude, regions);
  mark_read_quantized(graph, regions);
  find_first(graph, regions);
  form_groups(graph, regions);
  return regions;
}

}  // namespace octet
