// A float graph and what a sample said about it, to be quantised as often as wanted: the steps of calibrate().
#pragma once

#include <vector>  // std::vector

#include "octet/calibrator/collect.h"
#include "octet/calibrator/picture_store.h"
#include "octet/calibrator/quantize.h"
#include "octet/calibrator/regions.h"

namespace octet {

inline constexpr std::size_t kKeptPictures = 64;  ///< for the passes after the first

struct SampledGraph {
  Graph graph;                ///< optimised and equalised (see equalize.h)
  std::vector<NodeId> nodes;  ///< whose statistics are known, ascending
  Collection collection;      ///< parallel to them
};

struct QuantizedGraph {
  Graph f32;  ///< what was quantised; with CalibrationMode::automatic its channels are balanced (see balance.h)
  Graph int8;
  Regions regions;              ///< of f32
  std::vector<Storage> groups;  ///< of the regions
  CalibrationReport report;     ///< ranges and numbers of nodes
};

/// Checks model and options, and brings the graph into the form that is quantised; `options` then names all excluded
/// nodes in `exclude`. Nothing is sampled yet.
Result<SampledGraph> prepare(const Model& model, CalibrationOptions& options);

/// Gathers statistics of `nodes` over all pictures, all of which `seen` is shown.
Result<void> sample(std::vector<NodeId> nodes, int threads, const PictureSource& pictures,
                    const std::function<void(std::span<const std::uint8_t>)>& seen, SampledGraph& to);

/// All nodes whose ranges decide a scale, in the order of the graph.
std::vector<NodeId> sources_of(const Regions& regions);

/// Chooses storage and quantises, with the nodes of `options.exclude` in float. Statistics of all sources of those
/// regions must be known. `kept`: the pictures that scales, weights and biases are fitted on in automatic mode. Who is
/// done with `own` moves it here: its weights are changed in place then.
Result<QuantizedGraph> quantize_sample(SampledGraph own, const CalibrationOptions& options, const PictureStore& kept);

/// `quantized` as the INT8 model of `model`, with provenance.
CalibratedModel as_model(const Model& model, const CalibrationOptions& options, std::int64_t images,
                         QuantizedGraph quantized);

/// Bytes of a picture without border.
std::size_t picture_bytes(const Graph& graph);

}  // namespace octet
