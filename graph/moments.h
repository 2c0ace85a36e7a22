// Predicted mean and variance of a network's values, for weights that keep them in range.
#pragma once

#include <span>    // std::span
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Mean and variance along axis 1. With k entries for n channels, channel c has entry c * k / n: one
/// entry stands for all, and a flattened value keeps the entries of its channels.
/// Only +, -, *, / and square roots are used, so that every machine predicts the same bits.
struct Moments {
  std::vector<double> mean{0}, variance{1};

  [[nodiscard]] double mean_at(std::size_t channel, std::size_t channels) const {
    return mean[channel * mean.size() / channels];
  }
  [[nodiscard]] double variance_at(std::size_t channel, std::size_t channels) const {
    return variance[channel * variance.size() / channels];
  }
  /// Mean of the squares over all channels.
  [[nodiscard]] double mean_square() const noexcept;
  /// One entry for all channels; what differs between them counts as variance.
  [[nodiscard]] Moments pooled() const;
};

/// Of the output of `node`, whose parameters have values, from those of its data inputs. `inputs` and
/// `shapes` are as many as the node's inputs; `output` is its shape.
Moments predict(const Node& node, std::span<const Moments> inputs, std::span<const Shape> shapes, const Shape& output);

}  // namespace octet
