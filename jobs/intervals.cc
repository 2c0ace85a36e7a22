#include "octet/jobs/intervals.h"

#include <algorithm>  // std::clamp
#include <cmath>      // std::sqrt
#include <cstdio>     // std::snprintf

namespace octet {
namespace {

constexpr double normal975 = 1.959963984540054;  // the normal distribution's 97.5 % point
constexpr int most_decimals = 4;

// Correlation of the two answers, reduced by Newcombe's continuity correction.
double corrected_phi(const PairedCounts& counts) {
  const auto e = static_cast<double>(counts.both), f = static_cast<double>(counts.only_first);
  const auto g = static_cast<double>(counts.only_second), h = static_cast<double>(counts.neither);
  const double product = (e + f) * (g + h) * (e + g) * (f + h);
  if (!(product > 0)) return 0;
  const double excess = e * h - f * g;
  const double corrected = excess > 0 ? std::max(excess - (e + f + g + h) / 2, 0.0) : excess;
  return corrected / std::sqrt(product);
}

double combined(double a, double b, double phi) { return std::sqrt(std::max(0.0, a * a - 2 * phi * a * b + b * b)); }

}  // namespace

Interval95 wilson95(std::uint64_t hits, std::uint64_t n) {
  if (n == 0) return {0, 100};
  constexpr double z = normal975;
  const auto count = static_cast<double>(n);
  const double share = static_cast<double>(hits) / count;
  const double scale = 1 + z * z / count;
  const double middle = (share + z * z / (2 * count)) / scale;
  const double half = z / scale * std::sqrt(share * (1 - share) / count + z * z / (4 * count * count));
  return {100 * std::max(0.0, middle - half), 100 * std::min(1.0, middle + half)};
}

Interval95 paired_difference95(const PairedCounts& counts) {
  const std::uint64_t n = counts.n();
  if (n == 0) return {-100, 100};
  const std::uint64_t first_hits = counts.both + counts.only_first, second_hits = counts.both + counts.only_second;
  const double first = 100 * static_cast<double>(first_hits) / static_cast<double>(n);
  const double second = 100 * static_cast<double>(second_hits) / static_cast<double>(n);
  const Interval95 around_first = wilson95(first_hits, n), around_second = wilson95(second_hits, n);
  const double phi = corrected_phi(counts);
  const double below = combined(second - around_second[0], around_first[1] - first, phi);
  const double above = combined(around_second[1] - second, first - around_first[0], phi);
  return {second - first - below, second - first + above};
}

double mcnemar_exact(std::uint64_t only_first, std::uint64_t only_second) {
  const auto n = static_cast<double>(only_first + only_second);
  const std::uint64_t rarer = std::min(only_first, only_second);
  double term = -n * std::log(2.0);  // of k = rarer, as a logarithm first: 2^-n alone may be too small for a double
  for (std::uint64_t k = 1; k <= rarer; ++k) {
    term += std::log((n - static_cast<double>(k) + 1) / static_cast<double>(k));
  }
  term = std::exp(term);
  double tail = 0;
  for (std::uint64_t k = rarer; term > 0; --k) {
    tail += term;
    if (k == 0) break;
    term *= static_cast<double>(k) / (n - static_cast<double>(k) + 1);
  }
  return std::min(1.0, 2 * tail);
}

int supported_decimals(std::uint64_t n) noexcept {
  int decimals = -2;
  for (; n >= 10; n /= 10) ++decimals;
  return std::clamp(decimals, 0, most_decimals);
}

int supported_decimals(const Interval95& interval, std::uint64_t n) noexcept {
  const double half = (interval[1] - interval[0]) / 2;
  if (!(half > 0)) return supported_decimals(n);
  return static_cast<int>(std::clamp(-std::floor(std::log10(half)), 0.0, static_cast<double>(most_decimals)));
}

std::string rounded(double value, int decimals) {
  const double unit = std::pow(10.0, -decimals);
  if (std::fabs(value) < unit / 2) value = 0;
  std::array<char, 400> text{};
  std::snprintf(text.data(), text.size(), "%.*f", decimals, value);
  return text.data();
}

std::string rounded(const Interval95& interval, int decimals) {
  const double scale = std::pow(10.0, decimals);
  constexpr double slack = 1e-6;  // of a unit: a bound that is a whole number of units stays where it is
  const double low = std::floor(interval[0] * scale + slack) / scale;
  const double high = std::ceil(interval[1] * scale - slack) / scale;
  return rounded(low, decimals) + (low < 0 || high < 0 ? " to " : " - ") + rounded(high, decimals);
}

std::string significant(double p) {
  if (p < 1e-4) return "< 0.0001";
  return rounded(p, std::clamp(1 - static_cast<int>(std::floor(std::log10(p))), 1, 5));
}

}  // namespace octet
