#include "octet/loader/resize.h"

#include <algorithm>
#include <cmath>
#include <limits>

namespace octet {
namespace {

std::uint8_t to_byte(float value) { return static_cast<std::uint8_t>(std::clamp(std::nearbyint(value), 0.F, 255.F)); }

/// n when the scale is the whole number n, as OpenCV decides it; else 0.
std::int64_t whole_scale(double scale) {
  const double rounded = std::nearbyint(scale);
  return std::abs(scale - rounded) < std::numeric_limits<double>::epsilon() ? static_cast<std::int64_t>(rounded) : 0;
}

}  // namespace

void Resizer::start(Interpolation interpolation, Size src, Size dst, const Window& window, std::int64_t channels) {
  channels_ = static_cast<std::size_t>(channels);
  outputs_ = static_cast<std::size_t>(window.width * channels);
  src_rows_ = src.height;
  window_rows_ = window.height;
  next_ = 0;
  pushed_ = 0;
  const double scale_x = axis_scale(src.width, dst.width);
  const double scale_y = axis_scale(src.height, dst.height);
  filter_ = choose_filter(interpolation, scale_x, scale_y);
  if (filter_ == Filter::area) {
    whole_ = whole_scale(scale_x) * whole_scale(scale_y);
    quarters_ = whole_scale(scale_x) == 2 && whole_scale(scale_y) == 2;
    start_area(src, dst, window);
  } else {
    start_taps(src, dst, window);
  }
  update_need();
}

void Resizer::start_taps(Size src, Size dst, const Window& window) {
  make_taps(filter_, src.width, dst.width, window.x, window.width, true, columns_);
  make_taps(filter_, src.height, dst.height, window.y, window.height, false, rows_);
  const auto span = [](const TapAxis& axis, std::int64_t size, std::int64_t& begin, std::int64_t& count) {
    begin = std::clamp(axis.first.front(), std::int64_t{0}, size - 1);
    count = std::clamp(axis.first.back() + axis.taps - 1, std::int64_t{0}, size - 1) - begin + 1;
  };
  span(columns_, src.width, source_.x, source_.width);
  span(rows_, src.height, source_.y, source_.height);
  if (columns_.taps == 2) {
    make_blocks(columns_, source_.x, channels_, blocks_);
    for (auto& row : bilinear_rows_) row.resize(padded_outputs(blocks_));
    return;
  }
  for (int k = 0; k < columns_.taps; ++k) filtered_rows_[static_cast<std::size_t>(k)].resize(outputs_);
}

void Resizer::start_area(Size src, Size dst, const Window& window) {
  make_shares(src.width, dst.width, window.x, window.width, column_shares_);
  make_shares(src.height, dst.height, window.y, window.height, row_shares_);
  source_.x = column_shares_.front().src;
  source_.width = column_shares_.back().src - source_.x + 1;
  source_.y = row_shares_.front().src;
  source_.height = row_shares_.back().src - source_.y + 1;
  row_share_ = 0;
  area_row_.resize(outputs_);
  for (auto& sums : area_sums_) sums.resize(outputs_);
}

/// The source row of tap k of output row next_, clamped to the picture.
std::int64_t Resizer::tap_row(int k) const {
  return std::clamp(rows_.first[static_cast<std::size_t>(next_)] + k, std::int64_t{0}, src_rows_ - 1);
}

void Resizer::update_need() {
  if (next_ == window_rows_) return;
  if (filter_ == Filter::area) {
    // Shares are sorted by output row, so the row is complete with the last share that names it.
    const auto end = std::upper_bound(row_shares_.begin(), row_shares_.end(), next_,
                                      [](std::int64_t row, const AreaShare& share) { return row < share.dst; });
    rows_needed_ = std::prev(end)->src - source_.y + 1;
  } else {
    rows_needed_ = tap_row(rows_.taps - 1) - source_.y + 1;
  }
}

void Resizer::push(const std::uint8_t* row) {
  const std::int64_t y = source_.y + pushed_++;
  if (filter_ == Filter::area) {
    push_area(row, y);
  } else if (next_ < window_rows_ && y >= tap_row(0)) {  // rows between two outputs' taps are not needed
    push_taps(row, y);
  }
}

void Resizer::push_taps(const std::uint8_t* row, std::int64_t y) {
  if (rows_.taps == 2) {
    bilinear_row(row, blocks_, bilinear_rows_[static_cast<std::size_t>(y % 2)].data());
  } else {
    filter_row(row, filtered_rows_[static_cast<std::size_t>(y % rows_.taps)].data());
  }
}

void Resizer::filter_row(const std::uint8_t* row, std::int32_t* dst) const {
  const auto taps = static_cast<std::size_t>(columns_.taps);
  for (std::size_t i = 0; i < columns_.first.size(); ++i) {
    for (std::size_t c = 0; c < channels_; ++c) {
      std::int32_t sum = 0;
      for (std::size_t k = 0; k < taps; ++k) {
        // Beyond the picture's edge the edge pixel counts; the source window reaches to it.
        const std::int64_t x = std::clamp(columns_.first[i] + static_cast<std::int64_t>(k) - source_.x, std::int64_t{0},
                                          source_.width - 1);
        sum += row[static_cast<std::size_t>(x) * channels_ + c] * columns_.weight[i * taps + k];
      }
      dst[i * channels_ + c] = sum;
    }
  }
}

void Resizer::filter_column(std::uint8_t* dst) const {
  constexpr int bits = 2 * kWeightBits;
  const auto taps = static_cast<std::size_t>(rows_.taps);
  const std::int16_t* weight = &rows_.weight[static_cast<std::size_t>(next_) * taps];
  std::array<const std::int32_t*, 8> rows{};
  for (std::size_t k = 0; k < taps; ++k) {
    rows[k] = filtered_rows_[static_cast<std::size_t>(tap_row(static_cast<int>(k))) % taps].data();
  }
  for (std::size_t i = 0; i < outputs_; ++i) {
    std::int64_t sum = std::int64_t{1} << (bits - 1);
    for (std::size_t k = 0; k < taps; ++k) sum += std::int64_t{rows[k][i]} * weight[k];
    dst[i] = static_cast<std::uint8_t>(std::clamp(sum >> bits, std::int64_t{0}, std::int64_t{255}));
  }
}

void Resizer::push_area(const std::uint8_t* row, std::int64_t y) {
  if (row_share_ == row_shares_.size() || row_shares_[row_share_].src != y) return;
  std::fill(area_row_.begin(), area_row_.end(), 0.F);
  for (const AreaShare& share : column_shares_) {
    const std::uint8_t* src = row + static_cast<std::size_t>(share.src - source_.x) * channels_;
    float* dst = &area_row_[static_cast<std::size_t>(share.dst) * channels_];
    const float weight = whole_ > 0 ? 1.F : share.weight;  // whole scales sum exactly and divide once
    for (std::size_t c = 0; c < channels_; ++c) dst[c] += static_cast<float>(src[c]) * weight;
  }
  for (; row_share_ < row_shares_.size() && row_shares_[row_share_].src == y; ++row_share_) {
    const AreaShare& share = row_shares_[row_share_];
    std::vector<float>& sums = area_sums_[static_cast<std::size_t>(share.dst % 2)];
    const bool first = row_share_ == 0 || row_shares_[row_share_ - 1].dst != share.dst;
    if (first) std::fill(sums.begin(), sums.end(), 0.F);
    const float weight = whole_ > 0 ? 1.F : share.weight;
    for (std::size_t i = 0; i < outputs_; ++i) sums[i] += weight * area_row_[i];
  }
}

void Resizer::emit(std::uint8_t* dst) {
  if (filter_ == Filter::area) {
    const std::vector<float>& sums = area_sums_[static_cast<std::size_t>(next_ % 2)];
    const float scale = whole_ > 0 ? 1.F / static_cast<float>(whole_) : 1.F;
    if (quarters_) {
      for (std::size_t i = 0; i < outputs_; ++i)
        dst[i] = static_cast<std::uint8_t>((static_cast<int>(sums[i]) + 2) / 4);
    } else {
      for (std::size_t i = 0; i < outputs_; ++i) dst[i] = to_byte(sums[i] * scale);
    }
  } else if (rows_.taps == 2) {
    const std::int16_t* weight = &rows_.weight[2 * static_cast<std::size_t>(next_)];
    bilinear_column(bilinear_rows_[static_cast<std::size_t>(tap_row(0) % 2)].data(),
                    bilinear_rows_[static_cast<std::size_t>(tap_row(1) % 2)].data(), weight[0], weight[1], dst,
                    outputs_);
  } else {
    filter_column(dst);
  }
  ++next_;
  update_need();
}

}  // namespace octet
