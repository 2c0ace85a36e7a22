#include "octet/loader/resize_axis.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace octet {
namespace {

constexpr int kMaxTaps = 8;
using Weights = std::array<float, kMaxTaps>;

/// Keys' cubic with a = -0.75, taps at -1, 0, 1, 2 and `x` the fraction in [0, 1).
void cubic_weights(float x, Weights& weight) {
  constexpr float a = -0.75F;
  const float left = x + 1;
  const float right = 1 - x;
  weight[0] = ((a * left - 5 * a) * left + 8 * a) * left - 4 * a;
  weight[1] = ((a + 2) * x - (a + 3)) * x * x + 1;
  weight[2] = ((a + 2) * right - (a + 3)) * right * right + 1;
  weight[3] = 1.F - weight[0] - weight[1] - weight[2];
}

/// sinc(d) * sinc(d / 4), taps at d = x + 3 .. x - 4, normalised. sin(pi * d) has one magnitude and
/// alternating sign over the taps, so it drops out of the normalisation but for the sign.
void lanczos4_weights(float x, Weights& weight) {
  constexpr double quarter_pi = 0.78539816339744830962;
  if (x < std::numeric_limits<float>::epsilon()) {
    weight = {0, 0, 0, 1, 0, 0, 0, 0};
    return;
  }
  float sum = 0;
  for (int i = 0; i < kMaxTaps; ++i) {
    const double y = -(static_cast<double>(x) + 3 - i) * quarter_pi;
    const double sign = i % 2 == 0 ? 1 : -1;
    weight[static_cast<std::size_t>(i)] = static_cast<float>(sign * std::sin(y) / (y * y));
    sum += weight[static_cast<std::size_t>(i)];
  }
  for (float& w : weight) w *= 1.F / sum;
}

/// Position of a destination pixel's first tap centre and the fraction beyond it.
struct Position {
  std::int64_t index = 0;
  float fraction = 0;
};

Position half_pixel_position(std::int64_t i, double scale) {
  const float at = static_cast<float>((static_cast<double>(i) + 0.5) * scale - 0.5);
  const float floor = std::floor(at);
  return {static_cast<std::int64_t>(floor), at - floor};
}

/// OpenCV's area method where it enlarges: pixels keep their value over their area and blend only
/// across its edges.
Position area_position(std::int64_t i, double scale, double inverse) {
  const auto index = static_cast<std::int64_t>(std::floor(static_cast<double>(i) * scale));
  const float beyond = static_cast<float>(static_cast<double>(i + 1) - static_cast<double>(index + 1) * inverse);
  return {index, beyond <= 0 ? 0.F : beyond - std::floor(beyond)};
}

std::int16_t fixed_point(float weight) {
  const float scaled = std::nearbyint(weight * static_cast<float>(kWeightOne));
  return static_cast<std::int16_t>(std::clamp(scaled, -32768.F, 32767.F));
}

}  // namespace

double axis_scale(std::int64_t src, std::int64_t dst) {
  return 1.0 / (static_cast<double>(dst) / static_cast<double>(src));
}

Filter choose_filter(Interpolation interpolation, double scale_x, double scale_y) {
  switch (interpolation) {
    case Interpolation::nearest: return Filter::nearest;
    case Interpolation::bilinear: return Filter::linear;
    case Interpolation::cubic: return Filter::cubic;
    case Interpolation::lanczos4: return Filter::lanczos4;
    case Interpolation::area:
    case Interpolation::automatic: break;
  }
  return scale_x >= 1 && scale_y >= 1 ? Filter::area : Filter::area_linear;
}

int tap_count(Filter filter) {
  switch (filter) {
    case Filter::nearest: return 1;
    case Filter::cubic: return 4;
    case Filter::lanczos4: return kMaxTaps;
    default: return 2;
  }
}

void make_taps(Filter filter, std::int64_t src, std::int64_t dst, std::int64_t begin, std::int64_t count,
               bool edges_whole, TapAxis& axis) {
  const double scale = axis_scale(src, dst);
  const double inverse = static_cast<double>(dst) / static_cast<double>(src);
  axis.taps = tap_count(filter);
  axis.first.resize(static_cast<std::size_t>(count));
  axis.weight.resize(static_cast<std::size_t>(count * axis.taps));
  Weights weight{};
  for (std::int64_t i = 0; i < count; ++i) {
    const std::int64_t at = begin + i;
    Position position;
    if (filter == Filter::nearest) {
      position.index = static_cast<std::int64_t>(std::floor(static_cast<double>(at) * scale));
      position.index = std::min(position.index, src - 1);
      weight[0] = 1;
    } else {
      position = filter == Filter::area_linear ? area_position(at, scale, inverse) : half_pixel_position(at, scale);
      if (axis.taps == 2 && edges_whole) {
        if (position.index < 0) position = {0, 0};
        if (position.index >= src - 1) position = {src - 1, 0};
      }
      if (filter == Filter::cubic) {
        cubic_weights(position.fraction, weight);
      } else if (filter == Filter::lanczos4) {
        lanczos4_weights(position.fraction, weight);
      } else {
        weight[0] = 1.F - position.fraction;
        weight[1] = position.fraction;
      }
    }
    axis.first[static_cast<std::size_t>(i)] = position.index - std::max(axis.taps / 2 - 1, 0);
    for (int k = 0; k < axis.taps; ++k) {
      axis.weight[static_cast<std::size_t>(i * axis.taps + k)] = fixed_point(weight[static_cast<std::size_t>(k)]);
    }
  }
}

void make_shares(std::int64_t src, std::int64_t dst, std::int64_t begin, std::int64_t count,
                 std::vector<AreaShare>& shares) {
  constexpr double sliver = 1e-3;  // smaller parts of a source pixel are left out
  const double scale = axis_scale(src, dst);
  shares.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    const double from = static_cast<double>(begin + i) * scale;
    const double to = from + scale;
    const double cell = std::min(scale, static_cast<double>(src) - from);
    const std::int64_t last = std::min(static_cast<std::int64_t>(std::floor(to)), src - 1);
    const std::int64_t first = std::min(static_cast<std::int64_t>(std::ceil(from)), last);
    if (const double part = static_cast<double>(first) - from; part > sliver) {
      shares.push_back({first - 1, i, static_cast<float>(part / cell)});
    }
    for (std::int64_t s = first; s < last; ++s) shares.push_back({s, i, static_cast<float>(1.0 / cell)});
    if (const double part = to - static_cast<double>(last); part > sliver) {
      shares.push_back({last, i, static_cast<float>(std::min(std::min(part, 1.0), cell) / cell)});
    }
  }
}

}  // namespace octet
