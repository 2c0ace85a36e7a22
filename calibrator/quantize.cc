#include "octet/calibrator/quantize.h"

#include <algorithm>  // std::all_of
#include <utility>    // std::move

#include "octet/calibrator/first_layer.h"
#include "octet/graph/weights.h"

namespace octet {
namespace {

/// Builds the new graph node by node, in the old order; seams are made when the first reader asks.
class Rewriter {
 public:
  Rewriter(const Graph& graph, const Regions& regions, std::span<const Storage> groups)
      : old_(graph), regions_(regions), groups_(groups), stored_(graph.nodes.size()), other_(graph.nodes.size()) {}

  Result<Graph> run() {
    for (std::size_t i = 0; i < old_.nodes.size(); ++i) OCTET_CHECK(add(static_cast<NodeId>(i)));
    for (const ValueRef output : old_.outputs) new_.outputs.push_back(read_float(output));
    OCTET_CHECK(validate(new_));
    return std::move(new_);
  }

 private:
  [[nodiscard]] bool int8(NodeId id) const { return regions_.int8[static_cast<std::size_t>(id)] != 0; }
  [[nodiscard]] bool read_quantized(NodeId id) const {
    return regions_.read_quantized[static_cast<std::size_t>(id)] != 0;
  }

  /// The storage of a value that INT8 nodes read.
  [[nodiscard]] Storage storage(NodeId id) const {
    const int group = regions_.group[static_cast<std::size_t>(id)];
    return group < 0 ? Storage{DType::u8, 1.0F} : groups_[static_cast<std::size_t>(group)];
  }

  ValueRef append(Node node) {
    new_.nodes.push_back(std::move(node));
    return {static_cast<NodeId>(new_.nodes.size() - 1), 0};
  }

  /// The other form of `id`'s value, through a Quantize or Dequantize node that all readers share.
  ValueRef seam(NodeId id, Op op, const char* suffix, Value value) {
    ValueRef& form = other_[static_cast<std::size_t>(id)];
    if (form.node >= 0) return form;
    const Node& producer = old_.nodes[static_cast<std::size_t>(id)];
    Node node;
    node.name = node.output_name = producer.output_name + suffix;
    node.op = std::move(op);
    node.inputs = {stored_[static_cast<std::size_t>(id)]};
    value.shape = producer.outputs[0].shape;
    node.outputs = {std::move(value)};
    form = append(std::move(node));
    return form;
  }

  ValueRef read_quantized_form(ValueRef old) {
    const ValueRef stored = stored_[static_cast<std::size_t>(old.node)];
    if (new_.value(stored).quantized()) return stored;
    const Storage s = storage(old.node);
    return seam(old.node, QuantizeOp{}, "_quantize", {{}, s.dtype, s.scale});
  }

  ValueRef read_float(ValueRef old) {
    const ValueRef stored = stored_[static_cast<std::size_t>(old.node)];
    if (!new_.value(stored).quantized()) return stored;
    return seam(old.node, DequantizeOp{}, "_dequantize", {{}, DType::f32, 0});
  }

  Result<void> add(NodeId id) {
    const auto i = static_cast<std::size_t>(id);
    if (id == regions_.normalize) {  // its only reader takes the pixels
      stored_[i] = stored_[static_cast<std::size_t>(old_.nodes[i].inputs[0].node)];
      return {};
    }
    Node node = old_.nodes[i];
    if (node.as<InputOp>() != nullptr) node.outputs[0] = {node.outputs[0].shape, DType::u8, 1.0F};
    if (id == regions_.first) OCTET_CHECK(fold_first(node));
    for (std::size_t k = 0; k < node.inputs.size(); ++k) {
      const ValueRef old = old_.nodes[i].inputs[k];
      const bool pixels = node.as<NormalizeOp>() != nullptr;
      node.inputs[k] = pixels                                   ? stored_[static_cast<std::size_t>(old.node)]
                       : reads_quantized(old_, regions_, id, k) ? read_quantized_form(old)
                                                                : read_float(old);
    }
    const bool layer = node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
    if (int8(id) && layer && node.params[0].scale.empty()) OCTET_CHECK(quantize_params(node));
    if (read_quantized(id) && (int8(id) || all_readers_quantized(id))) {
      const Storage s = storage(id);
      node.outputs[0].dtype = s.dtype;
      node.outputs[0].scale = s.scale;
    }
    stored_[i] = append(std::move(node));
    return {};
  }

