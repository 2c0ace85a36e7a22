// One resize of an 8-bit picture as a stream: source rows go in, the rows of a window come out.
#pragma once

#include <array>    // std::array
#include <cstdint>  // std::uint8_t
#include <vector>   // std::vector

#include "octet/loader/geometry.h"
#include "octet/loader/resize_axis.h"
#include "octet/loader/resize_kernels.h"

namespace octet {

/// Computes only the pixels of a window of the resized picture and holds only the few source rows
/// that an output row needs, so its memory does not depend on either picture's size. Pixels equal
/// OpenCV's resize of the whole picture: bit for bit for nearest and bilinear, within one grey
/// level for the other methods. Keeps its buffers from one picture to the next. Not thread-safe.
///
/// Use: start(); then push() each row of source() in order, and after each push() call emit() as
/// long as ready() says so.
class Resizer {
 public:
  /// `interpolation` is not automatic (see interpolation_for). `window` lies inside a picture of `dst` pixels;
  /// `channels` is 1 or 3.
  void start(Interpolation interpolation, Size src, Size dst, const Window& window, std::int64_t channels);

  /// The source pixels that the window needs.
  [[nodiscard]] const Window& source() const noexcept { return source_; }

  /// Takes the next row of source(): its pixels from column source().x on, with kRowPadding readable
  /// bytes behind the last. The row is not needed after the call.
  void push(const std::uint8_t* row);

  /// Whether the next row of the window is complete.
  [[nodiscard]] bool ready() const noexcept { return next_ < window_rows_ && pushed_ >= rows_needed_; }

  /// Writes the next row of the window: window width times channels bytes.
  void emit(std::uint8_t* dst);

 private:
  void start_taps(Size src, Size dst, const Window& window);
  void start_area(Size src, Size dst, const Window& window);
  void update_need();
  void push_taps(const std::uint8_t* row, std::int64_t y);
  void push_area(const std::uint8_t* row, std::int64_t y);
  void filter_row(const std::uint8_t* row, std::int32_t* dst) const;
  void filter_column(std::uint8_t* dst) const;
  [[nodiscard]] std::int64_t tap_row(int k) const;

  Filter filter_ = Filter::linear;
  std::size_t channels_ = 1;
  std::size_t outputs_ = 0;  ///< bytes of an output row
  Window source_;
  std::int64_t src_rows_ = 0;     ///< height of the whole source picture
  std::int64_t window_rows_ = 0;  ///< output rows in all
  std::int64_t next_ = 0;         ///< next output row
  std::int64_t pushed_ = 0;       ///< source rows taken
  std::int64_t rows_needed_ = 0;  ///< value of pushed_ at which row next_ is complete

  // Filters with fixed taps: horizontally filtered rows, source row y at y modulo taps.
  TapAxis columns_, rows_;
  BilinearBlocks blocks_;
  std::array<std::vector<std::int16_t>, 2> bilinear_rows_;
  std::array<std::vector<std::int32_t>, 8> filtered_rows_;

  // Area filter: shares of source columns and rows, and the sums of the output rows under way
  // (output row i at i modulo 2).
  std::vector<AreaShare> column_shares_, row_shares_;
  std::size_t row_share_ = 0;  ///< first share of row_shares_ not yet used
  std::int64_t whole_ = 0;     ///< source pixels per output pixel when the sides divide evenly, else 0
  bool quarters_ = false;      ///< the mean of 2 x 2, which OpenCV rounds half up (every other half to even)
  std::vector<float> area_row_;
  std::array<std::vector<float>, 2> area_sums_;
};

}  // namespace octet
