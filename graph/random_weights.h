// Weights for a symbol that comes without any: for speed, memory and structure, not for accuracy.
#pragma once

#include <cstdint>  // std::uint64_t
#include <string>   // std::string

#include "octet/graph/params.h"
#include "octet/graph/preprocess.h"
#include "octet/graph/symbol.h"

namespace octet {

/// A value for every variable that build_graph needs one for, of the shape that the network asks of it
/// for this input. Weights are scaled as in He et al. 2015, but to the mean and variance that each
/// layer's input is predicted to have (per channel, for random pixels), and a BatchNorm's moving mean
/// and variance are the predicted ones: activations keep their size through hundreds of layers,
/// residual sums included. Constants take their shape, and where stated their value, from the
/// variable's attributes. The same symbol, input and seed give the same bits on every machine.
/// Error(limit) when there would be more than 2^30 values, or when all layers together read more than 2^25 channels.
Result<ParamMap> random_weights(const Symbol& symbol, const Preprocess& preprocess, std::uint64_t seed,
                                const std::string& where);

}  // namespace octet
