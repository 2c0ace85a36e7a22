#include "octet/calibrator/precision.h"

#include <algorithm>  // std::any_of
#include <cmath>      // std::sqrt
#include <memory>     // std::unique_ptr
#include <utility>    // std::move

#include "octet/calibrator/damage.h"
#include "octet/calibrator/layer_gain.h"

namespace octet {
namespace {

constexpr std::size_t kFewestPictures = 12;
constexpr std::size_t kHeldBytes = std::size_t{64} << 20U;
constexpr std::size_t kMostHeld = 1024;
constexpr std::size_t kRanked = 48;    // pictures that layers are ranked on
constexpr std::size_t kReranked = 12;  // layers in the steps after the first
constexpr std::size_t kTried = 3;      // of them, the first, in fact moved to float

Result<void> check_bound(const Model& model, const PrecisionOptions& options) {
  const auto bad = [](const char* message) { return Error{ErrorCode::usage, {}, message}; };
  const auto& [agreement, drop] = std::pair(options.min_agreement, options.max_drop);
  if (agreement.has_value() == drop.has_value()) return bad("give a least agreement or a largest drop");
  if (agreement && !(*agreement > 0 && *agreement <= 100))
    return bad("the least agreement must be above 0, at most 100");
  if (drop && !(*drop >= 0 && *drop <= 100)) return bad("the largest drop must be 0 to 100 points");
  if (options.max_float < 0) return bad("the number of float layers must not be negative");
  const bool detects = std::any_of(model.graph.nodes.begin(), model.graph.nodes.end(), [](const Node& node) {
    return node.as<MultiBoxDetectionOp>() != nullptr || node.as<BoxNmsOp>() != nullptr ||
           node.as<BoxDetectionOp>() != nullptr;
  });
  if (!detects) return {};
  return Error{ErrorCode::unsupported, model.name,
               "bounds on agreement and drop are for classifiers; this one detects"};
}

/// Pictures by what they are for.
struct SplitPictures {
  PictureStore all, fit, held, ranked;
  std::size_t seen = 0;

  explicit SplitPictures(std::size_t bytes)
      : all(bytes, kKeptPictures),
        fit(bytes, kKeptPictures),
        held(bytes, std::clamp<std::size_t>(kHeldBytes / std::max<std::size_t>(bytes, 1), kRanked, kMostHeld)),
        ranked(bytes, kRanked) {}

  void add(std::span<const std::uint8_t> picture) {
    all.add(picture);
    ranked.add(picture);  // also those that are fitted on: an order needs many more than a fair level
    (seen++ % 3 == 2 ? held : fit).add(picture);
  }
  /// Numbers of the pictures in `held`, then of those in `fit`.
  [[nodiscard]] std::vector<std::size_t> numbers() const {
    std::vector<std::size_t> result;
    for (std::size_t i = 0; i < held.count(); ++i) result.push_back(held.position(i) * 3 + 2);
    for (std::size_t i = 0; i < fit.count(); ++i) result.push_back(fit.position(i) / 2 * 3 + fit.position(i) % 2);
    return result;
  }
};

class PrecisionSearch {
 public:
  PrecisionSearch(const Model& model, const CalibrationOptions& options, const PrecisionOptions& precision)
      : model_(model), options_(options), precision_(precision) {}

  Result<BoundedModel> run(const PictureSource& source);

 private:
  Result<void> collect_all(const PictureSource& source);
  Result<void> run_float();
  Result<void> search();
  Result<std::optional<std::string>> next_layer(const QuantizedGraph& quantized);
  Result<void> judge(std::string layer, const QuantizedGraph& quantized);
  Result<BoundedModel> finish();
  [[nodiscard]] bool meets(const OutputMatch& match) const;
  [[nodiscard]] bool better(const OutputMatch& a, const OutputMatch& b) const;
  /// With the layers of steps 1 .. `step` in float too.
  [[nodiscard]] CalibrationOptions options_at(std::size_t step) const;
  [[nodiscard]] bool stopped() const { return precision_.stopped && precision_.stopped(); }
  [[nodiscard]] CalibratedModel as_model_at(std::size_t step, QuantizedGraph quantized) const;

