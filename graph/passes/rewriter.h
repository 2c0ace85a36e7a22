// Shared by the passes: use counts and rewiring in one walk, whatever the size of the graph.
#pragma once

#include <set>     // std::set
#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/graph.h"

namespace octet {

/// Rewrites a graph while a pass walks it in order. Rewiring is noted and takes effect for a node
/// when the walk reaches it (`visit`); `finish` rewires the outputs and drops what was removed.
/// Precondition: the graph is valid.
class Rewriter {
 public:
  explicit Rewriter(Graph& graph);

  /// The node, its inputs brought up to date. Call for every id in ascending order.
  Node& visit(NodeId id);
  [[nodiscard]] NodeId size() const noexcept { return static_cast<NodeId>(graph_.nodes.size()); }
  /// The node that makes `ref`.
  [[nodiscard]] Node& producer(ValueRef ref) { return graph_.nodes[static_cast<std::size_t>(ref.node)]; }
  /// Readers of a node's output, graph outputs included.
  [[nodiscard]] int uses(NodeId id) const { return uses_[static_cast<std::size_t>(id)]; }

  /// `absorbed` is gone; who reads it reads `into` from now on, which takes over its name.
  void absorb(NodeId absorbed, NodeId into);
  /// `absorbed` is gone and computed nothing; its readers read `into`, which keeps its own name.
  void bypass(NodeId absorbed, NodeId into);
  /// `absorbed`, a sum, becomes `node`'s work, and `node` moves to its place in the order.
  void move_into(NodeId node, NodeId absorbed);
  /// `reader` no longer reads `from` but `to`, as input `index`.
  void rewire(NodeId reader, std::size_t index, ValueRef to);
  /// Marks a node that nobody reads any more.
  void remove(NodeId id) { dead_[static_cast<std::size_t>(id)] = 1; }

  /// A parameter name that no other parameter has.
  std::string unique_param_name(const std::string& wanted);
  /// True when only one node has a parameter of this name.
  [[nodiscard]] bool owns_param_name(const std::string& name) const { return param_names_.count(name) < 2; }

  void finish();

 private:
  void merge_names(Node& into, const Node& absorbed);

  Graph& graph_;
  std::vector<int> uses_;
  std::vector<NodeId> moved_to_;
  std::vector<char> dead_;
  std::multiset<std::string> param_names_;
};

/// True when all outputs are f32, as the passes need it.
bool is_float(const Node& node) noexcept;

}  // namespace octet
