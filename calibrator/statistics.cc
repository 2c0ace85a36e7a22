#include "octet/calibrator/statistics.h"

#include <algorithm>  // std::min
#include <cmath>      // std::frexp

namespace octet {
namespace {

constexpr std::size_t kChunk = 1024;
constexpr std::size_t kLanes = 16;
// Below 2^-100 everything falls into the lowest bins; this keeps bins / range a finite float.
constexpr int kMinExponent = -100;

int exponent_above(float magnitude) {
  int exponent = kMinExponent;
  if (magnitude > 0) std::frexp(magnitude, &exponent);  // magnitude = m * 2^exponent with m < 1
  return std::max(exponent, kMinExponent);
}

struct Extremes {
  float min = 0, max = 0;
  std::uint64_t zeros = 0;
  bool finite = true;
};

// Lanes are independent, so that compilers vectorise this without reordering float operations.
Extremes scan(const float* values, std::size_t n) {
  std::array<float, kLanes> low{}, high{}, poison{};
  std::array<std::uint32_t, kLanes> zeros{};
  std::size_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    for (std::size_t k = 0; k < kLanes; ++k) {
      const float x = values[i + k];
      low[k] = x < low[k] ? x : low[k];
      high[k] = x > high[k] ? x : high[k];
      poison[k] += x * 0.0F;  // NaN as soon as x is NaN or infinite
      zeros[k] += x == 0.0F ? 1U : 0U;
    }
  }
  for (; i < n; ++i) {
    const float x = values[i];
    low[0] = x < low[0] ? x : low[0];
    high[0] = x > high[0] ? x : high[0];
    poison[0] += x * 0.0F;
    zeros[0] += x == 0.0F ? 1U : 0U;
  }
  Extremes result;
  for (std::size_t k = 0; k < kLanes; ++k) {
    result.min = std::min(result.min, low[k]);
    result.max = std::max(result.max, high[k]);
    result.zeros += zeros[k];
    result.finite = result.finite && poison[k] == 0.0F;
  }
  return result;
}

}  // namespace

ValueStatistics::ValueStatistics() : exponent_(kMinExponent), total_(kBins), recent_(2) {}

void ValueStatistics::add(std::span<const float> values) {
  for (std::size_t i = 0; i < values.size(); i += kChunk) {
    add_chunk(values.data() + i, std::min(kChunk, values.size() - i));
  }
}

void ValueStatistics::add_chunk(const float* values, std::size_t n) {
  const Extremes extremes = scan(values, n);
  if (!extremes.finite) return add_invalid_chunk(values, n);
  // min_ and max_ start as those of the first value; +0 turns -0 into 0, whatever came first.
  if (count_ == 0) min_ = max_ = values[0] + 0.0F;
  if (extremes.min < 0 || extremes.max > 0) grow(exponent_above(std::max(-extremes.min, extremes.max)));
  const float scale = std::ldexp(static_cast<float>(kBins), -exponent_);
  std::array<std::int32_t, kChunk> bins;  // NOLINT(cppcoreguidelines-pro-type-member-init): written before it is read
  for (std::size_t i = 0; i < n; ++i) bins[i] = static_cast<std::int32_t>(std::fabs(values[i]) * scale);
  std::size_t i = 0;
  for (; i + 2 <= n; i += 2) {
    ++recent_[0][static_cast<std::size_t>(bins[i])];
    ++recent_[1][static_cast<std::size_t>(bins[i + 1])];
  }
  if (i < n) ++recent_[0][static_cast<std::size_t>(bins[i])];
  // scan() starts from 0: look again at the true extremes of a chunk that lies on one side of it.
  float low = extremes.min, high = extremes.max;
  if (extremes.zeros == 0 && (low == 0 || high == 0)) {
    low = *std::min_element(values, values + n);
    high = *std::max_element(values, values + n);
  }
  min_ = std::min(min_, low);
  max_ = std::max(max_, high);
  count_ += n;
  zeros_ += extremes.zeros;
  recent_count_ += n;
  if (recent_count_ >= 1U << 31U) flush();
}

void ValueStatistics::add_invalid_chunk(const float* values, std::size_t n) {
  for (std::size_t i = 0; i < n; ++i) {
    if (std::isfinite(values[i])) {
      add_chunk(values + i, 1);
    } else {
      ++invalid_;
    }
  }
}

// Adding neighbouring bins k times is what floor(x / 2^k) does to every bin number: exact.
void ValueStatistics::grow(int exponent) {
  if (exponent <= exponent_) return;
  flush();
  const int shift = std::min(exponent - exponent_, 31);
  exponent_ = exponent;
  for (std::size_t i = 1; i < kBins; ++i) {
    const std::uint64_t n = total_[i];
    total_[i] = 0;
    total_[i >> static_cast<unsigned>(shift)] += n;
  }
}

void ValueStatistics::flush() {
  if (recent_count_ == 0) return;
  for (auto& table : recent_) {
    for (std::size_t i = 0; i < kBins; ++i) total_[i] += table[i];
    table.fill(0);
  }
  recent_count_ = 0;
}

void ValueStatistics::merge(const ValueStatistics& other) {
  invalid_ += other.invalid_;
  if (other.count_ == 0) return;
  ValueStatistics copy = other;
  grow(copy.exponent_);
  copy.grow(exponent_);
  flush();
  copy.flush();
  for (std::size_t i = 0; i < kBins; ++i) total_[i] += copy.total_[i];
  min_ = count_ == 0 ? copy.min_ : std::min(min_, copy.min_);
  max_ = count_ == 0 ? copy.max_ : std::max(max_, copy.max_);
  count_ += copy.count_;
  zeros_ += copy.zeros_;
}

std::vector<std::uint64_t> ValueStatistics::counts() const {
  std::vector<std::uint64_t> result = total_;
  for (const auto& table : recent_) {
    for (std::size_t i = 0; i < kBins; ++i) result[i] += table[i];
  }
  result[0] -= zeros_;
  return result;
}

double ValueStatistics::bin_width() const noexcept { return std::ldexp(1.0, exponent_) / kBins; }

}  // namespace octet