  const Model& model_;
  CalibrationOptions options_;
  const PrecisionOptions& precision_;
  SampledGraph sampled_;
  std::unique_ptr<SplitPictures> pictures_;
  FloatOutputs f32_;       ///< of the held pictures, then of those that are fitted on
  OutputRows ranked_f32_;  ///< of the pictures for ranking
  PrecisionReport report_;
};

Result<void> PrecisionSearch::collect_all(const PictureSource& source) {
  OCTET_TRY(sampled_, prepare(model_, options_));
  pictures_ = std::make_unique<SplitPictures>(picture_bytes(sampled_.graph));
  // A value that is stored as another one is becomes a source of its own once the layer behind it is float.
  const Regions regions = find_regions(sampled_.graph, options_.exclude);
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < regions.group.size(); ++i) {
    if (regions.group[i] >= 0) nodes.push_back(static_cast<NodeId>(i));
  }
  OCTET_CHECK(sample(
      std::move(nodes), options_.threads, source,
      [&](std::span<const std::uint8_t> picture) { pictures_->add(picture); }, sampled_));
  if (pictures_->seen >= kFewestPictures) return {};
  return Error{ErrorCode::usage,
               {},
               "a bound needs a sample of " + std::to_string(kFewestPictures) + " pictures or more, not " +
                   std::to_string(pictures_->seen)};
}

Result<void> PrecisionSearch::run_float() {
  OCTET_TRY(f32_.rows, output_rows(sampled_.graph, pictures_->held, options_.threads));
  OCTET_TRY(OutputRows fit, output_rows(sampled_.graph, pictures_->fit, options_.threads));
  std::move(fit.begin(), fit.end(), std::back_inserter(f32_.rows));
  OCTET_TRY(ranked_f32_, output_rows(sampled_.graph, pictures_->ranked, options_.threads));
  if (f32_.rows.front().size() < 2) {
    return Error{ErrorCode::unsupported, model_.name, "a bound needs a network with two classes or more"};
  }
  if (!precision_.max_drop) return {};
  for (const std::size_t number : pictures_->numbers()) {
    f32_.labels.push_back(precision_.label ? precision_.label(number) : -1);
    if (f32_.labels.back() >= 0) continue;
    return Error{ErrorCode::usage, {}, "a largest drop needs labelled pictures; a least agreement does not"};
  }
  return {};
}

CalibrationOptions PrecisionSearch::options_at(std::size_t step) const {
  CalibrationOptions options = options_;
  for (std::size_t i = 1; i <= step && i < report_.steps.size(); ++i) options.exclude.push_back(report_.steps[i].layer);
  return options;
}

bool PrecisionSearch::meets(const OutputMatch& match) const {
  const auto n = static_cast<double>(match.judged);
  if (precision_.max_drop) return match.drop.value_or(0) <= *precision_.max_drop;
  // Wilson's upper bound of what was counted: few pictures contradict nothing.
  constexpr double z = 1.959963984540054;
  const double share = static_cast<double>(match.agreeing) / n, scale = 1 + z * z / n;
  const double upper = (share + z * z / (2 * n) + z * std::sqrt(share * (1 - share) / n + z * z / (4 * n * n))) / scale;
  return match.agreement >= *precision_.min_agreement && 100 * upper >= *precision_.min_agreement;
}

bool PrecisionSearch::better(const OutputMatch& a, const OutputMatch& b) const {
  return precision_.max_drop ? a.drop.value_or(0) < b.drop.value_or(0) : a.agreement > b.agreement;
}

CalibratedModel PrecisionSearch::as_model_at(std::size_t step, QuantizedGraph quantized) const {
  CalibratedModel result = as_model(model_, options_at(step), sampled_.collection.images, std::move(quantized));
  const auto note = [&](const char* key, const std::optional<double>& bound) {
    if (bound) result.model.provenance[key] = std::to_string(*bound);
  };
  note("calibration_min_agreement", precision_.min_agreement);
  note("calibration_max_drop", precision_.max_drop);
  result.report.precision = report_;
  return result;
}

/// Adds a step, and hands its model on when it is the best so far.
Result<void> PrecisionSearch::judge(std::string layer, const QuantizedGraph& quantized) {
  OCTET_TRY(const OutputRows rows, output_rows(quantized.int8, pictures_->held, options_.threads));
  report_.steps.push_back({std::move(layer), match_outputs(f32_, rows)});
  const std::size_t last = report_.steps.size() - 1;
  report_.met = meets(report_.steps[last].match);
  if (report_.met || better(report_.steps[last].match, report_.steps[report_.best].match)) report_.best = last;
  if (!precision_.checkpoint) return {};
  if (report_.best != last) return precision_.checkpoint(report_, nullptr);
  const CalibratedModel better = as_model_at(last, quantized);
  return precision_.checkpoint(report_, &better.model);
}

/// The layer that is worth most; nothing when all are float.
Result<std::optional<std::string>> PrecisionSearch::next_layer(const QuantizedGraph& quantized) {
  std::vector<std::string> layers = int8_layers(quantized);
  if (layers.empty()) return std::optional<std::string>();
  const std::size_t last = report_.steps.size() - 1;
  const bool first = report_.ranking.empty();
  if (!first) {
    const auto rank = [&](const std::string& name) {
      return std::find_if(report_.ranking.begin(), report_.ranking.end(),
                          [&](const LayerGain& gain) { return gain.name == name; }) -
             report_.ranking.begin();
    };
    std::stable_sort(layers.begin(), layers.end(),
                     [&](const std::string& a, const std::string& b) { return rank(a) < rank(b); });
    layers.resize(std::min(layers.size(), kReranked));
  }
  const PictureStore* fitted = options_.mode == CalibrationMode::automatic ? &pictures_->fit : nullptr;
  const RankingPictures pictures{fitted, pictures_->ranked, ranked_f32_};
  const std::vector<std::string> exclude = options_at(last).exclude;
  OCTET_TRY(const std::vector<LayerGain> gains,
            rank_layers(quantized, exclude, layers, pictures, options_.threads, precision_.stopped));
  if (first) report_.ranking = gains;
  std::string best;
  double highest = 0;
  for (std::size_t i = 0; i < std::min(gains.size(), kTried); ++i) {
    if (stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    OCTET_TRY(const double sqnr, sqnr_without(quantized, exclude, gains[i].name, pictures, options_.threads));
    if (!best.empty() && sqnr <= highest) continue;
    highest = sqnr;
    best = gains[i].name;
  }
  return std::optional(best);
}

Result<void> PrecisionSearch::search() {
  if (precision_.resume) {
    PrecisionReport earlier = precision_.resume();
    report_.steps = std::move(earlier.steps);
    report_.ranking = std::move(earlier.ranking);
    report_.best = std::min(earlier.best, std::max<std::size_t>(report_.steps.size(), 1) - 1);
    report_.met = earlier.met;
  }
  std::string layer;
  for (bool resumed = !report_.steps.empty(); !report_.met; resumed = false) {
    if (stopped()) return Error{ErrorCode::cancelled, {}, "stopped from outside"};
    CalibrationOptions options = options_at(report_.steps.size());
    if (!layer.empty()) options.exclude.push_back(layer);
    OCTET_TRY(const QuantizedGraph quantized, quantize_sample(sampled_, options, pictures_->fit));
    if (!resumed) OCTET_CHECK(judge(layer, quantized));
    if (report_.met || report_.steps.size() > static_cast<std::size_t>(precision_.max_float)) return {};
    OCTET_TRY(const std::optional<std::string> next, next_layer(quantized));
    if (!next) return {};
    layer = *next;
  }
  return {};
}

/// The model of the best step, calibrated on all pictures.
Result<BoundedModel> PrecisionSearch::finish() {
  BoundedModel result;
  const CalibrationOptions options = options_at(report_.best);
  OCTET_TRY(QuantizedGraph quantized, quantize_sample(sampled_, options, pictures_->all));
  if (options.measure_damage) {
    OCTET_CHECK(report_damage(quantized.f32, quantized.int8, options.judged, pictures_->all, options.threads,
                              quantized.report));
  }
  result.calibrated = as_model_at(report_.best, std::move(quantized));
  CalibrationOptions quick = options_;
  quick.mode = CalibrationMode::naive;
  OCTET_TRY(QuantizedGraph all_int8, quantize_sample(sampled_, quick, pictures_->all));
  result.all_int8 = std::move(all_int8.int8);
  return result;
}

Result<BoundedModel> PrecisionSearch::run(const PictureSource& source) {
  OCTET_CHECK(check_bound(model_, precision_));
  report_.min_agreement = precision_.min_agreement;
  report_.max_drop = precision_.max_drop;
  OCTET_CHECK(collect_all(source));
  OCTET_CHECK(run_float());
  OCTET_CHECK(search());
  return finish();
}

}  // namespace

Result<BoundedModel> calibrate_within(const Model& model, const CalibrationOptions& options,
                                      const PrecisionOptions& precision, const PictureSource& pictures) {
  return PrecisionSearch(model, options, precision).run(pictures);
}

}  // namespace octet
