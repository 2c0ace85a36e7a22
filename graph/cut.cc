#include "octet/graph/cut.h"

#include <algorithm>  // std::find_if
#include <set>        // std::set
#include <string_view>

#include "octet/graph/nearest_names.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

constexpr std::string_view kOutputSuffix = "_output";

template <class Wanted>
const Node* find_node(const Graph& graph, Wanted wanted) {
  const auto found = std::find_if(graph.nodes.begin(), graph.nodes.end(), wanted);
  return found == graph.nodes.end() ? nullptr : &*found;
}

/// The node whose value has this name.
const Node* yielding(const Graph& graph, const std::string& name) {
  const auto yields = [&graph](std::string text) {
    return find_node(graph, [&text](const Node& node) { return node.output_name == text; });
  };
  const Node* node = yields(name);
  if (node != nullptr || !name.ends_with(kOutputSuffix)) return node;
  return yields(name.substr(0, name.size() - kOutputSuffix.size()));
}

/// Why there is no such value.
std::string why_absent(const Graph& graph, const std::string& name) {
  const Node* part_of = find_node(graph, [&](const Node& node) { return node.answers_to(name); });
  if (part_of != nullptr) {
    return "'" + name + "' is inside the fused node that yields '" + part_of->output_name + "'";
  }
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) {
    if (node.as<ConstantOp>() == nullptr && node.as<InputOp>() == nullptr) names.push_back(node.output_name);
  }
  return "no node yields '" + name + "'" + names_in_brackets("nearest", nearest_names(name, names, 3));
}

/// Which nodes a picture changes.
std::vector<char> depends_on_picture(const Graph& graph) {
  std::vector<char> depends(graph.nodes.size());
  for (std::size_t id = 0; id < graph.nodes.size(); ++id) {
    for (const ValueRef& input : graph.nodes[id].inputs) {
      const auto from = static_cast<std::size_t>(input.node);
      if (depends[from] != 0 || graph.nodes[from].as<InputOp>() != nullptr) depends[id] = 1;
    }
  }
  return depends;
}

}  // namespace

Result<void> cut_at(Graph& graph, const std::vector<std::string>& names) {
  OCTET_CHECK(validate(graph));
  const std::vector<char> depends = depends_on_picture(graph);
  std::vector<ValueRef> outputs;
  std::set<const Node*> taken;
  std::string problems;
  const auto refuse = [&](const std::string& problem) { problems += (problems.empty() ? "" : "; ") + problem; };
  for (const std::string& name : names) {
    const Node* node = yielding(graph, name);
    if (node == nullptr) {
      refuse(why_absent(graph, name));
      continue;
    }
    const auto id = static_cast<NodeId>(node - graph.nodes.data());
    if (depends[static_cast<std::size_t>(id)] == 0) refuse("'" + name + "' is not computed from the picture");
    if (!taken.insert(node).second) refuse("'" + name + "' is given twice");
    outputs.push_back({id, 0});
  }
  if (names.empty()) refuse("no node is named");
  if (!problems.empty()) return Error{ErrorCode::usage, "output nodes", problems};
  graph.outputs = std::move(outputs);
  return remove_dead_nodes(graph);
}

}  // namespace octet
