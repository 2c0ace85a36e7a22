// What octet's own pairs add to MXNet's format. A symbol with the graph attribute `octet_format` may
// use operators `_octet_<MXNet name>` whose hidden attributes change or extend MXNet's meaning:
//   __octet_dtype__        u8 or s8: the output is quantised (variables: the image or a constant)
//   __octet_scale__        its scale, shortest decimal that reads back to the same float
//   __octet_post_ops__     "relu; sum; clip(0, 6)"; a sum adds the operand as the last data input
//   __octet_pad__          Convolution: (top, left, bottom, right)
//   __octet_output_name__  Node::output_name, when it is not the node's name
//   __octet_fused__        JSON array: Node::fused
//   __octet_channels_last__  Flatten: in NHWC order
//   __octet_scaled__       L2Normalization: has a weight, one scale per channel
//   __octet_border__       image variable: (top, left, bottom, right, value, value, value)
//   __octet_scales__       weight variable: name of the array that holds its scales
// Operators that MXNet does not have are _octet_normalize, _octet_quantize and _octet_dequantize.
// Graph attributes: octet_format, octet_preprocess, octet_labels, octet_provenance, octet_params.
#pragma once

#include <string>  // std::string

#include "octet/graph/graph.h"
#include "octet/graph/result.h"
#include "octet/graph/symbol.h"

namespace octet {

inline constexpr const char* kFormatKey = "octet_format";
inline constexpr const char* kFormatVersion = "1";
inline constexpr const char* kPreprocessKey = "octet_preprocess";  ///< JSON, as write_preprocess
inline constexpr const char* kLabelsKey = "octet_labels";          ///< JSON array of strings
inline constexpr const char* kProvenanceKey = "octet_provenance";  ///< JSON array of [key, value]
inline constexpr const char* kParamsKey = "octet_params";          ///< SHA-256 of the .params file

/// True for a pair that octet wrote; Error(unsupported) when a newer octet did.
Result<bool> is_own_format(const Symbol& symbol);

/// The hidden attributes of `node` that every operator may have, onto `symbol`.
void write_own_attributes(const Node& node, SymbolNode& symbol);
/// The reverse. Sets dtype and scale of the node's (only) output.
Result<void> read_own_attributes(const SymbolNode& symbol, Node& node);

}  // namespace octet
