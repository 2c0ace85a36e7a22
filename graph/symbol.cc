#include "octet/graph/symbol.h"

#include <limits>
#include <optional>

#include "octet/graph/json_text.h"
#include "octet/graph/upgrade.h"

namespace octet {
namespace {

constexpr std::size_t kMaxNodes = 100'000;
constexpr int kMaxSubgraphDepth = 8;
/// Files without a version are from 0.8 or earlier.
constexpr int kOldestVersion = 800;

class SymbolReader {
 public:
  explicit SymbolReader(const std::string& where) : where_(where) {}

  Result<Symbol> read(const Json& json, int depth) {
    if (!json.is_object()) return error("the symbol is not a JSON object");
    const Json* nodes = member(json, "nodes");
    if (nodes == nullptr || !nodes->is_array()) return error("'nodes' is missing or not an array");
    Symbol symbol;
    for (const Json& node : *nodes) {
      if (++nodes_read_ > kMaxNodes) {
        return Error{ErrorCode::limit, where_, "more than " + std::to_string(kMaxNodes) + " nodes"};
      }
      OCTET_TRY(auto read, read_node(node, symbol.nodes.size(), depth));
      symbol.nodes.push_back(std::move(read));
    }
    OCTET_CHECK(read_heads(json, symbol));
    OCTET_CHECK(check_lists(json, symbol));
    OCTET_CHECK(read_attributes(json, symbol));
    return symbol;
  }

 private:
  [[nodiscard]] Error error(std::string message) const {
    return {ErrorCode::invalid_model, where_, std::move(message)};
  }
  [[nodiscard]] Error node_error(std::size_t id, const SymbolNode& node, const std::string& message) const {
    return error("node " + std::to_string(id) + (node.name.empty() ? "" : " '" + node.name + "'") + ": " + message);
  }

