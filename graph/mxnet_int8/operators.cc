// What each of MXNet's quantised operators is in the float symbol.
#include <algorithm>
#include <string_view>
#include <utility>

#include "octet/graph/attributes.h"
#include "octet/graph/mxnet_int8/expander.h"

namespace octet::mxnet_int8 {
namespace {

/// out_type, where "auto" is decided by the range's sign; without a range it is s8.
Result<DType> out_type(const SymbolNode& node, const char* fallback, const std::optional<Range>& range) {
  const auto found = node.attrs.find("out_type");
  const std::string type = found == node.attrs.end() ? fallback : found->second;
  if (type == "int8") return DType::s8;
  if (type == "uint8") return DType::u8;
  if (type == "auto") return range && range->min >= 0 ? DType::u8 : DType::s8;
  return invalid("attribute 'out_type' is '" + type + "', not int8, uint8 or auto");
}

}  // namespace

Result<bool> flag(const SymbolNode& node, const char* key) {
  const auto found = node.attrs.find(key);
  if (found == node.attrs.end()) return false;
  const auto value = parse_bool(found->second);
  if (!value) return invalid(std::string("attribute '") + key + "' is '" + found->second + "', not True or False");
  return *value;
}

Expander::Handler Expander::find(const std::string& op) {
  static const std::pair<std::string_view, Handler> kTable[] = {
      {"_contrib_quantize_v2", &Expander::quantize},
      {"_contrib_quantize", &Expander::quantize},
      {"_contrib_dequantize", &Expander::dequantize},
      {"_contrib_requantize", &Expander::requantize},
      {"_sg_mkldnn_conv", &Expander::fused_convolution},
      {"_sg_onednn_conv", &Expander::fused_convolution},
      {"_sg_mkldnn_fully_connected", &Expander::fused_fully_connected},
      {"_sg_onednn_fully_connected", &Expander::fused_fully_connected},
      {"_contrib_quantized_conv", &Expander::layer},
      {"_contrib_quantized_fully_connected", &Expander::layer},
      {"_contrib_quantized_pooling", &Expander::moved},
      {"_contrib_quantized_flatten", &Expander::moved},
      {"_contrib_quantized_act", &Expander::activation},
      {"_contrib_quantized_concat", &Expander::concat},
      {"_contrib_quantized_elemwise_add", &Expander::elementwise},
      {"_contrib_quantized_elemwise_mul", &Expander::elementwise},
      {"_contrib_quantized_batch_norm", &Expander::batch_norm},
  };
  for (const auto& [name, handler] : kTable) {
    if (name == op) return handler;
  }
  return nullptr;
}

Result<void> Expander::quantize(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  const bool has_range_inputs = node.op == "_contrib_quantize";
  OCTET_CHECK(check_arity(node, {has_range_inputs ? std::size_t{3} : std::size_t{1}}));
  const SymbolEntry data = node.inputs[0];
  if (!is_variable(data.node) && values_[data.node].form == Expanded::Form::quantized && data.output == 0) {
    OCTET_CHECK(read_quantized(data));
    values_[id] = values_[data.node];  // MXNet passes such values through
    values_[id].takes_relu = false;
    return {};
  }
  OCTET_TRY(const SymbolEntry real, read_real(data));
  std::optional<Range> range;
  if (!has_range_inputs) {
    OCTET_TRY(range, required_range(node));
  } else if (reading_ == Int8Reading::stored) {
    OCTET_TRY(range, range_from_inputs(node));
    if (!range) uncalibrated_.push_back(node.name);
  }
  OCTET_TRY(const DType dtype, out_type(node, has_range_inputs ? "uint8" : "int8", range));
  values_[id] = {Expanded::Form::quantized, real, {dtype, range ? range->magnitude() : 0}, node.name, false, {}};
  return {};
}

Result<std::optional<Range>> Expander::range_from_inputs(const SymbolNode& node) const {
  if (!is_variable(node.inputs[1].node) || !is_variable(node.inputs[2].node)) return std::optional<Range>();
  OCTET_TRY(const auto min, writer_.number(node.inputs[1].node));
  OCTET_TRY(const auto max, writer_.number(node.inputs[2].node));
  if (!min || !max) return std::optional<Range>();
  OCTET_TRY(const Range range, checked_range(*min, *max));
  return std::optional(range);
}

Result<void> Expander::dequantize(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_arity(node, {3}));
  OCTET_CHECK(check_range_inputs(node, 0, 1));
  const Expanded& data = values_[node.inputs[0].node];
  SymbolEntry real = data.raw;
  if (data.form != Expanded::Form::accumulated || node.inputs[0].output != 0) {
    OCTET_TRY(real, read_quantized(node.inputs[0], node.name));
  }
  values_[id].form = Expanded::Form::real;
  values_[id].raw = real;
  return {};
}

