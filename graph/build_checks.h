// Checks of a graph that was just built from files, and the collection of its parameters' faults.
#pragma once

#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Faults of parameters, collected so that all of them can be told at once.
class ParamFaults {
 public:
  /// `detail`: what is known of it, for example its shape.
  void missing(const std::string& name, const std::string& detail = "");
  void wrong(const std::string& name, const std::string& what);
  void extra(const std::string& name);
  [[nodiscard]] bool any() const noexcept { return !missing_.empty() || !wrong_.empty() || !extra_.empty(); }
  [[nodiscard]] Error error(const std::string& where) const;

 private:
  std::vector<std::string> missing_, wrong_, extra_;
};

/// Shapes all nodes for one image and notes every parameter that is missing (an empty tensor) or
/// has the wrong shape. A node that cannot be shaped ends the walk with an error that names it;
/// faults noted by then usually explain it better. With fix_gamma, gamma is set to ones: whatever
/// is stored counts as 1, and nothing is lost when it is not stored at all.
Result<void> check_parameters(Graph& graph, ParamFaults& faults);

/// Two images must give outputs of two images: shapes that fix or mix the batch cannot be used.
/// Leaves the graph shaped for one image.
Result<void> check_batch(Graph& graph);

/// Counts axes from the front and writes out default ones, so that later layers need not.
void make_axes_explicit(Graph& graph);

}  // namespace octet
