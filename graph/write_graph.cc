#include <algorithm>
#include <map>
#include <memory>

#include "octet/graph/build.h"
#include "octet/graph/ops.h"
#include "octet/graph/own_format.h"

namespace octet {
namespace {

constexpr int kWrittenVersion = 10900;  // the MXNet release whose form of symbol.json is written

bool same(const Tensor& a, const Tensor& b) {
  if (a.dtype() != b.dtype() || a.shape() != b.shape() || a.empty() != b.empty()) return false;
  const auto left = a.bytes(), right = b.bytes();
  return left.data() == right.data() || std::equal(left.begin(), left.end(), right.begin(), right.end());
}

class Writer {
 public:
  explicit Writer(const Graph& graph) : graph_(graph) {}

  Result<SymbolAndParams> run() {
    OCTET_CHECK(validate(graph_));
    // Names of the graph's own variables come first: a weight that shares one has to give way.
    for (const Node& node : graph_.nodes) {
      if (node.as<InputOp>() != nullptr) taken_.emplace(node.name, nullptr);
      if (const auto* constant = node.as<ConstantOp>()) taken_.emplace(node.name, &constant->value);
    }
    for (const Node& node : graph_.nodes) OCTET_CHECK(write(node));
    for (const ValueRef& output : graph_.outputs) out_.symbol.heads.push_back(entry(output));
    out_.symbol.mxnet_version = kWrittenVersion;
    out_.symbol.attrs[kFormatKey] = kFormatVersion;
    return std::move(out_);
  }

 private:
  [[nodiscard]] SymbolEntry entry(ValueRef ref) const { return {ids_[static_cast<std::size_t>(ref.node)], 0, 0}; }

  std::uint32_t append(SymbolNode node) {
    out_.symbol.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(out_.symbol.nodes.size() - 1);
  }

  Result<void> write(const Node& node) {
    SymbolNode symbol;
    symbol.name = node.name;
    write_own_attributes(node, symbol);
    if (node.as<InputOp>() != nullptr) {
      symbol.op = "null";
      ids_.push_back(append(std::move(symbol)));
      return {};
    }
    if (const auto* constant = node.as<ConstantOp>()) {
      symbol.op = "null";
      const auto [param, added] =
          out_.params.try_emplace(node.name, NamedTensor{NamedTensor::Role::arg, constant->value});
      if (!added && !same(param->second.value, constant->value)) {
        return Error{ErrorCode::invalid_model, "node '" + node.name + "'", "two constants have this name"};
      }
      ids_.push_back(append(std::move(symbol)));
      return {};
    }
    return write_operator(node, std::move(symbol));
  }

  Result<void> write_operator(const Node& node, SymbolNode symbol) {
    for (const ValueRef& input : node.inputs) symbol.inputs.push_back(entry(input));
    const auto roles = [&](std::size_t i) {
      return node.as<BatchNormOp>() != nullptr && i >= 2 ? NamedTensor::Role::aux : NamedTensor::Role::arg;
    };
    for (std::size_t i = 0; i < node.params.size(); ++i) {
      symbol.inputs.push_back({write_param(node.params[i], roles(i)), 0, 0});
    }
    AttributeWriter attributes;
    symbol.op = kind_of(node.op).write(node, attributes);
    symbol.attrs.merge(attributes.attributes);
    if (!symbol.op.starts_with(kOwnPrefix) && is_own(node, symbol)) symbol.op.insert(0, kOwnPrefix);
    ids_.push_back(append(std::move(symbol)));
    return {};
  }

  /// Anything that MXNet's operator of this name would not do.
  [[nodiscard]] bool is_own(const Node& node, const SymbolNode& symbol) const {
    const auto hidden = [](const auto& attribute) { return is_hidden_key(attribute.first); };
    if (std::any_of(symbol.attrs.begin(), symbol.attrs.end(), hidden)) return true;
    if (std::any_of(node.params.begin(), node.params.end(), [](const auto& p) { return !p.scale.empty(); }))
      return true;
    return std::any_of(node.inputs.begin(), node.inputs.end(), [this](ValueRef input) {
      const auto& outputs = graph_.nodes[static_cast<std::size_t>(input.node)].outputs;
      return !outputs.empty() && outputs[0].quantized();
    });
  }

  /// A name for `value` that no other array has; the same array keeps one name.
  std::string name_for(const std::string& wanted, const Tensor& value) {
    std::string name = wanted;
    for (int i = 2;; ++i) {
      const auto [found, added] = taken_.try_emplace(name, &value);
      if (added || (found->second != nullptr && same(*found->second, value))) return name;
      name = wanted + "_" + std::to_string(i);
    }
  }

  std::uint32_t write_param(const Parameter& param, NamedTensor::Role role) {
    SymbolNode variable;
    variable.op = "null";
    variable.name = name_for(param.name, param.value);
    out_.params.try_emplace(variable.name, NamedTensor{role, param.value});
    if (!param.scale.empty()) {
      auto scales = Tensor::from({static_cast<std::int64_t>(param.scale.size())}, param.scale);
      if (scales) {
        kept_.push_back(std::make_unique<Tensor>(*std::move(scales)));
        const std::string name = name_for(variable.name + "_scale", *kept_.back());
        out_.params.try_emplace(name, NamedTensor{NamedTensor::Role::arg, *kept_.back()});
        variable.attrs["__octet_scales__"] = name;
      }
    }
    return append(std::move(variable));
  }

  const Graph& graph_;
  SymbolAndParams out_;
  std::vector<std::uint32_t> ids_;
  std::map<std::string, const Tensor*> taken_;
  std::vector<std::unique_ptr<Tensor>> kept_;
};

}  // namespace

Result<SymbolAndParams> write_graph(const Graph& graph) { return Writer(graph).run(); }

}  // namespace octet
