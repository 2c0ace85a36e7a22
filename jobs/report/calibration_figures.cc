#include "octet/jobs/report/calibration_figures.h"

#include <algorithm>  // std::stable_sort
#include <cmath>      // std::pow
#include <optional>   // std::optional
#include <utility>    // std::move, std::pair

namespace octet {
namespace {

constexpr double kEnoughAgreement = 99;      // percent
constexpr double kManyClipped = 0.005;       // share
constexpr std::uint64_t kFewPictures = 100;  // of a calibration
constexpr std::uint64_t kFewJudged = 1000;
constexpr std::size_t kMoreLayers = 4;  // to keep in float

double noise(double sqnr) { return std::pow(10, -sqnr / 10); }

bool close_enough(const Comparison& against, bool labelled) {
  if (against.agreement_interval95 && (*against.agreement_interval95)[0] >= kEnoughAgreement) return true;
  return labelled && !against.accuracy.detection && against.agreement >= kEnoughAgreement && against.mcnemar_p > 0.05;
}

std::string excludes(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += " --exclude " + name;
  return text;
}

/// Which layers to keep in float: what a search ranked by their noise at the output. Where none can search (detectors),
/// by the noise at their own output.
std::string float_step(const CalibrateSummary& summary, bool detects, bool labelled) {
  std::vector<std::string> names;
  if (detects) {
    for (const ValueDamage* layer : noisiest_layers(summary, kMoreLayers)) names.push_back(layer->name);
    return names.empty() ? "" : "Keep the layers that add most noise in float:" + excludes(names) + ".";
  }
  const std::optional<PrecisionReport>& search = summary.report.precision;
  if (!search) {
    return "Have the layers that bring most noise to the output found and kept in float: " +
           std::string(labelled ? "--max-drop 0.5." : "--min-agreement 99.");
  }
  if (search->ranking.empty()) return "Tighten the bound: all layers in INT8 met it.";
  for (std::size_t i = 1; i <= search->best && i < search->steps.size(); ++i) names.push_back(search->steps[i].layer);
  const std::size_t most = names.size() + kMoreLayers;
  for (const LayerGain& layer : search->ranking) {
    const bool kept = std::find(names.begin(), names.end(), layer.name) != names.end();
    if (!kept && names.size() < most) names.push_back(layer.name);
  }
  return "Keep more of the layers in float that bring most noise to the output:" + excludes(names) + ".";
}

void add_accuracy_steps(const CalibrateSummary& summary, const CalibrateOptions& options,
                        std::vector<std::string>& steps) {
  const EvaluateSummary& judged = summary.judgement->evaluation;
  const Comparison& against = *judged.against;
  if (against.compared == 0) {
    steps.emplace_back("Neither network detected anything on the judged pictures: judge on other data.");
  } else if (close_enough(against, judged.labelled)) {
    steps.emplace_back("Nothing has to be done: INT8 follows the float network as closely as these pictures can tell.");
  } else {
    if (options.calibration.mode != CalibrationMode::automatic) {
      steps.emplace_back(
          "Calibrate with --mode auto: it looks at what each scale and each rounding does to the layers' outputs.");
    }
    std::string step = float_step(summary, against.accuracy.detection.has_value(), judged.labelled);
    if (!step.empty()) steps.push_back(std::move(step));
  }
  if (judged.judged < kFewJudged && summary.population > judged.judged + summary.images) {
    steps.push_back("Judge on more pictures: --report-pictures " + std::to_string(kFewJudged) + "; " +
                    std::to_string(judged.judged) + " leave wide intervals.");
  }
}

void add_sample_steps(const CalibrateSummary& summary, const CalibrateOptions& options,
                      std::vector<std::string>& steps) {
  const auto worst = std::max_element(summary.report.damage.begin(), summary.report.damage.end(),
                                      [](const ValueDamage& a, const ValueDamage& b) { return a.clipped < b.clipped; });
  const CalibrationMode mode = options.calibration.mode;
  if (worst != summary.report.damage.end() && worst->clipped > kManyClipped && mode != CalibrationMode::automatic &&
      mode != CalibrationMode::naive) {
    steps.push_back("Widen the ranges with --mode naive: " + worst->name + " loses " +
                    rounded(100 * worst->clipped, 1) + " % of its values to clipping.");
  }
  if (summary.images < kFewPictures && summary.population > summary.images) {
    steps.push_back("Calibrate on more pictures: --samples 500; ranges from " + std::to_string(summary.images) +
                    " depend on chance.");
  }
  if (summary.judgement && !summary.judgement->held_out) {
    steps.emplace_back("Give data with more pictures: those that calibrated judge too kindly.");
  }
  if (summary.unreadable > 0) {
    steps.push_back("Look at the data: " + std::to_string(summary.unreadable) + " sampled pictures could not be read.");
  }
}

}  // namespace

std::vector<LayerFigure> layers_by_damage(const CalibrateSummary& summary) {
  const CalibrationReport& report = summary.report;
  std::vector<LayerFigure> layers;
  for (const ValueDamage& damage : report.damage) {
    LayerFigure& layer = layers.emplace_back();
    layer.damage = &damage;
    const auto range = report.ranges.find(damage.output_name);
    const auto histogram = report.histograms.find(damage.output_name);
    if (range == report.ranges.end() || histogram == report.histograms.end()) continue;
    layer.range = &range->second;
    layer.histogram = &histogram->second;
    layer.threshold = static_cast<double>(range->second.threshold);
    // Values that share a buffer share the widest scale.
    if (damage.dtype == DType::u8) layer.threshold = 255 * static_cast<double>(damage.scale);
    if (damage.dtype == DType::s8) layer.threshold = 127 * static_cast<double>(damage.scale);
  }
  std::stable_sort(layers.begin(), layers.end(),
                   [](const LayerFigure& a, const LayerFigure& b) { return a.damage->sqnr < b.damage->sqnr; });
  return layers;
}

std::vector<const ValueDamage*> noisiest_layers(const CalibrateSummary& summary, std::size_t count) {
  std::vector<std::pair<double, const ValueDamage*>> added;
  for (const ValueDamage& damage : summary.report.damage) {
    const double own = noise(damage.sqnr) - noise(damage.input_sqnr);
    if (damage.int8 && own > 0) added.emplace_back(own, &damage);
  }
  std::stable_sort(added.begin(), added.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
  std::vector<const ValueDamage*> layers;
  for (std::size_t i = 0; i < std::min(count, added.size()); ++i) layers.push_back(added[i].second);
  return layers;
}

std::vector<std::string> next_steps(const CalibrateSummary& summary, const CalibrateOptions& options) {
  std::vector<std::string> steps;
  if (summary.judgement && summary.judgement->evaluation.against) add_accuracy_steps(summary, options, steps);
  add_sample_steps(summary, options, steps);
  if (steps.empty()) steps.emplace_back("Nothing has to be done.");
  return steps;
}

std::string judged_on(const CalibrateSummary& summary) {
  if (!summary.judgement) return {};
  const std::uint64_t n = summary.judgement->evaluation.judged;
  const std::string text = std::to_string(n) + (n == 1 ? " picture" : " pictures");
  return summary.judgement->held_out ? text + " that did not calibrate"
                                     : text + ", those that calibrated among them: there are too few others";
}

}  // namespace octet
