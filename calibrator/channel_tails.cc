#include "octet/calibrator/channel_tails.h"

#include <algorithm>  // std::max
#include <bit>        // std::bit_cast
#include <cmath>      // std::isfinite

namespace octet {
namespace {

// Bits of a fraction below those that tell 16 bins of an octave apart.
constexpr std::int32_t kSpare = 23 - 4;
constexpr std::int32_t kSpareMask = (1 << kSpare) - 1;

std::int32_t upper_bits(float x) { return std::bit_cast<std::int32_t>(x) >> kSpare; }

}  // namespace

ChannelTails::ChannelTails(std::size_t channels, float top, bool magnitudes)
    : magnitudes_(magnitudes),
      unit_(top * 0x1p-18F),
      first_(std::max(upper_bits(top) + 1 - kBins, std::int32_t{kPerOctave})),
      low_(channels),
      all_(channels),
      bins_(channels * kBins) {}

void ChannelTails::add(const Observation& seen) {
  std::size_t elements = 1;
  for (const std::int64_t size : seen.shape) elements *= static_cast<std::size_t>(size);
  const auto* data = static_cast<const float*>(seen.data);
  const std::size_t channels = low_.size(), plane = elements / channels;
  const bool last = seen.nhwc && seen.shape.size() == 4;
  for (std::size_t i = 0; i < (last ? plane : channels); ++i) {
    for (std::size_t k = 0; k < (last ? channels : plane); ++k) add(last ? k : i, *data++);
  }
  count_ += static_cast<double>(plane);
}

void ChannelTails::add(std::size_t c, float x) {
  if (x == 0 || !std::isfinite(x)) return;
  const auto units = static_cast<std::int64_t>(std::clamp(x / unit_, -0x1p18F, 0x1p18F));
  All& all = all_[c];
  ++all.count;
  all.sum += units;
  all.squares += static_cast<std::uint64_t>(units * units);
  if (x < 0 && !magnitudes_) {
    low_[c] = std::max(low_[c], -static_cast<double>(x));
    return;
  }
  const std::int32_t bits = std::bit_cast<std::int32_t>(x < 0 ? -x : x);
  const std::int32_t k = (bits >> kSpare) - first_;
  Bin& bin = bins_[c * kBins + static_cast<std::size_t>(std::clamp(k, 0, kBins - 1))];
  ++bin.count;
  if (k < 0) return;
  const auto above = static_cast<std::uint64_t>(k < kBins ? (bits & kSpareMask) >> (kSpare - 16) : 0xffff);
  bin.sum += above;
  bin.squares += above * above;
}

double ChannelTails::variance(std::size_t c) const {
  const auto unit = static_cast<double>(unit_);
  const double mean = static_cast<double>(all_[c].sum) / count_;
  return std::max(0.0, static_cast<double>(all_[c].squares) / count_ - mean * mean) * unit * unit;
}

std::vector<double> ChannelTails::clipped(std::size_t c) const {
  std::vector<double> result(kEdges);
  double count = 0, sum = 0, squares = 0;  // of all values above edge(k): how far they lie above it
  for (int k = kBins - 1; k >= 0; --k) {
    const Bin& bin = bins_[c * kBins + static_cast<std::size_t>(k)];
    const double width = edge(k + 1) - edge(k), unit = width * 0x1p-16;
    squares += 2 * width * sum + width * width * count + static_cast<double>(bin.squares) * unit * unit;
    sum += width * count + static_cast<double>(bin.sum) * unit;
    count += bin.count;
    result[static_cast<std::size_t>(k)] = squares / count_;
  }
  return result;
}

double ChannelTails::edge(int k) const { return static_cast<double>(std::bit_cast<float>((first_ + k) << kSpare)); }

int ChannelTails::bin_of(double value) const {
  return std::clamp(static_cast<int>(upper_bits(static_cast<float>(value)) - first_), 0, kEdges - 1);
}

}  // namespace octet
