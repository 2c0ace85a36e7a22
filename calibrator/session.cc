#include "octet/calibrator/session.h"

#include <algorithm>  // std::max, std::lower_bound
#include <utility>    // std::move

#include "octet/calibrator/balance.h"
#include "octet/calibrator/equalize.h"
#include "octet/calibrator/histogram.h"
#include "octet/calibrator/lift.h"
#include "octet/calibrator/names.h"
#include "octet/calibrator/output_error.h"
#include "octet/calibrator/refine.h"
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

/// Statistics by node; null where there are none.
std::vector<const ValueStatistics*> statistics_by_node(const SampledGraph& sampled) {
  std::vector<const ValueStatistics*> statistics(sampled.graph.nodes.size());
  for (std::size_t i = 0; i < sampled.nodes.size(); ++i) {
    statistics[static_cast<std::size_t>(sampled.nodes[i])] = &sampled.collection.values[i];
  }
  return statistics;
}

/// The smallest value of each node on the sample.
std::vector<float> smallest(const SampledGraph& sampled) {
  std::vector<float> min(sampled.graph.nodes.size());
  for (std::size_t i = 0; i < sampled.nodes.size(); ++i) {
    min[static_cast<std::size_t>(sampled.nodes[i])] = sampled.collection.values[i].min();
  }
  return min;
}

/// The largest.
std::vector<float> largest(const SampledGraph& sampled) {
  std::vector<float> max(sampled.graph.nodes.size());
  for (std::size_t i = 0; i < sampled.nodes.size(); ++i) {
    max[static_cast<std::size_t>(sampled.nodes[i])] = sampled.collection.values[i].max();
  }
  return max;
}

