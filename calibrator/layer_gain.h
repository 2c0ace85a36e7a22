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
/// taken as they come, because those fitted behind a layer make up for what it did. `exclude`: the nodes in float
/// already.
Result<Graph> without_layer(const QuantizedGraph& quantized, std::vector<std::string> exclude,
                            const std::string& layer);

/// SQNR at the output without each of `layers` alone, largest gain first, equal ones in the given order. `f32`: the
/// float network's outputs. Error(cancelled) when `stopped` says so.
Result<std::vector<LayerGain>> rank_layers(const QuantizedGraph& quantized, const std::vector<std::string>& exclude,
                                           std::span<const std::string> layers, const PictureStore& pictures,
                                           const OutputRows& f32, int threads, const std::function<bool()>& stopped);

}  // namespace octet
