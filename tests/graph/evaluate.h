// A slow evaluator in double precision, for checking that passes keep a graph's function.
#pragma once

#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet::test {

/// The graph's first output for the given pixels (N, C, H, W of the input node's shape). Knows the
/// float operators that passes rewrite, post-ops included; fails the test on others.
std::vector<double> evaluate(const Graph& graph, const std::vector<double>& pixels);

}  // namespace octet::test