  /// Normalize can write quantised values by itself when nobody wants floats.
  [[nodiscard]] bool all_readers_quantized(NodeId id) const {
    if (old_.nodes[static_cast<std::size_t>(id)].as<NormalizeOp>() == nullptr) return false;
    int readers = 0;
    for (std::size_t i = 0; i < old_.nodes.size(); ++i) {
      for (std::size_t k = 0; k < old_.nodes[i].inputs.size(); ++k) {
        if (old_.nodes[i].inputs[k].node != id) continue;
        if (reads_quantized(old_, regions_, static_cast<NodeId>(i), k)) ++readers;
      }
    }
    return readers == old_.use_count({id, 0});
  }

  Result<void> fold_first(Node& node) {
    const auto& normalize = *old_.nodes[static_cast<std::size_t>(regions_.normalize)].as<NormalizeOp>();
    OCTET_TRY(FirstLayer first, fold_normalize(normalize, node));
    node = std::move(first.convolution);
    const NodeId input = old_.nodes[static_cast<std::size_t>(regions_.normalize)].inputs[0].node;
    Node& pixels = new_.nodes[static_cast<std::size_t>(stored_[static_cast<std::size_t>(input)].node)];
    pixels.as<InputOp>()->border = first.border;
    Shape& shape = pixels.outputs[0].shape;
    shape[2] += first.border.top + first.border.bottom;
    shape[3] += first.border.left + first.border.right;
    return {};
  }

  Result<void> quantize_params(Node& node) {
    const Value& source = new_.value(node.inputs[0]);
    const SourceScale scale{source.scale, source.dtype == DType::u8 ? 255 : 128};
    const std::span<const float> bias =
        node.params.size() > 1 ? node.params[1].value.as<float>() : std::span<const float>();
    const Shape& shape = node.params[0].value.shape();
    if (node.params.size() > 1 && (shape.empty() || bias.size() != static_cast<std::size_t>(shape[0]))) {
      return Error{ErrorCode::invalid_model, node.name, "the bias must be float32, one value an output channel"};
    }
    OCTET_TRY(node.params[0], quantize_weight(node.params[0], bias, scale));
    return {};
  }

  const Graph& old_;
  const Regions& regions_;
  std::span<const Storage> groups_;
  Graph new_;
  std::vector<ValueRef> stored_;  ///< old node -> its value in the new graph
  std::vector<ValueRef> other_;   ///< old node -> that value behind a seam; node -1: none yet
};

}  // namespace

int levels_of(DType dtype) noexcept { return dtype == DType::u8 ? 255 : 127; }

std::vector<DType> group_dtypes(const Regions& regions, std::span<const float> min, ActivationType type) {
  std::vector<DType> dtypes;
  for (const std::vector<NodeId>& sources : regions.sources) {
    const bool non_negative = std::all_of(sources.begin(), sources.end(), [&](NodeId id) {
      const auto i = static_cast<std::size_t>(id);
      return regions.non_negative[i] != 0 || (type == ActivationType::u8 && min[i] >= 0);
    });
    dtypes.push_back(non_negative && type != ActivationType::s8 ? DType::u8 : DType::s8);
  }
  return dtypes;
}

Result<Graph> quantize(const Graph& graph, const Regions& regions, std::span<const Storage> groups) {
  return Rewriter(graph, regions, groups).run();
}

}  // namespace octet
