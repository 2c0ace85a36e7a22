// The graph as a drawing in the DOT language (Graphviz), as text.
#pragma once

#include <span>    // std::span
#include <string>  // std::string

#include "octet/graph/graph.h"

namespace octet {

/// One graph of a drawing.
struct DotPart {
  std::string title;  ///< "after fusion"
  const Graph* graph = nullptr;
};

/// A drawing of the graphs side by side. A node is one box: operator with its main parameters, name, a row for
/// each function that is fused behind it; orange where it computes in INT8, blue in FP32, green for pixels.
/// An edge tells type, scale and shape of its value (without the batch) and has the type's colour; the operand
/// of a fused sum is dashed. Names may hold anything; they are escaped, and shortened in the box (whole in its
/// tooltip). Time and size are linear in the number of nodes. Graphs should be valid and shaped.
std::string to_dot(std::span<const DotPart> parts);

/// `text` for HTML-like labels of DOT: markup characters become entities; control characters and, where the
/// text is no UTF-8, all bytes beyond ASCII become '?'.
std::string escape_dot_html(const std::string& text);
/// `text` in double quotes for an attribute of DOT, shown as it is.
std::string quote_dot(const std::string& text);

}  // namespace octet
