// A network that ends earlier: the values of inner nodes as its outputs, such as features.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Makes the values of these nodes the graph's outputs, in this order, and removes what only its own outputs need. A
/// name is a node's output_name ("NAME_output", as MXNet's get_internals() spells it, too). Error(usage) for names that
/// are unknown (with the nearest), given twice, of values inside a fused node, or of what no picture changes; they
/// are all in one message. The graph may be quantised: an output is the real value of what is stored.
Result<void> cut_at(Graph& graph, const std::vector<std::string>& names);

}  // namespace octet
