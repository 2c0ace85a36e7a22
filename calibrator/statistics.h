// Streaming statistics of one value (activation) over a sample: exact extremes and a histogram of
// magnitudes in bounded memory.
#pragma once

#include <array>    // std::array
#include <cstdint>  // std::uint64_t
#include <span>     // std::span
#include <vector>   // std::vector

namespace octet {

/// Extremes, zero count and a histogram of |x| over [0, 2^e), where e is the smallest exponent
/// with max|x| < 2^e. Magnitudes suffice because quantisation is symmetric. When a larger magnitude
/// arrives, e grows and neighbouring bins are added together, which is exact: the result is a pure
/// function of the multiset of values, whatever their order and however they are divided between
/// objects that are merged. 64 KiB an object. Not thread-safe: one object per worker, then `merge`.
class ValueStatistics {
 public:
  static constexpr int kBins = 4096;

  ValueStatistics();

  void add(std::span<const float> values);
  void merge(const ValueStatistics& other);

  [[nodiscard]] float min() const noexcept { return min_; }  ///< of the finite values; 0 when there are none
  [[nodiscard]] float max() const noexcept { return max_; }
  [[nodiscard]] float max_magnitude() const noexcept { return -min_ > max_ ? -min_ : max_; }
  [[nodiscard]] std::uint64_t count() const noexcept { return count_; }      ///< finite values, zeros included
  [[nodiscard]] std::uint64_t zeros() const noexcept { return zeros_; }      ///< exactly 0
  [[nodiscard]] std::uint64_t invalid() const noexcept { return invalid_; }  ///< NaN and infinite values

  /// counts()[i] values that are not 0 have i <= |x| / bin_width() < i + 1.
  [[nodiscard]] std::vector<std::uint64_t> counts() const;
  [[nodiscard]] double bin_width() const noexcept;

 private:
  void add_chunk(const float* values, std::size_t n);
  void add_invalid_chunk(const float* values, std::size_t n);
  void grow(int exponent);
  void flush();

  float min_ = 0, max_ = 0;
  std::uint64_t count_ = 0, zeros_ = 0, invalid_ = 0;
  int exponent_;  ///< the histogram covers [0, 2^exponent_); the lowest possible one while all values are 0
  /// Zeros are counted in bin 0 and taken out by counts(). Two 32-bit tables, used in turn, hide the latency of
  /// adding to one bin again and again; `flush` moves them to the 64-bit table before they can overflow.
  std::vector<std::uint64_t> total_;
  std::vector<std::array<std::uint32_t, kBins>> recent_;
  std::uint64_t recent_count_ = 0;
};

}  // namespace octet
