// Node names that users give, checked against a graph.
#pragma once

#include <span>    // std::span
#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// The (up to `count`) names nearest to `text` by edit distance, nearest first, ties in name order.
/// Names that share nothing with it are left out.
std::vector<std::string> nearest_names(const std::string& text, std::span<const std::string> names, std::size_t count);

/// Error(usage) that lists every name of `wanted` that no node of `optimized` answers to and that
/// the `original` graph does not know either, each with the nearest existing names.
Result<void> check_names(const Graph& original, const Graph& optimized, const std::vector<std::string>& wanted);

}  // namespace octet