Result<void> Expander::requantize(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_arity(node, {3}));
  OCTET_CHECK(check_range_inputs(node, 0, 1));
  const Expanded& data = values_[node.inputs[0].node];
  if (data.form != Expanded::Form::accumulated) {
    return invalid("its input '" + symbol_.nodes[node.inputs[0].node].name + "' is not s32");
  }
  OCTET_TRY(const auto range, required_range(node));
  OCTET_TRY(const DType dtype, out_type(node, "int8", range));
  const bool only_reader = readers_[node.inputs[0].node] == 1;
  values_[id] = {
      Expanded::Form::quantized, data.raw, {dtype, range ? range->magnitude() : 0}, node.name, only_reader, {}};
  return {};
}

Result<void> Expander::layer(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_TRY(const bool no_bias, flag(node, "no_bias"));
  const std::size_t arguments = no_bias ? 2 : 3;
  OCTET_CHECK(check_arity(node, {3 * arguments}));
  OCTET_CHECK(check_range_inputs(node, 0, arguments));
  std::vector<SymbolEntry> inputs(1);
  OCTET_TRY(inputs[0], read_quantized(node.inputs[0]));
  for (std::size_t i = 1; i < arguments; ++i) {
    OCTET_TRY(inputs.emplace_back(), read_weight(node, i, arguments + 2 * i));
  }
  const char* op = node.op == "_contrib_quantized_conv" ? "Convolution" : "FullyConnected";
  return finish_layer(id, append(node, op, std::move(inputs)), DType::s8);
}

/// Pooling and Flatten yield values of their input's type and range.
Result<void> Expander::moved(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_arity(node, {3}));
  OCTET_CHECK(check_range_inputs(node, 0, 1));
  OCTET_TRY(const SymbolEntry data, read_quantized(node.inputs[0]));
  const char* op = node.op == "_contrib_quantized_pooling" ? "Pooling" : "Flatten";
  keep(id, append(node, op, {data}), values_[node.inputs[0].node].stored, false);
  return {};
}

/// A relu behind a layer that nobody else reads belongs to the layer: rounding, saturation and relu
/// can change places, so that the result is the same to the bit.
Result<void> Expander::activation(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_arity(node, {3}));
  OCTET_CHECK(check_range_inputs(node, 0, 1));
  const auto type = node.attrs.find("act_type");
  if (type == node.attrs.end() || type->second != "relu") return unsupported("only act_type relu is quantised");
  const Expanded& layer = values_[node.inputs[0].node];
  SymbolEntry data = layer.raw;
  const bool part_of_layer = layer.takes_relu && node.inputs[0].output == 0 && readers_[node.inputs[0].node] == 1;
  if (!part_of_layer) {
    OCTET_TRY(data, read_quantized(node.inputs[0]));
  }
  keep(id, append(node, "Activation", {data}), layer.stored, false);
  return {};
}

Result<void> Expander::concat(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  const std::size_t count = node.inputs.size() / 3;
  OCTET_CHECK(check_arity(node, {std::max<std::size_t>(3 * count, 3)}));
  std::vector<SymbolEntry> inputs;
  Stored joined{DType::u8, 0};
  for (std::size_t i = 0; i < count; ++i) {
    OCTET_CHECK(check_range_inputs(node, i, count + 2 * i));
    OCTET_TRY(inputs.emplace_back(), read_quantized(node.inputs[i]));
    const Stored& stored = values_[node.inputs[i].node].stored;
    if (stored.dtype == DType::s8) joined.dtype = DType::s8;
    joined.magnitude = std::max(joined.magnitude, stored.magnitude);
  }
  keep(id, append(node, "Concat", std::move(inputs)), joined, false);
  return {};
}

Result<void> Expander::elementwise(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_arity(node, {6}));
  std::vector<SymbolEntry> inputs;
  bool non_negative = node.op == "_contrib_quantized_elemwise_add";
  for (std::size_t i = 0; i < 2; ++i) {
    OCTET_CHECK(check_range_inputs(node, i, 2 + 2 * i));
    OCTET_TRY(inputs.emplace_back(), read_quantized(node.inputs[i]));
    non_negative = non_negative && values_[node.inputs[i].node].stored.dtype == DType::u8;
  }
  const char* op = node.op == "_contrib_quantized_elemwise_add" ? "elemwise_add" : "elemwise_mul";
  return finish_layer(id, append(node, op, std::move(inputs)), non_negative ? DType::u8 : DType::s8);
}

Result<void> Expander::batch_norm(std::uint32_t id) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_CHECK(check_arity(node, {7}));
  OCTET_CHECK(check_range_inputs(node, 0, 5));
  std::vector<SymbolEntry> inputs(1);
  OCTET_TRY(inputs[0], read_quantized(node.inputs[0]));
  for (std::size_t i = 1; i < 5; ++i) {
    OCTET_TRY(inputs.emplace_back(), read_variable(node.inputs[i]));
  }
  OCTET_TRY(const auto range, required_range(node));
  keep(id, append(node, "BatchNorm", std::move(inputs)), {DType::s8, range ? range->magnitude() : 0}, false);
  return {};
}

}  // namespace octet::mxnet_int8
