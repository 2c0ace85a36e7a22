// How the values of each channel of an activation are spread: what a threshold would clip of them.
#pragma once

#include <cstdint>  // std::int32_t
#include <vector>   // std::vector

#include "octet/executor/context.h"

namespace octet {

/// Sums over the values of every channel of one activation, the positive ones in bins of a sixteenth of an octave,
/// 14 octaves from the largest downwards (smaller ones count to the lowest bin). 5.3 KiB a channel. All sums are of
/// integers: the order of pictures does not matter to the last bit. Not thread-safe.
class ChannelTails {
 public:
  static constexpr int kPerOctave = 16, kBins = 14 * kPerOctave;
  static constexpr int kEdges = kBins + kPerOctave;  ///< thresholds reach an octave further than the values

  ChannelTails() = default;
  /// `top`: the largest value to come, > 0 and finite (larger ones count to the highest bin). `magnitudes`: negative
  /// values count as positive ones.
  ChannelTails(std::size_t channels, float top, bool magnitudes);

  void add(const Observation& seen);  ///< f32, `channels` in dimension 1

  [[nodiscard]] std::size_t channels() const noexcept { return low_.size(); }
  /// The largest magnitude of a negative value of channel c that counts as such; 0: none.
  [[nodiscard]] double low(std::size_t c) const { return low_[c]; }
  [[nodiscard]] double share_not_zero(std::size_t c) const { return static_cast<double>(all_[c].count) / count_; }
  [[nodiscard]] double variance(std::size_t c) const;
  /// Mean square of what a clip at edge(k) takes from the positive values of channel c, for each k below kEdges.
  [[nodiscard]] std::vector<double> clipped(std::size_t c) const;

  [[nodiscard]] double edge(int k) const;  ///< the lower end of bin k
  [[nodiscard]] int bin_of(double value) const;

 private:
  void add(std::size_t c, float x);

  struct Bin {
    std::uint32_t count = 0;
    std::uint64_t sum = 0, squares = 0;  ///< of how far values lie above the bin's lower end, in 2^-16 of its width
  };
  struct All {
    std::uint64_t count = 0, squares = 0;  ///< of values that are not 0, in 2^-18 of `top`
    std::int64_t sum = 0;
  };
  bool magnitudes_ = false;
  float unit_ = 1;          ///< top * 2^-18
  std::int32_t first_ = 0;  ///< the upper bits of edge(0)
  double count_ = 0;        ///< values of a channel
  std::vector<double> low_;
  std::vector<All> all_;
  std::vector<Bin> bins_;
};

}  // namespace octet
