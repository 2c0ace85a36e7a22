// Calibrated ranges of MXNet's quantised operators, and what one step of them is worth.
#pragma once

#include <optional>  // std::optional

#include "octet/graph/graph.h"
#include "octet/graph/symbol.h"

namespace octet::mxnet_int8 {

/// How a value is stored: symmetric, `magnitude` being the largest |x| of its range.
struct Stored {
  DType dtype = DType::s8;
  float magnitude = 0;
};

struct Range {
  float min = 0, max = 0;
  [[nodiscard]] float magnitude() const noexcept;
};

/// Steps from 0 to the magnitude: 127 and 255 up to 1.5, 127.5 and 255.5 from 1.6 on.
double levels(DType dtype, int mxnet_version) noexcept;

/// magnitude / levels; 2^-31 (MXNet's 1 / INT_MAX) for a magnitude of 0.
float step(float magnitude, DType dtype, int mxnet_version) noexcept;

/// Both ends finite, in order, and not above 1e15 (products of scales must stay finite floats).
Result<Range> checked_range(float min, float max);

/// The attributes min_calib_range and max_calib_range of a node; nullopt when it has neither.
Result<std::optional<Range>> calibrated_range(const SymbolNode& node);

/// The last operator of a fused subgraph cannot yield negative values.
bool non_negative(const SymbolNode& node);

}  // namespace octet::mxnet_int8
