// Nodes that MXNet fused: what their subgraph computes, node by node.
#include <algorithm>
#include <utility>

#include "octet/graph/mxnet_int8/expander.h"

namespace octet::mxnet_int8 {
namespace {

constexpr std::size_t kMaxInnerNodes = 64;

std::size_t variables_of(const Symbol& graph) {
  const auto is_variable = [](const SymbolNode& node) { return node.op == "null"; };
  return static_cast<std::size_t>(std::count_if(graph.nodes.begin(), graph.nodes.end(), is_variable));
}

DType dtype_behind(const Symbol& subgraph) {
  return non_negative(subgraph.nodes[subgraph.heads[0].node]) ? DType::u8 : DType::s8;
}

}  // namespace

Result<void> Expander::check_subgraph(const SymbolNode& node) const {
  if (node.subgraphs.size() != 1)
    return invalid("has " + std::to_string(node.subgraphs.size()) + " subgraphs, not one");
  const Symbol& graph = node.subgraphs[0];
  if (graph.nodes.size() > kMaxInnerNodes) {
    return invalid("its subgraph has more than " + std::to_string(kMaxInnerNodes) + " nodes");
  }
  if (graph.heads.size() != 1 || graph.heads[0].output != 0 || graph.nodes[graph.heads[0].node].op == "null") {
    return invalid("its subgraph does not have one operator as its head");
  }
  for (const SymbolNode& inner : graph.nodes) {
    if (!inner.subgraphs.empty() || find(inner.op) != nullptr) {
      return unsupported("node '" + inner.name + "' (" + inner.op + ") of its subgraph is fused or quantised itself");
    }
    for (const SymbolEntry& input : inner.inputs) {
      if (input.output != 0) return unsupported("node '" + inner.name + "' of its subgraph reads a second output");
    }
  }
  const std::size_t variables = variables_of(graph);
  if (variables < 2) return invalid("its subgraph has no weights");
  if (node.inputs.size() < variables) {
    return invalid("has " + std::to_string(node.inputs.size()) + " inputs for the " + std::to_string(variables) +
                   " of its subgraph");
  }
  return {};
}

Result<SymbolEntry> Expander::expand_subgraph(const SymbolNode& node, std::span<const SymbolEntry> arguments,
                                              bool int8) {
  const Symbol& graph = node.subgraphs[0];
  std::vector<SymbolEntry> entries;
  std::size_t position = 0;
  for (const SymbolNode& inner : graph.nodes) {
    if (inner.op == "null") {
      entries.push_back(arguments[position++]);
      continue;
    }
    SymbolNode plain{inner.op, inner.name, inner.attrs, {}, {}};
    for (const SymbolEntry& input : inner.inputs) plain.inputs.push_back(entries[input.node]);
    entries.push_back(writer_.append(std::move(plain)));
    if (int8) result_.int8.insert(result_.symbol.nodes[entries.back().node].name);
  }
  return entries[graph.heads[0].node];
}

Result<void> Expander::float_fused(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  const std::size_t variables = variables_of(node.subgraphs[0]);
  OCTET_CHECK(check_arity(node, {variables}));
  std::vector<SymbolEntry> arguments;
  for (const SymbolEntry& input : node.inputs) {
    OCTET_TRY(arguments.emplace_back(), read_real(input));
  }
  OCTET_TRY(values_[id].raw, expand_subgraph(node, arguments, false));
  values_[id].form = Expanded::Form::real;
  return {};
}

Result<void> Expander::fused_convolution(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_subgraph(node));
  OCTET_TRY(const bool quantized, flag(node, "quantized"));
  if (!quantized) return float_fused(id);
  OCTET_TRY(const bool with_sum, flag(node, "with_sum"));
  const std::size_t variables = variables_of(node.subgraphs[0]);
  // A sum of the convolution and its own input lists that input once.
  const bool operand = with_sum && node.inputs.size() != variables + 2;
  OCTET_CHECK(check_arity(node, {variables + (operand ? 4 : 2)}));
  OCTET_CHECK(check_range_inputs(node, 0, variables));
  if (operand) OCTET_CHECK(check_range_inputs(node, variables - 1, variables + 2));
  std::vector<SymbolEntry> arguments;
  for (std::size_t i = 0; i < variables; ++i) {
    const bool data = i == 0 || (operand && i + 1 == variables);
    OCTET_TRY(arguments.emplace_back(), data ? read_quantized(node.inputs[i]) : read_variable(node.inputs[i]));
  }
  OCTET_TRY(const SymbolEntry raw, expand_subgraph(node, arguments, true));
  return finish_layer(id, raw, dtype_behind(node.subgraphs[0]));
}

Result<void> Expander::fused_fully_connected(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_subgraph(node));
  OCTET_TRY(const bool quantized, flag(node, "quantized"));
  if (!quantized) return float_fused(id);
  OCTET_TRY(const bool channel_wise, flag(node, "channel_wise_quantize"));
  const std::size_t variables = variables_of(node.subgraphs[0]);
  OCTET_CHECK(check_arity(node, {channel_wise ? variables + 2 : 3 * variables}));
  OCTET_CHECK(check_range_inputs(node, 0, variables));
  std::vector<SymbolEntry> arguments(1);
  OCTET_TRY(arguments[0], read_quantized(node.inputs[0]));
  for (std::size_t i = 1; i < variables; ++i) {
    OCTET_TRY(arguments.emplace_back(),
              channel_wise ? read_variable(node.inputs[i]) : read_weight(node, i, variables + 2 * i));
  }
  OCTET_TRY(const SymbolEntry raw, expand_subgraph(node, arguments, true));
  return finish_layer(id, raw, dtype_behind(node.subgraphs[0]));
}

}  // namespace octet::mxnet_int8
