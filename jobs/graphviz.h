// Drawings in the DOT language to SVG, by Graphviz's program `dot`.
#pragma once

#include <string>  // std::string

#include "octet/graph/result.h"

namespace octet {

/// Runs `dot -Tsvg` (found in PATH) on the text and returns what it writes. A program of its own, because
/// Graphviz as a library keeps global state, prints and exits. Error(not_found) when it is not installed,
/// Error(internal) with its own words when it fails. Blocks; thread-safe.
Result<std::string> render_svg(const std::string& dot);

}  // namespace octet
