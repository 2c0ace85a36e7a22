#include "octet/calibrator/histogram.h"

#include <algorithm>  // std::max

#include "octet/calibrator/thresholds.h"

namespace octet {

ValueHistogram histogram_of(const ValueStatistics& statistics, int levels, double percentile) {
  constexpr std::size_t kMost = 128;
  const std::vector<std::uint64_t> counts = statistics.counts();
  std::size_t used = counts.size();
  while (used > 1 && counts[used - 1] == 0) --used;
  const std::size_t group = (used + kMost - 1) / kMost;
  ValueHistogram histogram;
  histogram.bin_width = statistics.bin_width() * static_cast<double>(group);
  histogram.counts.resize((used + group - 1) / group);
  for (std::size_t i = 0; i < used; ++i) histogram.counts[i / group] += counts[i];
  histogram.zeros = statistics.zeros();
  constexpr CalibrationMode kModes[] = {CalibrationMode::naive, CalibrationMode::entropy, CalibrationMode::percentile,
                                        CalibrationMode::mse};
  for (std::size_t i = 0; i < histogram.thresholds.size(); ++i) {
    histogram.thresholds[i] = choose_threshold(statistics, kModes[i], levels, percentile);
  }
  return histogram;
}

}  // namespace octet
