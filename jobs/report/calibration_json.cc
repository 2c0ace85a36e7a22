#include <nlohmann/json.hpp>

#include "octet/jobs/report.h"
#include "octet/jobs/report/calibration_figures.h"
#include "octet/jobs/report/calibration_page.h"

namespace octet {
namespace {

using ReportJson = nlohmann::ordered_json;

ReportJson layer_json(const LayerFigure& layer) {
  const ValueDamage& damage = *layer.damage;
  ReportJson json = {{"name", damage.name},
                     {"output", damage.output_name},
                     {"op", damage.op},
                     {"computes_in", damage.int8 ? "int8" : "f32"},
                     {"stored_as", to_string(damage.dtype)},
                     {"sqnr", damage.sqnr},
                     {"input_sqnr", damage.input_sqnr},
                     {"cosine", damage.cosine},
                     {"clipped", damage.clipped},
                     {"mean_error", damage.mean_error}};
  if (layer.histogram == nullptr) return json;
  const ValueHistogram& histogram = *layer.histogram;
  json["min"] = layer.range->min;
  json["max"] = layer.range->max;
  json["threshold"] = layer.threshold;
  json["histogram"] = {{"bin_width", histogram.bin_width},   {"counts", histogram.counts},
                       {"zeros", histogram.zeros},           {"naive", histogram.thresholds[0]},
                       {"entropy", histogram.thresholds[1]}, {"percentile", histogram.thresholds[2]},
                       {"mse", histogram.thresholds[3]}};
  return json;
}

}  // namespace

std::string calibration_json(const CalibrateSummary& summary, const CalibrateOptions& options) {
  ReportJson json = ReportJson::parse(to_json(summary), nullptr, false);
  json.erase("ranges");  // those of the layers have more
  json["mode"] = to_string(options.calibration.mode);
  json["f32_bytes"] = summary.f32_bytes;
  json["int8_bytes"] = summary.int8_bytes;
  if (summary.judgement) {
    json["judged_on"] = judged_on(summary);
    json["held_out"] = summary.judgement->held_out;
    json["evaluation"] = ReportJson::parse(to_json(summary.judgement->evaluation), nullptr, false);
    if (!summary.judgement->without_labels.empty()) json["without_labels"] = summary.judgement->without_labels;
  }
  json["damage_pictures"] = summary.report.damage_pictures;
  json["damage_held_out"] = summary.report.damage_held_out;
  json["next_steps"] = next_steps(summary, options);
  json["layers"] = ReportJson::array();
  for (const LayerFigure& layer : layers_by_damage(summary)) json["layers"].push_back(layer_json(layer));
  return json.dump(-1, ' ', false, ReportJson::error_handler_t::replace);
}

}  // namespace octet
