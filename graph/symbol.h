// MXNet's symbol.json, as written: nodes with string attributes. All three spellings (`param`,
// `attr`, `attrs`) are read; old files are upgraded to the current form.
#pragma once

#include <cstdint>  // std::uint32_t
#include <map>      // std::map
#include <string>   // std::string
#include <vector>   // std::vector

#include "octet/graph/result.h"

namespace octet {

struct SymbolEntry {
  std::uint32_t node = 0, output = 0, version = 0;
};

struct SymbolNode {
  std::string op;    ///< "null" for variables
  std::string name;  ///< need not be unique for operators
  std::map<std::string, std::string> attrs;
  std::vector<SymbolEntry> inputs;
  std::vector<struct Symbol> subgraphs;
};

/// A parsed symbol. Invariants after parse_symbol: inputs refer to earlier nodes; heads are not
/// empty and refer to nodes; sizes and nesting are bounded.
struct Symbol {
  std::vector<SymbolNode> nodes;
  std::vector<SymbolEntry> heads;
  std::map<std::string, std::string> attrs;  ///< graph attributes of string type
  int mxnet_version = 800;                   ///< major * 10000 + minor * 100 + patch
};

/// Parses and upgrades. `where` names the file in errors.
Result<Symbol> parse_symbol(const std::string& json, const std::string& where);

/// JSON text in the current form (attrs, node_row_ptr, mxnet_version).
std::string write_symbol(const Symbol& symbol);

}  // namespace octet
