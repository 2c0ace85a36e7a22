#include "octet/graph/upgrade.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "octet/graph/ops.h"

namespace octet {
namespace {

constexpr std::array<std::string_view, 5> kBareKeys{"ctx_group", "lr_mult", "wd_mult", "force_mirroring",
                                                    "mirror_stage"};

std::string hidden(std::string_view key) { return std::string("__").append(key).append("__"); }

/// The variable input that `argument` names: `<node>_<argument>`, else any `..._<argument>`.
std::optional<std::size_t> find_input(const Symbol& symbol, const SymbolNode& node, const std::string& argument) {
  std::optional<std::size_t> found;
  for (const SymbolEntry& input : node.inputs) {
    const SymbolNode& variable = symbol.nodes[input.node];
    if (variable.op != "null") continue;
    if (variable.name == node.name + "_" + argument) return input.node;
    if (variable.name.ends_with("_" + argument)) found = input.node;
  }
  return found;
}

void hide_training_keys(Symbol& symbol) {
  for (SymbolNode& node : symbol.nodes) {
    const auto attributes = node.attrs;
    for (const auto& [key, value] : attributes) {
      for (const std::string_view bare : kBareKeys) {
        if (key == bare) {
          node.attrs.erase(key);
          node.attrs.try_emplace(hidden(bare), value);
        } else if (node.op != "null" && key.ends_with(std::string("_").append(bare))) {
          const std::string argument = key.substr(0, key.size() - bare.size() - 1);
          const auto variable = find_input(symbol, node, argument);
          node.attrs.erase(key);
          // Without such a variable it stays on the node, where nobody minds a hidden key.
          auto& target = variable ? symbol.nodes[*variable].attrs : node.attrs;
          target.try_emplace(variable ? hidden(bare) : hidden(key), value);
        }
      }
    }
  }
}

void add_missing_inputs(Symbol& symbol) {
  std::vector<SymbolNode> nodes;
  std::vector<std::uint32_t> moved(symbol.nodes.size());
  for (std::size_t id = 0; id < symbol.nodes.size(); ++id) {
    SymbolNode node = std::move(symbol.nodes[id]);
    for (SymbolEntry& input : node.inputs) input.node = moved[input.node];
    if (node.op != "null") {
      const auto arguments = argument_names(node);
      for (std::size_t i = node.inputs.size(); i < arguments.size(); ++i) {
        SymbolNode variable;
        variable.op = "null";
        variable.name = node.name + "_" + arguments[i];
        node.inputs.push_back({static_cast<std::uint32_t>(nodes.size()), 0, 0});
        nodes.push_back(std::move(variable));
      }
    }
    moved[id] = static_cast<std::uint32_t>(nodes.size());
    nodes.push_back(std::move(node));
  }
  for (SymbolEntry& head : symbol.heads) head.node = moved[head.node];
  symbol.nodes = std::move(nodes);
}

}  // namespace

void upgrade(Symbol& symbol) {
  hide_training_keys(symbol);
  if (symbol.mxnet_version < 900) add_missing_inputs(symbol);
  if (symbol.mxnet_version < 905) {
    for (SymbolNode& node : symbol.nodes) {
      if (node.op != "argmin" && node.op != "argmax") continue;
      const auto axis = node.attrs.find("axis");
      if (axis != node.attrs.end() && axis->second == "-1") node.attrs.erase(axis);
    }
  }
}

std::int64_t output_count(const SymbolNode& node) {
  if (node.op == "SliceChannel" || node.op == "split") {
    const auto parts = node.attrs.find("num_outputs");
    const auto count = parts == node.attrs.end() ? std::nullopt : parse_integer(parts->second);
    return std::clamp<std::int64_t>(count.value_or(1), 1, kMaxAttribute);
  }
  const OperatorDef* definition = find_operator(node.op);
  return definition == nullptr ? 1 : definition->outputs;
}

std::optional<Symbol> with_full_pooling(const Symbol& symbol) {
  constexpr int kFirstWithConvention = 900;
  if (symbol.mxnet_version >= kFirstWithConvention) return std::nullopt;
  Symbol changed = symbol;
  bool any = false;
  for (SymbolNode& node : changed.nodes) {
    if (node.op == "Pooling") any = node.attrs.try_emplace("pooling_convention", "full").second || any;
  }
  if (!any) return std::nullopt;
  return changed;
}

}  // namespace octet
