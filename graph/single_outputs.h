// From MXNet's nodes with several outputs to nodes with one.
#pragma once

#include "octet/graph/symbol.h"

namespace octet {

/// Replaces each SliceChannel by one node per output that is read, called <name>_output<k>, with the
/// attribute `part` = k; with squeeze_axis a Reshape stands behind each. (A single part keeps the node's name.)
/// Everything else stays, in the same order.
Symbol single_outputs(const Symbol& symbol);

}  // namespace octet
