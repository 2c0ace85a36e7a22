// Parts of the reference interpreter: operators on whole values, each by its definition.
#pragma once

#include "executor/reference_layers.h"

namespace octet::test {

/// Index of a row-major tensor from its parts, and back.
std::size_t flat(const Shape& shape, const Shape& index);
Shape unflat(const Shape& shape, std::size_t at);

/// PReLU, broadcast functions, reductions, LRN, InstanceNorm, UpSampling, adaptive pooling and
/// Deconvolution. False for any other operator.
bool reference_value(const Node& node, std::span<const RefValue> inputs, const Value& out, Tensor& dst);

}  // namespace octet::test
