// MXNet's own INT8 symbols, as quantize_model and its relatives write them: read as the float network
// that they were made from, and as the INT8 network that they describe.
#pragma once

#include <map>     // std::map
#include <set>     // std::set
#include <string>  // std::string

#include "octet/graph/graph.h"
#include "octet/graph/params.h"
#include "octet/graph/symbol.h"

namespace octet {

/// True when some operator is one that MXNet's quantisation or its oneDNN fusion writes.
bool is_mxnet_int8(const Symbol& symbol);

enum class Int8Reading : std::uint8_t {
  stored,    ///< with the ranges of the file; all of them must be there
  as_float,  ///< without any: ranges are not even looked at
};

/// Such a pair in float operators. Fused subgraphs are expanded, quantised weights are float again, and
/// nothing quantises; for Int8Reading::stored an identity node marks every place where a value changes
/// between real and quantised.
struct MxnetInt8 {
  Symbol symbol;
  ParamMap params;                           ///< fits `symbol`
  std::map<std::string, Value> seams;        ///< identity node -> dtype and scale behind it (no shape)
  std::set<std::string> int8;                ///< nodes that compute in INT8
  std::map<std::string, float> weight_step;  ///< weight that was stored as int8 -> its one scale
  double weight_levels = 127;                ///< steps from 0 to the largest weight of a channel
};

/// Reads `symbol`, which is_mxnet_int8. `params`: null when there are none (they are only looked at for
/// parameters and ranges that the file stores there). Names of nodes become unique; those of fused
/// subgraphs are the ones of the float network. Errors name the node. Error(unsupported) when ranges are
/// missing that MXNet measures on every batch (Int8Reading::stored only).
Result<MxnetInt8> expand_mxnet_int8(const Symbol& symbol, const ParamMap* params, Int8Reading reading,
                                    const std::string& where);

/// Turns the graph that build_graph made of `int8.symbol` (stored reading) into the INT8 graph: optimised
/// between the seams, each INT8 node reading and yielding the file's quantised values. Scales are
/// magnitude / 127 (s8) or / 255 (u8), 127.5 and 255.5 from MXNet 1.6 on; a range of 0 is 2^-31 a step, as
/// in MXNet. Sums into u8 do not saturate at 127, as those of MXNet do when the operand is s8.
Result<void> apply_int8(Graph& graph, const MxnetInt8& int8);

}  // namespace octet
