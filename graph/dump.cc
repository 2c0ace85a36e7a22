#include <algorithm>
#include <array>

#include "octet/graph/graph.h"
#include "octet/graph/node_text.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

constexpr std::size_t kColumns = 6;
using Row = std::array<std::string, kColumns>;

/// "Convolution kernel=(3, 3) num_filter=64 ..."; hidden attributes lose their dressing.
std::string describe(const Node& node) {
  AttributeWriter attributes;
  kind_of(node.op).write(node, attributes);
  std::string text = op_name(node.op);
  if (const auto* input = node.as<InputOp>(); input != nullptr && !input->border.empty()) {
    const Border& b = input->border;
    attributes.set("border", std::vector<std::int64_t>{b.top, b.left, b.bottom, b.right});
    attributes.set("value", std::vector<std::int64_t>(b.value.begin(), b.value.end()));
  }
  for (const auto& [key, value] : attributes.attributes) {
    constexpr std::string_view kHidden = "__octet_";
    const bool hidden = key.starts_with(kHidden);
    text += " " + (hidden ? key.substr(kHidden.size(), key.size() - kHidden.size() - 2) : key) + "=" + value;
  }
  return text;
}

std::string describe_inputs(const Graph& graph, const Node& node) {
  std::string text;
  for (const ValueRef& input : node.inputs) {
    text += (text.empty() ? "" : ", ");
    text += input.node >= 0 && static_cast<std::size_t>(input.node) < graph.nodes.size() ? graph.nodes[input.node].name
                                                                                         : "?";
  }
  return text;
}

std::string describe_type(const Node& node) {
  if (node.outputs.empty()) return "";
  const Value& value = node.outputs[0];
  std::string text(to_string(value.dtype));
  if (value.quantized()) text += " * " + format(value.scale);
  if (!node.params.empty() && !node.params[0].scale.empty()) text += " (s8 weights)";
  return text;
}

}  // namespace

std::string dump(const Graph& graph) {
  std::vector<Row> rows{{"name", "operator", "fused", "inputs", "shape", "type"}};
  for (const Node& node : graph.nodes) {
    std::string name = node.name;
    if (node.output_name != node.name) name += " -> " + node.output_name;
    rows.push_back({name, describe(node), to_string(node.post_ops), describe_inputs(graph, node),
                    node.outputs.empty() ? "" : to_string(node.outputs[0].shape), describe_type(node)});
  }
  std::array<std::size_t, kColumns> width{};
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < kColumns; ++i) width[i] = std::max(width[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < kColumns; ++i) {
      line += row[i] + std::string(width[i] - row[i].size() + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    text += line + "\n";
  }
  text += "outputs:";
  for (const ValueRef& output : graph.outputs) {
    text += " " + (output.node >= 0 && static_cast<std::size_t>(output.node) < graph.nodes.size()
                       ? graph.nodes[output.node].output_name
                       : "?");
  }
  return text + "\n";
}

}  // namespace octet
