#include "octet/calibrator/layer_gain.h"

#include <algorithm>  // std::stable_sort
#include <cmath>      // std::log10
#include <iterator>   // std::back_inserter
#include <set>        // std::set
#include <utility>    // std::move

#include "octet/calibrator/refine.h"

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
                                           std::span<const std::string> layers, const RankingPictures& pictures,
                                           int threads, const std::function<bool()>& stopped) {
  const std::vector<std::string> all = int8_layers(quantized);
  std::vector<double> noises;
  double total = 0;
  for (const std::string& layer : layers) {
    if (stopped && stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    std::vector<std::string> others = exclude;
    std::copy_if(all.begin(), all.end(), std::back_inserter(others), [&](const auto& name) { return name != layer; });
    OCTET_TRY(Graph graph, without_layer(quantized, std::move(others), {}));
    if (pictures.fit != nullptr) OCTET_CHECK(refine_layers(quantized.f32, *pictures.fit, threads, graph));
    OCTET_TRY(const OutputRows rows, output_rows(graph, pictures.judged, threads));
    noises.push_back(std::pow(10.0, -output_sqnr(pictures.f32, rows) / 10));
    total += noises.back();
  }
  const auto decibels = [](double noise) { return std::min(200.0, -10 * std::log10(std::max(noise, 1e-20))); };
  std::vector<LayerGain> gains;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    const double sqnr = decibels(total - noises[i]);
    gains.push_back({layers[i], sqnr, sqnr - decibels(total)});
  }
  std::stable_sort(gains.begin(), gains.end(), [](const LayerGain& a, const LayerGain& b) { return a.gain > b.gain; });
  return gains;
}

Result<double> sqnr_without(const QuantizedGraph& quantized, const std::vector<std::string>& exclude,
                            const std::string& layer, const RankingPictures& pictures, int threads) {
  OCTET_TRY(Graph graph, without_layer(quantized, exclude, layer));
  if (pictures.fit != nullptr) OCTET_CHECK(refine_layers(quantized.f32, *pictures.fit, threads, graph));
  OCTET_TRY(const OutputRows rows, output_rows(graph, pictures.judged, threads));
  return output_sqnr(pictures.f32, rows);
}

}  // namespace octet
