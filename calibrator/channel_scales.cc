#include "octet/calibrator/channel_scales.h"

#include <algorithm>  // std::max

namespace octet {
namespace {

constexpr double kMostStretch = 64;                    // of a channel against the widest
constexpr int kAround = ChannelTails::kPerOctave / 4;  // bins

bool was_zero(const ChannelNoise& channel) { return !(channel.rounding > 0); }

double squared(double x) { return x * x; }

/// Noise of the values of `channel`: mean over thresholds around edge k.
double noise_around(const ChannelTails& edges, const SharedSteps& steps, const ChannelNoise& channel, int k) {
  double sum = 0;
  for (int i = k - kAround; i <= k + kAround; ++i) {
    sum += channel.rounding * squared(edges.edge(i) * (1 + steps.lift) / steps.levels) +
           channel.clipping[static_cast<std::size_t>(i)];
  }
  return sum / (2 * kAround + 1);
}

/// The threshold of least noise; `top`: the widest of the group, 0 when weights do not matter yet.
double best_threshold(const ChannelTails& edges, const SharedSteps& steps, const ChannelNoise& channel, double top) {
  double best = 0, least = 0;
  for (int k = kAround; k < ChannelTails::kEdges - kAround; ++k) {
    const double t = edges.edge(k);
    const double noise = noise_around(edges, steps, channel, k) + channel.weights * squared(top / t);
    if (best > 0 && noise >= least) continue;
    best = t;
    least = noise;
  }
  return steps.lift > 0 ? std::max(best, channel.low / steps.lift) : best;
}

}  // namespace

double choose_scales(const ChannelTails& edges, const SharedSteps& steps, std::span<ChannelNoise> channels) {
  double top = 0;
  for (const ChannelNoise& channel : channels) {
    if (!was_zero(channel)) top = std::max(top, best_threshold(edges, steps, channel, 0));
  }
  double noise = 0;
  for (ChannelNoise& channel : channels) {
    channel.scale = 1;
    if (was_zero(channel)) continue;
    const double t = std::clamp(best_threshold(edges, steps, channel, top), top / kMostStretch, top);
    channel.scale = t / top;
    noise += channel.rounding * squared(t * (1 + steps.lift) / steps.levels) +
             channel.clipping[static_cast<std::size_t>(edges.bin_of(t))] + channel.weights * squared(top / t);
  }
  return noise;
}

}  // namespace octet
