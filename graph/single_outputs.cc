#include "octet/graph/single_outputs.h"

#include <set>
#include <utility>

#include "octet/graph/attributes.h"
#include "octet/graph/ops.h"

namespace octet {
namespace {

bool is_split(const SymbolNode& node) { return node.op == "SliceChannel" || node.op == "split"; }

/// Reshape codes that drop `axis`, of size 1, by merging it with the axis before it (from whichever end it
/// is counted). Axis 0 has none before it and holds the images: it cannot go.
std::string squeeze_codes(std::int64_t axis) {
  std::vector<std::int64_t> codes;
  if (axis > 0) {
    codes.assign(static_cast<std::size_t>(axis - 1), 0);
    codes.insert(codes.end(), {-3, -2});
  } else {
    codes = {-2, -3};
    codes.insert(codes.end(), static_cast<std::size_t>(-1 - axis), 0);
  }
  return format_tuple(codes);
}

class Expander {
 public:
  explicit Expander(const Symbol& symbol) : old_(symbol), used_(symbol.nodes.size()), place_(symbol.nodes.size()) {
    for (const SymbolNode& node : symbol.nodes) {
      for (const SymbolEntry& input : node.inputs) used_[input.node].insert(input.output);
    }
    for (const SymbolEntry& head : symbol.heads) used_[head.node].insert(head.output);
  }

  Symbol run() {
    new_ = old_;
    new_.nodes.clear();
    for (std::size_t id = 0; id < old_.nodes.size(); ++id) {
      SymbolNode node = old_.nodes[id];
      for (SymbolEntry& input : node.inputs) input = moved(input);
      if (is_split(node) && !used_[id].empty()) {
        expand(id, node);
      } else {
        place_[id][0] = append(std::move(node));
      }
    }
    for (SymbolEntry& head : new_.heads) head = moved(head);
    return std::move(new_);
  }

 private:
  std::uint32_t append(SymbolNode node) {
    new_.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(new_.nodes.size() - 1);
  }

  [[nodiscard]] SymbolEntry moved(const SymbolEntry& entry) const {
    const auto& outputs = place_[entry.node];
    if (!is_split(old_.nodes[entry.node])) return {outputs.at(0), entry.output, entry.version};
    return {outputs.at(entry.output), 0, entry.version};
  }

  void expand(std::size_t id, const SymbolNode& node) {
    const auto squeeze = node.attrs.find("squeeze_axis");
    const auto axis = node.attrs.find("axis");
    const bool squeezed = squeeze != node.attrs.end() && parse_bool(squeeze->second).value_or(false);
    const std::int64_t at = axis == node.attrs.end() ? 1 : parse_integer(axis->second).value_or(0);
    for (const std::uint32_t output : used_[id]) {
      SymbolNode part = node;
      if (used_[id].size() > 1 || output != 0) part.name += "_output" + std::to_string(output);
      part.attrs["part"] = std::to_string(output);
      const std::string name = part.name;
      std::uint32_t place = append(std::move(part));
      // What cannot be written as a Reshape is left for the operator's own checks to refuse.
      if (squeezed && at != 0 && at >= -32 && at <= 32) {
        SymbolNode reshape{"Reshape", name + "_squeezed", {{"shape", squeeze_codes(at)}}, {{place, 0, 0}}, {}};
        if (at < 0) reshape.attrs["reverse"] = "True";
        place = append(std::move(reshape));
      }
      place_[id][output] = place;
    }
  }

  const Symbol& old_;
  std::vector<std::set<std::uint32_t>> used_;                  ///< outputs that are read, per old node
  std::vector<std::map<std::uint32_t, std::uint32_t>> place_;  ///< old node and output -> new node
  Symbol new_;
};

}  // namespace

Symbol single_outputs(const Symbol& symbol) { return Expander(symbol).run(); }

}  // namespace octet