  /// [id, output] or [id, output, version] with id < `limit`.
  static std::optional<SymbolEntry> entry(const Json& json, std::size_t limit) {
    if (!json.is_array() || json.size() < 2 || json.size() > 3) return std::nullopt;
    std::array<std::uint32_t, 3> numbers{};
    for (std::size_t i = 0; i < json.size(); ++i) {
      const auto value = as_integer(json[i]);
      if (!value || *value < 0 || *value > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
      numbers[i] = static_cast<std::uint32_t>(*value);
    }
    if (numbers[0] >= limit) return std::nullopt;
    return SymbolEntry{numbers[0], numbers[1], numbers[2]};
  }

  Result<SymbolNode> read_node(const Json& json, std::size_t id, int depth) {
    SymbolNode node;
    if (!json.is_object()) return node_error(id, node, "not a JSON object");
    const Json* name = member(json, "name");
    const Json* op = member(json, "op");
    if (name == nullptr || !name->is_string()) return node_error(id, node, "'name' is missing or not a string");
    node.name = name->get<std::string>();
    if (op == nullptr || !op->is_string()) return node_error(id, node, "'op' is missing or not a string");
    node.op = op->get<std::string>();
    OCTET_CHECK(read_inputs(json, id, node));
    OCTET_CHECK(read_node_attributes(json, id, node));
    if (const Json* subgraphs = member(json, "subgraphs")) {
      if (!subgraphs->is_array()) return node_error(id, node, "'subgraphs' is not an array");
      if (depth >= kMaxSubgraphDepth) return node_error(id, node, "subgraphs are nested too deeply");
      for (const Json& subgraph : *subgraphs) {
        OCTET_TRY(auto inner, read(subgraph, depth + 1));
        node.subgraphs.push_back(std::move(inner));
      }
    }
    return node;
  }

  Result<void> read_inputs(const Json& json, std::size_t id, SymbolNode& node) {
    const Json* inputs = member(json, "inputs");
    if (inputs == nullptr || !inputs->is_array()) return node_error(id, node, "'inputs' is missing or not an array");
    for (const Json& input : *inputs) {
      const auto read = entry(input, id);
      if (!read) {
        return node_error(id, node, "input " + to_text(input) + " does not refer to an output of an earlier node");
      }
      node.inputs.push_back(*read);
    }
    if (node.op == "null" && !node.inputs.empty()) return node_error(id, node, "a variable has inputs");
    return {};
  }

  /// `attrs` and `attr` are two spellings of one map, of which the later in the file counts; `param`
  /// (0.8 and older) adds what they do not have.
  Result<void> read_node_attributes(const Json& json, std::size_t id, SymbolNode& node) {
    for (const auto& [key, value] : json.items()) {
      if (key != "attrs" && key != "attr") continue;
      node.attrs.clear();
      OCTET_CHECK(merge_attributes(value, key, id, node));
    }
    if (const Json* param = member(json, "param")) OCTET_CHECK(merge_attributes(*param, "param", id, node));
    return {};
  }

  Result<void> merge_attributes(const Json& map, const std::string& what, std::size_t id, SymbolNode& node) {
    if (!map.is_object()) return node_error(id, node, "'" + what + "' is not a JSON object");
    for (const auto& [key, value] : map.items()) {
      if (!value.is_string()) return node_error(id, node, "attribute '" + key + "' is not a string");
      node.attrs.try_emplace(key, value.get<std::string>());
    }
    return {};
  }

  Result<void> read_heads(const Json& json, Symbol& symbol) {
    const Json* heads = member(json, "heads");
    if (heads == nullptr || !heads->is_array() || heads->empty()) return error("'heads' is missing or empty");
    for (const Json& head : *heads) {
      const auto read = entry(head, symbol.nodes.size());
      if (!read) return error("head " + to_text(head) + " does not refer to an output of a node");
      symbol.heads.push_back(*read);
    }
    return {};
  }

  /// What octet does not need but what shows that a file is damaged.
  Result<void> check_lists(const Json& json, const Symbol& symbol) {
    if (const Json* ids = member(json, "arg_nodes")) {
      if (!ids->is_array()) return error("'arg_nodes' is not an array");
      for (const Json& id : *ids) {
        const auto value = as_integer(id);
        if (!value || *value < 0 || *value >= static_cast<std::int64_t>(symbol.nodes.size()) ||
            symbol.nodes[static_cast<std::size_t>(*value)].op != "null") {
          return error("'arg_nodes' lists " + to_text(id) + ", which is not a variable");
        }
      }
    }
    const Json* rows = member(json, "node_row_ptr");
    if (rows != nullptr && (!rows->is_array() || rows->size() != symbol.nodes.size() + 1)) {
      return error("'node_row_ptr' does not have one element more than there are nodes");
    }
    return {};
  }

  /// Graph attributes are [type, value]; those that are not strings are of no use but the version.
  Result<void> read_attributes(const Json& json, Symbol& symbol) {
    symbol.mxnet_version = kOldestVersion;
    const Json* attributes = member(json, "attrs");
    if (attributes == nullptr) return {};
    if (!attributes->is_object()) return error("'attrs' of the graph is not a JSON object");
    for (const auto& [key, pair] : attributes->items()) {
      if (!pair.is_array() || pair.size() != 2) return error("graph attribute '" + key + "' is not [type, value]");
      if (key == "mxnet_version") {
        const auto version = as_integer(pair[1]);
        if (!version || *version < 0 || *version > 100'000'000) return error("'mxnet_version' is not a version");
        symbol.mxnet_version = static_cast<int>(*version);
      } else if (pair[1].is_string()) {
        symbol.attrs[key] = pair[1].get<std::string>();
      }
    }
    return {};
  }

  const std::string& where_;
  std::size_t nodes_read_ = 0;
};

Json entry_json(const SymbolEntry& entry) { return Json::array({entry.node, entry.output, entry.version}); }

Json symbol_json(const Symbol& symbol);

Json node_json(const SymbolNode& node) {
  Json json = Json::object();
  json["op"] = node.op;
  json["name"] = node.name;
  if (!node.attrs.empty()) {
    Json attributes = Json::object();
    for (const auto& [key, value] : node.attrs) attributes[key] = value;
    json["attrs"] = std::move(attributes);
  }
  Json inputs = Json::array();
  for (const SymbolEntry& input : node.inputs) inputs.push_back(entry_json(input));
  json["inputs"] = std::move(inputs);
  if (!node.subgraphs.empty()) {
    Json subgraphs = Json::array();
    for (const Symbol& subgraph : node.subgraphs) subgraphs.push_back(symbol_json(subgraph));
    json["subgraphs"] = std::move(subgraphs);
  }
  return json;
}

/// Everything but the nodes.
Json tail_json(const Symbol& symbol) {
  Json json = Json::object();
  Json variables = Json::array();
  Json rows = Json::array({0});
  std::int64_t outputs = 0;
  for (std::size_t i = 0; i < symbol.nodes.size(); ++i) {
    if (symbol.nodes[i].op == "null") variables.push_back(i);
    outputs += output_count(symbol.nodes[i]);
    rows.push_back(outputs);
  }
  Json heads = Json::array();
  for (const SymbolEntry& head : symbol.heads) heads.push_back(entry_json(head));
  Json attributes = Json::object();
  for (const auto& [key, value] : symbol.attrs) attributes[key] = Json::array({"str", value});
  attributes["mxnet_version"] = Json::array({"int", symbol.mxnet_version});
  json["arg_nodes"] = std::move(variables);
  json["node_row_ptr"] = std::move(rows);
  json["heads"] = std::move(heads);
  json["attrs"] = std::move(attributes);
  return json;
}

Json symbol_json(const Symbol& symbol) {
  Json json = Json::object();
  Json nodes = Json::array();
  for (const SymbolNode& node : symbol.nodes) nodes.push_back(node_json(node));
  json["nodes"] = std::move(nodes);
  json.update(tail_json(symbol));
  return json;
}

}  // namespace

Result<Symbol> parse_symbol(const std::string& json, const std::string& where) {
  OCTET_TRY(const Json parsed, parse_json(json, where));
  OCTET_TRY(auto symbol, SymbolReader(where).read(parsed, 0));
  upgrade(symbol);
  return symbol;
}

std::string write_symbol(const Symbol& symbol) {
  // One node a line: short, and still readable and comparable.
  std::string text = "{\n\"nodes\": [";
  for (std::size_t i = 0; i < symbol.nodes.size(); ++i) {
    text += (i == 0 ? "\n" : ",\n") + to_text(node_json(symbol.nodes[i]));
  }
  text += "\n]";
  const Json tail = tail_json(symbol);
  for (const auto& [key, value] : tail.items()) text += ",\n" + to_text(key) + ": " + to_text(value);
  return text + "\n}\n";
}

}  // namespace octet