/// Storage of every group: the widest threshold of its sources. Fills report.ranges.
Result<std::vector<Storage>> choose_storage(const SampledGraph& sampled, const Regions& regions,
                                            const CalibrationOptions& options, CalibrationReport& report) {
  constexpr float kLargest = 1e15F;  // products of scales must stay finite
  const std::vector<const ValueStatistics*> statistics = statistics_by_node(sampled);
  const std::vector<DType> dtypes = group_dtypes(regions, smallest(sampled), options.dtype);
  std::vector<Storage> groups;
  for (std::size_t g = 0; g < dtypes.size(); ++g) {
    const int levels = levels_of(dtypes[g]);
    float threshold = 0;
    for (const NodeId id : regions.sources[g]) {
      const Node& node = sampled.graph.nodes[static_cast<std::size_t>(id)];
      const ValueStatistics& seen = *statistics[static_cast<std::size_t>(id)];
      if (seen.max_magnitude() > kLargest) {
        return Error{ErrorCode::invalid_model, node.output_name, "values above 1e15 cannot be quantised"};
      }
      const float own = choose_threshold(seen, options.mode, levels, options.percentile);
      report.ranges[node.output_name] = {seen.min(), seen.max(), own};
      if (options.measure_damage) {
        report.histograms[node.output_name] = histogram_of(seen, levels, options.percentile);
      }
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
  static constexpr const char* kTypes[] = {"auto", "s8", "u8"};
  std::map<std::string, std::string> result;
  result["octet_version"] = std::string(kVersion);
  result["calibration_mode"] = to_string(options.mode);
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

/// Replaces the statistics of `nodes` by those on the kept pictures.
Result<void> collect_again(const std::vector<NodeId>& nodes, int threads, const PictureStore& store,
                           SampledGraph& sampled) {
  if (nodes.empty()) return {};
  OCTET_TRY(Collection fresh, collect(sampled.graph, nodes, threads, source_of(store)));
  for (std::size_t k = 0; k < nodes.size(); ++k) {
    const auto at = std::lower_bound(sampled.nodes.begin(), sampled.nodes.end(), nodes[k]) - sampled.nodes.begin();
    sampled.collection.values[static_cast<std::size_t>(at)] = std::move(fresh.values[k]);
  }
  return {};
}

/// Balances the channels of the graph. Statistics of the values that change are those on the kept pictures then.
Result<void> balance_and_collect(const Regions& regions, const CalibrationOptions& options, const PictureStore& store,
                                 SampledGraph& sampled) {
  const std::vector<DType> dtypes = group_dtypes(regions, smallest(sampled), options.dtype);
  std::vector<char> lifted(dtypes.size());
  if (options.dtype == ActivationType::automatic) lifted = liftable_groups(regions, dtypes, sampled.graph);
  const std::vector<const ValueStatistics*> statistics = statistics_by_node(sampled);
  std::vector<GroupValues> groups;
  for (std::size_t g = 0; g < dtypes.size(); ++g) {
    GroupValues values{lifted[g] != 0 ? levels_of(DType::u8) : levels_of(dtypes[g]), 0, lifted[g] != 0};
    for (const NodeId id : regions.sources[g]) {
      values.largest = std::max(values.largest, statistics[static_cast<std::size_t>(id)]->max_magnitude());
    }
    groups.push_back(values);
  }
  OCTET_TRY(const std::vector<int> changed, balance(regions, groups, store, options.threads, sampled.graph));
  std::vector<NodeId> again;
  for (const int group : changed) {
    const std::vector<NodeId>& sources = regions.sources[static_cast<std::size_t>(group)];
    again.insert(again.end(), sources.begin(), sources.end());
  }
  return collect_again(again, options.threads, store, sampled);
}

/// Lifts what can be stored unsigned then; likewise.
Result<std::vector<Lift>> lift_and_collect(Regions& regions, const CalibrationOptions& options,
                                           const PictureStore& store, SampledGraph& sampled) {
  if (options.dtype != ActivationType::automatic) return std::vector<Lift>();
  const std::vector<float> min = smallest(sampled);
  std::vector<NodeId> moved;
  std::vector<Lift> lifts =
      lift_values(regions, group_dtypes(regions, min, options.dtype), min, largest(sampled), sampled.graph, moved);
  if (lifts.empty()) return lifts;
  for (NodeId& id : sampled.nodes) id = moved[static_cast<std::size_t>(id)];
  std::vector<NodeId> again;
  for (const Lift& lift : lifts) again.insert(again.end(), lift.sources.begin(), lift.sources.end());
  regions = find_regions(sampled.graph, options.exclude);
  OCTET_CHECK(collect_again(again, options.threads, store, sampled));
  return lifts;
}

/// Scales by the error of the readers' outputs; sources report the threshold of their group.
Result<void> choose_by_output(const SampledGraph& sampled, const Regions& regions, const PictureStore& store,
                              int threads, std::vector<Storage>& groups, CalibrationReport& report) {
  OCTET_TRY(groups, least_output_error(sampled.graph, regions, std::move(groups), store, threads));
  for (std::size_t g = 0; g < groups.size(); ++g) {
    for (const NodeId id : regions.sources[g]) {
      ValueRange& range = report.ranges[sampled.graph.nodes[static_cast<std::size_t>(id)].output_name];
      range.threshold = groups[g].scale * static_cast<float>(levels_of(groups[g].dtype));
    }
  }
  return {};
}

}  // namespace

std::size_t picture_bytes(const Graph& graph) {
  std::size_t bytes = 1;
  const Shape& shape = graph.nodes[static_cast<std::size_t>(graph.input())].outputs[0].shape;
  for (std::size_t i = 1; i < shape.size(); ++i) bytes *= static_cast<std::size_t>(shape[i]);
  return bytes;
}

std::vector<NodeId> sources_of(const Regions& regions) {
  std::vector<NodeId> nodes;
  for (const std::vector<NodeId>& group : regions.sources) nodes.insert(nodes.end(), group.begin(), group.end());
  std::sort(nodes.begin(), nodes.end());
  return nodes;
}

Result<SampledGraph> prepare(const Model& model, CalibrationOptions& options) {
  OCTET_CHECK(check_options(model, options));
  SampledGraph prepared;
  prepared.graph = model.graph;
  OCTET_CHECK(validate(prepared.graph));
  OCTET_CHECK(optimize(prepared.graph));
  OCTET_TRY(options.exclude, excluded_names(model.graph, prepared.graph, options));
  options.exclude_ops.clear();
  options.exclude_first_conv = false;
  OCTET_CHECK(equalize_channels(prepared.graph));
  return prepared;
}

Result<void> sample(std::vector<NodeId> nodes, int threads, const PictureSource& pictures,
                    const std::function<void(std::span<const std::uint8_t>)>& seen, SampledGraph& to) {
  const std::size_t bytes = picture_bytes(to.graph);
  const PictureSource showing = [&](std::span<std::uint8_t> slots, std::int64_t count) -> Result<std::int64_t> {
    OCTET_TRY(const std::int64_t got, pictures(slots, count));
    for (std::int64_t i = 0; i < std::min(got, count); ++i) {
      seen(slots.subspan(static_cast<std::size_t>(i) * bytes, bytes));
    }
    return got;
  };
  OCTET_TRY(to.collection, collect(to.graph, nodes, threads, showing));
  to.nodes = std::move(nodes);
  return {};
}

Result<QuantizedGraph> quantize_sample(SampledGraph own, const CalibrationOptions& options, const PictureStore& kept) {
  const bool automatic = options.mode == CalibrationMode::automatic;
  QuantizedGraph result;
  result.regions = find_regions(own.graph, options.exclude);
  std::vector<Lift> lifts;
  if (automatic) {
    OCTET_CHECK(balance_and_collect(result.regions, options, kept, own));
    OCTET_TRY(lifts, lift_and_collect(result.regions, options, kept, own));
  }
  result.report.images = own.collection.images;
  OCTET_TRY(result.groups, choose_storage(own, result.regions, options, result.report));
  if (automatic) {
    OCTET_CHECK(choose_by_output(own, result.regions, kept, options.threads, result.groups, result.report));
  }
  round_lifts(result.regions, result.groups, lifts, own.graph);
  count_nodes(own.graph, result.regions, result.report);
  OCTET_TRY(result.int8, quantize(own.graph, result.regions, result.groups));
  if (automatic) OCTET_CHECK(refine_layers(own.graph, kept, options.threads, result.int8));
  result.f32 = std::move(own.graph);
  return result;
}

CalibratedModel as_model(const Model& model, const CalibrationOptions& options, std::int64_t images,
                         QuantizedGraph quantized) {
  CalibratedModel result;
  result.model = {std::move(quantized.int8), model.preprocess, model.labels, provenance(options, images), model.name};
  for (const auto& [key, value] : model.provenance) result.model.provenance.emplace(key, value);
  result.model.is_cut = model.is_cut;
  result.report = std::move(quantized.report);
  return result;
}

}  // namespace octet
