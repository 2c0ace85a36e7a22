#include "octet/calibrator/thresholds.h"

#include <algorithm>  // std::max
#include <cmath>      // std::log
#include <vector>     // std::vector

namespace octet {
namespace {

using Counts = std::vector<std::uint64_t>;

// Products of two scales must stay normal floats: smaller ranges count as all zero.
constexpr float kSmallestThreshold = 1e-15F;
constexpr std::size_t kCandidates = 512;

/// Bins up to the last one that is not empty.
std::size_t used_bins(const Counts& counts) {
  std::size_t n = counts.size();
  while (n > 0 && counts[n - 1] == 0) --n;
  return n;
}

double percentile_bin(const Counts& counts, double percentile) {
  std::uint64_t total = 0;
  for (const std::uint64_t n : counts) total += n;
  const double wanted = static_cast<double>(total) * percentile / 100.0;
  double below = 0;
  for (std::size_t i = 0; i < counts.size(); ++i) {
    const auto n = static_cast<double>(counts[i]);
    if (n > 0 && below + n >= wanted) return static_cast<double>(i) + (wanted - below) / n;
    below += n;
  }
  return static_cast<double>(used_bins(counts));
}

/// Divergence of the distribution clipped to the first `bins` bins from its quantised form, in
/// O(groups) by prefix sums.
class Divergence {
 public:
  Divergence(const Counts& counts, std::size_t groups) : counts_(counts), groups_(groups) {
    double sum = 0, occupied = 0, entropy = 0;
    for (const std::uint64_t n : counts) {
      sum_.push_back(sum);
      occupied_.push_back(occupied);
      entropy_.push_back(entropy);
      const auto x = static_cast<double>(n);
      sum += x;
      occupied += n > 0 ? 1 : 0;
      entropy += xlogx(x);
    }
    sum_.push_back(sum);
    occupied_.push_back(occupied);
    entropy_.push_back(entropy);
  }

  [[nodiscard]] double operator()(std::size_t bins) const {
    const double total = sum_.back();
    const double inside = sum_[bins];
    const double outliers = total - inside;
    const auto last = static_cast<double>(counts_[bins - 1]);
    // sum p ln p with all outliers in the last bin.
    double divergence = entropy_[bins] - xlogx(last) + xlogx(last + outliers) - total * std::log(total);
    for (std::size_t g = 0; g < groups_; ++g) {
      const std::size_t first = g * bins / groups_;
      const std::size_t end = (g + 1) * bins / groups_;
      const double inner = sum_[end] - sum_[first];
      double mass = inner;
      double occupied = occupied_[end] - occupied_[first];
      if (g + 1 == groups_) {
        mass += outliers;
        if (last == 0 && outliers > 0) occupied += 1;
      }
      if (mass <= 0) continue;
      // A last group that holds nothing but outliers would have q = 0: MXNet's smoothing constant.
      divergence -= mass * std::log(std::max(inner, 1e-4) / occupied / std::max(inside, 1.0));
    }
    return divergence / total;
  }

 private:
  static double xlogx(double x) { return x > 0 ? x * std::log(x) : 0; }

  const Counts& counts_;
  std::size_t groups_;
  std::vector<double> sum_, occupied_, entropy_;
};

double entropy_bin(const Counts& counts, int levels) {
  const std::size_t n = used_bins(counts);
  const auto groups = static_cast<std::size_t>(levels) + 1;
  if (n <= groups) return static_cast<double>(n);  // as fine as the histogram itself: nothing to gain by clipping
  const Divergence divergence(counts, groups);
  const std::size_t step = std::max<std::size_t>(1, (n - groups) / kCandidates);
  std::size_t best = n;
  double least = divergence(n);
  for (std::size_t bins = n; bins >= groups + step;) {
    bins -= step;
    const double d = divergence(bins);
    if (d < least) {
      least = d;
      best = bins;
    }
  }
  return static_cast<double>(best);
}

/// Squared error of all values, taken at the middles of their bins, in units of bins.
double squared_error(const std::vector<float>& weight, float threshold, int levels) {
  constexpr float kRound = 12582912.0F;  // 1.5 * 2^23: adding and subtracting it rounds to an integer
  const float step = threshold / static_cast<float>(levels);
  const float inverse = static_cast<float>(levels) / threshold;
  double error = 0;
  for (std::size_t i = 0; i < weight.size(); i += 64) {
    const std::size_t end = std::min(weight.size(), i + 64);
    float part = 0;
    for (std::size_t k = i; k < end; ++k) {
      const float x = static_cast<float>(k) + 0.5F;
      const float q = std::min((x * inverse + kRound) - kRound, static_cast<float>(levels));
      const float e = x - q * step;
      part += weight[k] * e * e;
    }
    error += part;
  }
  return error;
}

double mse_bin(const Counts& counts, int levels) {
  const std::size_t n = used_bins(counts);
  double total = 0;
  for (const std::uint64_t c : counts) total += static_cast<double>(c);
  std::vector<float> weight(n);
  for (std::size_t i = 0; i < n; ++i) weight[i] = static_cast<float>(static_cast<double>(counts[i]) / total);
  const auto whole = static_cast<double>(n);
  double best = whole;
  double least = squared_error(weight, static_cast<float>(whole), levels);
  for (int i = 255; i >= 16; --i) {
    const double threshold = whole * i / 256;
    const double error = squared_error(weight, static_cast<float>(threshold), levels);
    if (error < least) {
      least = error;
      best = threshold;
    }
  }
  return best;
}

}  // namespace

float choose_threshold(const ValueStatistics& statistics, CalibrationMode mode, int levels, double percentile) {
  const float whole = statistics.max_magnitude();
  if (!(whole >= kSmallestThreshold)) return 0;
  if (mode == CalibrationMode::naive) return whole;
  const Counts counts = statistics.counts();
  double bin = 0;
  switch (mode) {
    case CalibrationMode::naive: break;
    case CalibrationMode::percentile: bin = percentile_bin(counts, percentile); break;
    case CalibrationMode::entropy: bin = entropy_bin(counts, levels); break;
    case CalibrationMode::automatic:  // where it starts from
    case CalibrationMode::mse: bin = mse_bin(counts, levels); break;
  }
  const auto threshold = static_cast<float>(bin * statistics.bin_width());
  return threshold >= kSmallestThreshold ? std::min(threshold, whole) : whole;
}

float scale_of(float threshold, int levels) noexcept {
  return threshold > 0 ? threshold / static_cast<float>(levels) : 1.0F;
}

}  // namespace octet
