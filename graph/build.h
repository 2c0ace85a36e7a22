// From symbol and parameters to the typed graph, and back.
#pragma once

#include <string>  // std::string

#include "octet/graph/graph.h"
#include "octet/graph/params.h"
#include "octet/graph/symbol.h"

namespace octet {

/// Builds the graph: attributes get MXNet's defaults, label variables and training-only inputs are
/// dropped, weights are attached to their nodes, and the image variable becomes InputOp +
/// NormalizeOp. A training symbol of an SSD network counts as its deploy form (see deploy.h), the box code of
/// GluonCV's SSD is one operator (see ssd_tail.h), nodes with several outputs become several nodes, and what depends on
/// shapes alone is decided here (see resolve.h): anchors become constants. Shaped for one image. All parameter faults
/// are reported in one error. Where the sizes
/// of a file from before 0.9 only fit with pooling that rounds up, it does.
Result<Graph> build_graph(const Symbol& symbol, const ParamMap& params, const Preprocess& preprocess,
                          const std::string& where);

/// The same graph before it has weights: parameters and constants are empty tensors, nothing is shaped
/// or checked yet. Error(unsupported) for a symbol that octet wrote.
Result<Graph> build_unweighted(const Symbol& symbol, const Preprocess& preprocess, const std::string& where);

/// The reverse: a symbol and parameters that build_graph reads back to an equal graph. Fused and
/// quantised nodes use operators named `_octet_*`, so that no other reader takes them for its own.
struct SymbolAndParams {
  Symbol symbol;
  ParamMap params;
};
Result<SymbolAndParams> write_graph(const Graph& graph);

}  // namespace octet
