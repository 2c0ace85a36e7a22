#include "octet/graph/mxnet_int8/writer.h"

#include <utility>

#include "octet/graph/mxnet_int8/ranges.h"

namespace octet::mxnet_int8 {
namespace {

Error fault(const std::string& name, const std::string& what) {
  return {ErrorCode::invalid_model, "", "parameter '" + name + "' " + what};
}

}  // namespace

Writer::Writer(const Symbol& symbol, const ParamMap* params, MxnetInt8& result)
    : symbol_(symbol), params_(params), result_(result) {
  // Nodes of the graph that are made of variables have names too.
  for (const SymbolNode& node : symbol.nodes) {
    if (node.op != "null") continue;
    names_.insert(node.name);
    names_.insert(node.name + "_normalized");
  }
}

SymbolEntry Writer::append(SymbolNode node) {
  const std::string base = node.name;
  for (int i = 2; !names_.insert(node.name).second; ++i) node.name = base + "#" + std::to_string(i);
  result_.symbol.nodes.push_back(std::move(node));
  return {static_cast<std::uint32_t>(result_.symbol.nodes.size() - 1), 0, 0};
}

SymbolEntry Writer::variable(std::uint32_t id) {
  const auto found = variables_.find(id);
  if (found != variables_.end()) return found->second;
  result_.symbol.nodes.push_back(symbol_.nodes[id]);
  return variables_[id] = {static_cast<std::uint32_t>(result_.symbol.nodes.size() - 1), 0, 0};
}

const NamedTensor* Writer::find(std::uint32_t id) const {
  if (params_ == nullptr) return nullptr;
  const auto found = params_->find(symbol_.nodes[id].name);
  return found == params_->end() ? nullptr : &found->second;
}

Result<std::optional<float>> Writer::number(std::uint32_t id) const {
  if (params_ == nullptr) return std::optional<float>();
  const std::string& name = symbol_.nodes[id].name;
  const NamedTensor* param = find(id);
  if (param == nullptr || param->value.empty()) return fault(name, "is missing");
  if (param->value.dtype() != DType::f32 || param->value.elements() != 1) return fault(name, "is not one f32 number");
  return std::optional(param->value.as<float>()[0]);
}

Result<SymbolEntry> Writer::stored_weight(std::uint32_t id, std::uint32_t min, std::uint32_t max) {
  const auto found = variables_.find(id);
  if (found != variables_.end()) return found->second;
  static constexpr std::string_view kSuffix = "_quantize";
  SymbolNode node = symbol_.nodes[id];
  if (node.name.ends_with(kSuffix)) {
    std::string plain = node.name.substr(0, node.name.size() - kSuffix.size());
    if (names_.insert(plain).second) node.name = std::move(plain);
  }
  node.attrs.erase("__dtype__");
  OCTET_CHECK(convert(id, min, max, node.name));
  result_.symbol.nodes.push_back(std::move(node));
  return variables_[id] = {static_cast<std::uint32_t>(result_.symbol.nodes.size() - 1), 0, 0};
}

Result<void> Writer::convert(std::uint32_t id, std::uint32_t min, std::uint32_t max, const std::string& name) {
  if (params_ == nullptr) return {};
  const std::string& stored_name = symbol_.nodes[id].name;
  const NamedTensor* stored = find(id);
  if (stored == nullptr || stored->value.empty()) return fault(stored_name, "is missing");
  if (stored->value.dtype() != DType::s8) return fault(stored_name, "is not s8");
  OCTET_TRY(const auto low, number(min));
  OCTET_TRY(const auto high, number(max));
  auto range = checked_range(*low, *high);
  if (!range) return fault(stored_name, "cannot be read: " + range.error().message);
  const float scale = step(range->magnitude(), DType::s8, symbol_.mxnet_version);
  NamedTensor plain{stored->role, {}};
  OCTET_TRY(plain.value, Tensor::create(DType::f32, stored->value.shape()));
  const auto from = stored->value.as<std::int8_t>();
  const auto to = plain.value.mutable_as<float>();
  for (std::size_t i = 0; i < from.size(); ++i) to[i] = static_cast<float>(from[i]) * scale;
  result_.params[name] = std::move(plain);
  result_.weight_step[name] = scale;
  return {};
}

void Writer::finish() {
  if (params_ == nullptr) return;
  std::set<std::string> before, after;
  for (const SymbolNode& node : symbol_.nodes) {
    if (node.op == "null") before.insert(node.name);
  }
  for (const SymbolNode& node : result_.symbol.nodes) {
    if (node.op == "null") after.insert(node.name);
  }
  // What the INT8 symbol does not name either is left for the builder to complain about.
  for (const auto& [name, param] : *params_) {
    if (after.contains(name) || !before.contains(name)) result_.params.try_emplace(name, param);
  }
}

}  // namespace octet::mxnet_int8
