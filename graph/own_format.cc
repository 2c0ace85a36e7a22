#include "octet/graph/own_format.h"

#include <cmath>
#include <optional>

#include "octet/graph/attributes.h"
#include "octet/graph/json_text.h"
#include "octet/graph/node_text.h"

namespace octet {
namespace {

constexpr std::int64_t kMaxBorder = 1024;

const std::string* find(const SymbolNode& symbol, const char* name) {
  const auto found = symbol.attrs.find(std::string("__octet_").append(name).append("__"));
  return found == symbol.attrs.end() ? nullptr : &found->second;
}

void put(SymbolNode& symbol, const char* name, std::string value) {
  symbol.attrs[std::string("__octet_").append(name).append("__")] = std::move(value);
}

Error wrong(const char* name, const std::string& value) {
  std::string message = "attribute '__octet_";
  message.append(name).append("__' = '").append(value).append("' is not valid");
  return {ErrorCode::invalid_model, "", std::move(message)};
}

Result<void> read_type(const SymbolNode& symbol, Value& value) {
  const std::string *type = find(symbol, "dtype"), *scale = find(symbol, "scale");
  if (type == nullptr) return scale == nullptr ? Result<void>() : wrong("scale", *scale);
  if (*type != "u8" && *type != "s8") return wrong("dtype", *type);
  value.dtype = *type == "u8" ? DType::u8 : DType::s8;
  const auto number = scale == nullptr ? std::nullopt : parse_float(*scale);
  if (!number || !std::isfinite(*number) || !(*number > 0)) {
    return wrong("scale", scale == nullptr ? "" : *scale);
  }
  value.scale = *number;
  return {};
}

Result<void> read_fused(const SymbolNode& symbol, Node& node) {
  const std::string* text = find(symbol, "fused");
  if (text == nullptr) return {};
  const auto json = parse_json(*text, "");
  if (!json || !json->is_array()) return wrong("fused", *text);
  for (const Json& name : *json) {
    if (!name.is_string()) return wrong("fused", *text);
    node.fused.push_back(name.get<std::string>());
  }
  return {};
}

Result<void> read_border(const SymbolNode& symbol, Border& border) {
  const std::string* text = find(symbol, "border");
  if (text == nullptr) return {};
  const auto numbers = parse_integers(*text);
  if (!numbers || numbers->size() != 7) return wrong("border", *text);
  for (std::size_t i = 0; i < 7; ++i) {
    if ((*numbers)[i] < 0 || (*numbers)[i] > (i < 4 ? kMaxBorder : 255)) return wrong("border", *text);
  }
  border = {(*numbers)[0], (*numbers)[1], (*numbers)[2], (*numbers)[3], {}};
  for (std::size_t c = 0; c < 3; ++c) border.value[c] = static_cast<std::uint8_t>((*numbers)[4 + c]);
  return {};
}

std::string border_text(const Border& border) {
  std::vector<std::int64_t> numbers{border.top, border.left, border.bottom, border.right};
  numbers.insert(numbers.end(), border.value.begin(), border.value.end());
  return format_tuple(numbers);
}

}  // namespace

Result<bool> is_own_format(const Symbol& symbol) {
  const auto found = symbol.attrs.find(kFormatKey);
  if (found == symbol.attrs.end()) return false;
  if (found->second == kFormatVersion) return true;
  return Error{ErrorCode::unsupported, "",
               "the pair has octet format '" + found->second + "'; this version reads format " + kFormatVersion};
}

void write_own_attributes(const Node& node, SymbolNode& symbol) {
  const bool input = node.as<InputOp>() != nullptr;
  if (!node.outputs.empty() && node.outputs[0].quantized() && !input) {
    put(symbol, "dtype", std::string(to_string(node.outputs[0].dtype)));
    put(symbol, "scale", format(node.outputs[0].scale));
  }
  if (!node.post_ops.empty()) put(symbol, "post_ops", to_string(node.post_ops));
  if (node.output_name != node.name) put(symbol, "output_name", node.output_name);
  if (!node.fused.empty()) put(symbol, "fused", to_text(Json(node.fused)));
  if (input && !node.as<InputOp>()->border.empty()) put(symbol, "border", border_text(node.as<InputOp>()->border));
}

Result<void> read_own_attributes(const SymbolNode& symbol, Node& node) {
  node.outputs.resize(1);
  if (auto* input = node.as<InputOp>()) {
    OCTET_CHECK(read_border(symbol, input->border));
  } else {
    OCTET_CHECK(read_type(symbol, node.outputs[0]));
  }
  if (const std::string* text = find(symbol, "post_ops")) {
    auto post_ops = parse_post_ops(*text);
    if (!post_ops) return wrong("post_ops", *text);
    node.post_ops = *std::move(post_ops);
  }
  if (const std::string* text = find(symbol, "output_name")) node.output_name = *text;
  return read_fused(symbol, node);
}

}  // namespace octet
