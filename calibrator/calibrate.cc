#include "octet/calibrator/calibrate.h"

#include <algorithm>  // std::max
#include <utility>    // std::move

#include "octet/calibrator/collect.h"
#include "octet/calibrator/equalize.h"
#include "octet/calibrator/names.h"
#include "octet/calibrator/quantize.h"
#include "octet/calibrator/thresholds.h"
#include "octet/graph/passes.h"
#include "octet/graph/version.h"

namespace octet {
namespace {

Result<void> check_options(const Model& model, const CalibrationOptions& options) {
  if (model.graph.quantized()) {
    return Error{ErrorCode::invalid_model, model.name, "the model is quantised already; calibrate its FP32 pair"};
  }
  if (!(options.percentile > 0 && options.percentile <= 100)) {
    return Error{ErrorCode::usage, "percentile", "must be above 0 and at most 100"};
  }
  if (options.threads < 0) return Error{ErrorCode::usage, "threads", "must not be negative"};
  return {};
}

/// All nodes whose ranges decide a scale, in the order of the graph.
std::vector<NodeId> sources_of(const Regions& regions) {
  std::vector<NodeId> nodes;
  for (const std::vector<NodeId>& group : regions.sources) nodes.insert(nodes.end(), group.begin(), group.end());
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

/// Storage of every group: the widest threshold of its sources. Fills report.ranges.
Result<std::vector<Storage>> choose_storage(const Graph& graph, const Regions& regions,
                                            const std::vector<NodeId>& nodes, const Collection& collection,
                                            const CalibrationOptions& options, CalibrationReport& report) {
  constexpr float kLargest = 1e15F;  // products of scales must stay finite
  std::vector<float> min(graph.nodes.size());
  std::vector<const ValueStatistics*> statistics(graph.nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto node = static_cast<std::size_t>(nodes[i]);
    statistics[node] = &collection.values[i];
    min[node] = collection.values[i].min();
  }
  const std::vector<DType> dtypes = group_dtypes(regions, min, options.dtype);
  std::vector<Storage> groups;
  for (std::size_t g = 0; g < dtypes.size(); ++g) {
    const int levels = levels_of(dtypes[g]);
    float threshold = 0;
    for (const NodeId id : regions.sources[g]) {
      const Node& node = graph.nodes[static_cast<std::size_t>(id)];
      const ValueStatistics& seen = *statistics[static_cast<std::size_t>(id)];
      if (seen.max_magnitude() > kLargest) {
        return Error{ErrorCode::invalid_model, node.output_name, "values above 1e15 cannot be quantised"};
      }
      const float own = choose_threshold(seen, options.mode, levels, options.percentile);
      report.ranges[node.output_name] = {seen.min(), seen.max(), own};
      threshold = std::max(threshold, own);
    }
    groups.push_back({dtypes[g], scale_of(threshold, levels)});
  }
  return groups;
}

void count_nodes(const Graph& graph, const Regions& regions, CalibrationReport& report) {
  for (std::size_t i = 0; i < graph.nodes.size(); ++i) {
    const Node& node = graph.nodes[i];
    const bool computes = node.as<InputOp>() == nullptr && node.as<ConstantOp>() == nullptr &&
                          static_cast<NodeId>(i) != regions.normalize;
    if (computes) ++(regions.int8[i] != 0 ? report.int8_nodes : report.f32_nodes);
  }
}

std::map<std::string, std::string> provenance(const CalibrationOptions& options, std::int64_t images) {
  static constexpr const char* kModes[] = {"naive", "entropy", "percentile", "mse"};
  static constexpr const char* kTypes[] = {"auto", "s8", "u8"};
  std::map<std::string, std::string> result;
  result["octet_version"] = std::string(kVersion);
  result["calibration_mode"] = kModes[static_cast<std::size_t>(options.mode)];
  result["calibration_dtype"] = kTypes[static_cast<std::size_t>(options.dtype)];
  result["calibration_images"] = std::to_string(images);
  if (options.mode == CalibrationMode::percentile) {
    result["calibration_percentile"] = std::to_string(options.percentile);
  }
  std::string names;
  for (const std::string& name : options.exclude) names += (names.empty() ? "" : ",") + name;
  if (!names.empty()) result["calibration_exclude"] = names;
  return result;
}

}  // namespace

Result<CalibratedModel> calibrate(const Model& model, const CalibrationOptions& options,
                                  const PictureSource& pictures) {
  OCTET_CHECK(check_options(model, options));
  Graph graph = model.graph;
  OCTET_CHECK(validate(graph));
  OCTET_CHECK(optimize(graph));
  OCTET_CHECK(check_names(model.graph, graph, options.exclude));
  OCTET_CHECK(equalize_channels(graph));
  const Regions regions = find_regions(graph, options.exclude);
  const std::vector<NodeId> nodes = sources_of(regions);
  OCTET_TRY(const Collection collection, collect(graph, nodes, options.threads, pictures));

  CalibratedModel result;
  result.report.images = collection.images;
  OCTET_TRY(const std::vector<Storage> groups,
            choose_storage(graph, regions, nodes, collection, options, result.report));
  count_nodes(graph, regions, result.report);
  result.model = {{}, model.preprocess, model.labels, provenance(options, collection.images), model.name};
  for (const auto& [key, value] : model.provenance) result.model.provenance.emplace(key, value);
  OCTET_TRY(result.model.graph, quantize(graph, regions, groups));
  return result;
}

}  // namespace octet
