// What it is worth to compute one more layer in float.
#pragma once

#include <span>    // std::span
#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/calibrator/output_match.h"
#include "octet/calibrator/session.h"

namespace octet {

/// Convolution and FullyConnected nodes that compute in INT8, by name, each once.
std::vector<std::string> int8_layers(const QuantizedGraph& quantized);

/// `quantized` with `layer` in float as well (empty: none). Scales stay as they are; weights are rounded and biases
/// taken as they come. `exclude`: the nodes in float already.
Result<Graph> without_layer(const QuantizedGraph& quantized, std::vector<std::string> exclude,
                            const std::string& layer);

struct RankingPictures {
  const PictureStore* fit = nullptr;  ///< that weights and biases are fitted on; null: not at all
  const PictureStore& judged;
  const OutputRows& f32;  ///< the float network's outputs for `judged`
};

/// What the output gains when one of `layers` leaves INT8, largest gain first, equal ones in the given order. Each
/// layer is measured by the noise at the network's output when it alone is in INT8, its weights and bias fitted: noise
/// of rounding is independent between layers and adds up, so that total - own is what remains. (Taking a layer out of
/// an INT8 network instead leaves biases behind it that make up for it.) Error(cancelled) when `stopped` says so.
Result<std::vector<LayerGain>> rank_layers(const QuantizedGraph& quantized, const std::vector<std::string>& exclude,
                                           std::span<const std::string> layers, const RankingPictures& pictures,
                                           int threads, const std::function<bool()>& stopped);

/// SQNR of the output, in dB, with `layer` in float as well, the others fitted anew. Unlike the estimate of
/// rank_layers it knows that a value stays quantised for this layer while other INT8 layers read it, too.
Result<double> sqnr_without(const QuantizedGraph& quantized, const std::vector<std::string>& exclude,
                            const std::string& layer, const RankingPictures& pictures, int threads);

}  // namespace octet
