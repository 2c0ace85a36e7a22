#include "octet/calibrator/layer_gain.h"

#include <algorithm>  // std::stable_sort
#include <set>        // std::set
#include <utility>    // std::move

namespace octet {
namespace {

bool has_filters(const Node& node) {
  return node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
}

/// Storage of the groups of `regions`, which are parts of those of `quantized`: nothing new is read quantised when a
/// layer leaves INT8.
Result<std::vector<Storage>> same_storage(const QuantizedGraph& quantized, const Regions& regions) {
  std::vector<Storage> groups;
  for (const std::vector<NodeId>& sources : regions.sources) {
    const int old = sources.empty() ? -1 : quantized.regions.group[static_cast<std::size_t>(sources.front())];
    if (old < 0) return Error{ErrorCode::internal, {}, "a value is stored that was not stored before"};
    groups.push_back(quantized.groups[static_cast<std::size_t>(old)]);
  }
  return groups;
}

}  // namespace

std::vector<std::string> int8_layers(const QuantizedGraph& quantized) {
  std::vector<std::string> names;
  std::set<std::string> met{""};
  for (std::size_t i = 0; i < quantized.f32.nodes.size(); ++i) {
    const Node& node = quantized.f32.nodes[i];
    if (quantized.regions.int8[i] != 0 && has_filters(node) && met.insert(node.name).second) names.push_back(node.name);
  }
  return names;
}

Result<Graph> without_layer(const QuantizedGraph& quantized, std::vector<std::string> exclude,
                            const std::string& layer) {
  if (!layer.empty()) exclude.push_back(layer);
  const Regions regions = find_regions(quantized.f32, exclude);
  OCTET_TRY(const std::vector<Storage> groups, same_storage(quantized, regions));
  return quantize(quantized.f32, regions, groups);
}

Result<std::vector<LayerGain>> rank_layers(const QuantizedGraph& quantized, const std::vector<std::string>& exclude,
                                           std::span<const std::string> layers, const PictureStore& pictures,
                                           const OutputRows& f32, int threads, const std::function<bool()>& stopped) {
  const auto sqnr_without = [&](const std::string& layer) -> Result<double> {
    OCTET_TRY(const Graph graph, without_layer(quantized, exclude, layer));
    OCTET_TRY(const OutputRows rows, output_rows(graph, pictures, threads));
    return output_sqnr(f32, rows);
  };
  OCTET_TRY(const double base, sqnr_without({}));
  std::vector<LayerGain> gains;
  for (const std::string& layer : layers) {
    if (stopped && stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    OCTET_TRY(const double sqnr, sqnr_without(layer));
    gains.push_back({layer, sqnr, sqnr - base});
  }
  std::stable_sort(gains.begin(), gains.end(), [](const LayerGain& a, const LayerGain& b) { return a.gain > b.gain; });
  return gains;
}

}  // namespace octet
