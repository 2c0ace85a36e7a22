// Which nodes a user means, checked against a graph.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/calibrator/calibrate.h"
#include "octet/graph/graph.h"

namespace octet {

/// The names that `options` excludes, as `options.exclude`, `exclude_ops` and `exclude_first_conv` say it: names that
/// both graphs know, as they were given, then nodes of `optimized` that patterns and operators mean, in its order. A
/// text that is a name is no pattern. Error(usage) lists every name or pattern that no node of `optimized` answers to
/// and that the `original` graph does not know either, with the nearest existing names, and every operator without a
/// node.
Result<std::vector<std::string>> excluded_names(const Graph& original, const Graph& optimized,
                                                const CalibrationOptions& options);

}  // namespace octet
