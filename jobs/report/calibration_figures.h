// What a report on a calibration shows: the same figures for the page and for JSON.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/jobs/calibrate_job.h"

namespace octet {

/// One layer, most damaged first.
struct LayerFigure {
  const ValueDamage* damage = nullptr;        ///< of the summary
  const ValueHistogram* histogram = nullptr;  ///< null: the value shares its input's range, or stayed float
  const ValueRange* range = nullptr;          ///< null together with histogram
  double threshold = 0;                       ///< the magnitude that maps to the largest stored integer
};

/// Layers by SQNR, the lowest first; among equal ones in the order of the graph. Points into `summary`.
std::vector<LayerFigure> layers_by_damage(const CalibrateSummary& summary);

/// INT8 layers by the noise that they add to that of their inputs, as shares of their signal (10^(-SQNR/10)), largest
/// first; at most `count`, and none that adds nothing. Points into `summary`.
std::vector<const ValueDamage*> noisiest_layers(const CalibrateSummary& summary, std::size_t count);

/// What to try next, in sentences for people; plain text with names as the model spells them. Never empty.
std::vector<std::string> next_steps(const CalibrateSummary& summary, const CalibrateOptions& options);

/// "30 pictures that did not calibrate": what the accuracy was measured on. Empty without a judgement.
std::string judged_on(const CalibrateSummary& summary);

}  // namespace octet
