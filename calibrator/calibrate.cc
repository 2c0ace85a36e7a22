#include "octet/calibrator/calibrate.h"

#include <algorithm>  // std::max, std::lower_bound
#include <utility>    // std::move

#include "octet/calibrator/balance.h"
#include "octet/calibrator/collect.h"
#include "octet/calibrator/damage.h"
#include "octet/calibrator/equalize.h"
#include "octet/calibrator/names.h"
#include "octet/calibrator/output_error.h"
#include "octet/calibrator/picture_store.h"
#include "octet/calibrator/quantize.h"
#include "octet/calibrator/refine.h"
#include "octet/calibrator/thresholds.h"
#include "octet/graph/passes.h"
#include "octet/graph/version.h"

namespace octet {
namespace {

constexpr std::size_t kKeptPictures = 64;  // for the passes after the first

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
  static constexpr const char* kModes[] = {"naive", "entropy", "percentile", "mse", "auto"};
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

std::size_t picture_bytes(const Graph& graph) {
  std::size_t bytes = 1;
  const Shape& shape = graph.nodes[static_cast<std::size_t>(graph.input())].outputs[0].shape;
  for (std::size_t i = 1; i < shape.size(); ++i) bytes *= static_cast<std::size_t>(shape[i]);
  return bytes;
}

/// Hands pictures on and keeps some of them.
PictureSource keeping(const PictureSource& pictures, std::size_t bytes, PictureStore& store) {
  return [&pictures, &store, bytes](std::span<std::uint8_t> slots, std::int64_t count) -> Result<std::int64_t> {
    OCTET_TRY(const std::int64_t got, pictures(slots, count));
    for (std::int64_t i = 0; i < std::min(got, count); ++i) {
      store.add(slots.subspan(static_cast<std::size_t>(i) * bytes, bytes));
    }
    return got;
  };
}

PictureSource source_of(const PictureStore& store) {
  return [&store, next = std::size_t{0}](std::span<std::uint8_t> slots, std::int64_t count) mutable {
    std::int64_t given = 0;
    for (; given < count && next < store.count(); ++given, ++next) {
      const std::span<const std::uint8_t> picture = store[next];
      std::copy(picture.begin(), picture.end(), slots.begin() + given * static_cast<std::ptrdiff_t>(picture.size()));
    }
    return Result<std::int64_t>(given);
  };
}

/// Balances the channels of `graph`, and replaces the statistics of the values that changed by those on the kept
/// pictures.
Result<void> balance_and_collect(const Regions& regions, const std::vector<NodeId>& nodes,
                                 const CalibrationOptions& options, const PictureStore& store, Graph& graph,
                                 Collection& collection) {
  std::vector<float> min(graph.nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) min[static_cast<std::size_t>(nodes[i])] = collection.values[i].min();
  std::vector<int> levels;
  for (const DType dtype : group_dtypes(regions, min, options.dtype)) levels.push_back(levels_of(dtype));
  OCTET_TRY(const std::vector<int> changed, balance(regions, levels, store, options.threads, graph));
  std::vector<NodeId> again;
  for (const int group : changed) {
    const std::vector<NodeId>& sources = regions.sources[static_cast<std::size_t>(group)];
    again.insert(again.end(), sources.begin(), sources.end());
  }
  if (again.empty()) return {};
  OCTET_TRY(Collection fresh, collect(graph, again, options.threads, source_of(store)));
  for (std::size_t k = 0; k < again.size(); ++k) {
    const auto at = std::lower_bound(nodes.begin(), nodes.end(), again[k]) - nodes.begin();
    collection.values[static_cast<std::size_t>(at)] = std::move(fresh.values[k]);
  }
  return {};
}

/// Scales by the error of the readers' outputs; sources report the threshold of their group.
Result<void> choose_by_output(const Graph& graph, const Regions& regions, const std::vector<NodeId>& nodes,
                              const Collection& collection, const PictureStore& store, int threads,
                              std::vector<Storage>& groups, CalibrationReport& report) {
  std::vector<float> largest(groups.size());
  const auto group_of = [&](NodeId id) {
    return static_cast<std::size_t>(regions.group[static_cast<std::size_t>(id)]);
  };
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    float& most = largest[group_of(nodes[i])];
    most = std::max(most, collection.values[i].max_magnitude());
  }
  OCTET_TRY(groups, least_output_error(graph, regions, std::move(groups), largest, store, threads));
  for (const NodeId id : nodes) {
    const Storage& storage = groups[group_of(id)];
    ValueRange& range = report.ranges[graph.nodes[static_cast<std::size_t>(id)].output_name];
    range.threshold = storage.scale * static_cast<float>(levels_of(storage.dtype));
  }
  return {};
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
  const bool automatic = options.mode == CalibrationMode::automatic;
  const Regions regions = find_regions(graph, options.exclude);
  const std::vector<NodeId> nodes = sources_of(regions);
  PictureStore store(picture_bytes(graph), kKeptPictures);
  OCTET_TRY(Collection collection,
            collect(graph, nodes, options.threads, keeping(pictures, picture_bytes(graph), store)));
  if (automatic) OCTET_CHECK(balance_and_collect(regions, nodes, options, store, graph, collection));

  CalibratedModel result;
  result.report.images = collection.images;
  OCTET_TRY(std::vector<Storage> groups, choose_storage(graph, regions, nodes, collection, options, result.report));
  if (automatic) {
    OCTET_CHECK(choose_by_output(graph, regions, nodes, collection, store, options.threads, groups, result.report));
  }
  count_nodes(graph, regions, result.report);
  result.model = {{}, model.preprocess, model.labels, provenance(options, collection.images), model.name};
  for (const auto& [key, value] : model.provenance) result.model.provenance.emplace(key, value);
  OCTET_TRY(result.model.graph, quantize(graph, regions, groups));
  if (automatic) OCTET_CHECK(refine_layers(graph, store, options.threads, result.model.graph));
  if (options.measure_damage) {
    OCTET_TRY(result.report.damage, measure_damage(graph, result.model.graph, store, options.threads));
  }
  return result;
}

}  // namespace octet
