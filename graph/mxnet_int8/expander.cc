#include "octet/graph/mxnet_int8/expander.h"

#include <algorithm>
#include <utility>

#include "octet/graph/attributes.h"

namespace octet {
namespace mxnet_int8 {

Expander::Expander(const Symbol& symbol, const ParamMap* params, Int8Reading reading, const std::string& where)
    : symbol_(symbol),
      reading_(reading),
      where_(where),
      writer_(symbol, params, result_),
      needed_(symbol.nodes.size()),
      readers_(symbol.nodes.size()),
      values_(symbol.nodes.size()) {
  result_.symbol.mxnet_version = symbol.mxnet_version;
  result_.weight_levels = levels(DType::s8, symbol.mxnet_version);
}

Result<MxnetInt8> Expander::run() {
  find_needed();
  for (std::uint32_t id = 0; id < symbol_.nodes.size(); ++id) {
    if (needed_[id] == 0 || is_variable(id)) continue;
    if (auto done = expand(id); !done) {
      const SymbolNode& node = symbol_.nodes[id];
      return Error{done.error().code, where_ + ": node '" + node.name + "' (" + node.op + ")", done.error().message};
    }
  }
  for (const SymbolEntry& head : symbol_.heads) {
    auto entry = read_head(head);
    if (!entry) return Error{entry.error().code, where_ + ": the symbol's head", entry.error().message};
    result_.symbol.heads.push_back(*entry);
  }
  if (!uncalibrated_.empty()) {
    const std::size_t others = uncalibrated_.size() - 1;
    const std::string more = others == 0 ? "" : " (" + std::to_string(others) + " more of its kind have none either)";
    return Error{ErrorCode::unsupported, where_ + ": node '" + uncalibrated_[0] + "'",
                 "has no calibrated range" + more +
                     "; MXNet measures it on every batch, so that a score depends on the batch's other pictures. "
                     "Calibrate this pair first: 'octet calibrate' reads it as the float network it stands for"};
  }
  writer_.finish();
  return std::move(result_);
}

void Expander::find_needed() {
  for (const SymbolEntry& head : symbol_.heads) {
    needed_[head.node] = 1;
    if (head.output == 0) ++readers_[head.node];
  }
  for (std::size_t id = symbol_.nodes.size(); id-- > 0;) {
    if (needed_[id] == 0) continue;
    for (const SymbolEntry& input : symbol_.nodes[id].inputs) {
      needed_[input.node] = 1;
      if (input.output == 0) ++readers_[input.node];
    }
  }
}

Result<void> Expander::expand(std::uint32_t id) {
  const Handler handler = find(symbol_.nodes[id].op);
  return handler != nullptr ? (this->*handler)(id) : copy(id);
}

Result<void> Expander::copy(std::uint32_t id) {
  SymbolNode node = symbol_.nodes[id];
  for (SymbolEntry& input : node.inputs) {
    OCTET_TRY(input, read_real(input));
  }
  values_[id].form = Expanded::Form::real;
  values_[id].raw = writer_.append(std::move(node));
  return {};
}

// Inputs.

Error Expander::range_as_value() {
  return {ErrorCode::unsupported, "", "reads the range of a quantised value as a value of its own"};
}

Result<SymbolEntry> Expander::read_head(const SymbolEntry& head) {
  const Expanded& value = values_[head.node];
  if (value.form == Expanded::Form::quantized) return read_quantized(head);
  if (value.form == Expanded::Form::accumulated && head.output == 0) return value.raw;
  return read_real(head);
}

Result<SymbolEntry> Expander::read_real(const SymbolEntry& entry) {
  if (is_variable(entry.node)) return writer_.variable(entry.node);
  const Expanded& value = values_[entry.node];
  if (value.form == Expanded::Form::real) return SymbolEntry{value.raw.node, entry.output, entry.version};
  if (entry.output != 0) return range_as_value();
  return Error{ErrorCode::invalid_model, "",
               "reads the quantised output of node '" + symbol_.nodes[entry.node].name +
                   "', which no _contrib_dequantize turned into f32"};
}

Result<SymbolEntry> Expander::read_quantized(const SymbolEntry& entry, const std::string& seam) {
  const SymbolNode& producer = symbol_.nodes[entry.node];
  if (entry.output != 0) return range_as_value();
  Expanded& value = values_[entry.node];
  if (value.form == Expanded::Form::quantized) return restore(value, seam);
  const char* is = value.form == Expanded::Form::accumulated ? "s32 without _contrib_requantize" : "not quantised";
  return Error{ErrorCode::invalid_model, "", "needs int8 or uint8, but its input '" + producer.name + "' is " + is};
}

Result<SymbolEntry> Expander::read_variable(const SymbolEntry& entry) {
  OCTET_CHECK(expect_variable(entry));
  return writer_.variable(entry.node);
}

Result<SymbolEntry> Expander::read_weight(const SymbolNode& node, std::size_t at, std::size_t range) {
  for (const std::size_t i : {at, range, range + 1}) OCTET_CHECK(expect_variable(node.inputs[i]));
  return writer_.stored_weight(node.inputs[at].node, node.inputs[range].node, node.inputs[range + 1].node);
}

Result<void> Expander::expect_variable(const SymbolEntry& entry) const {
  if (is_variable(entry.node)) return {};
  return Error{ErrorCode::unsupported, "",
               "a weight is computed by node '" + symbol_.nodes[entry.node].name + "'; only stored ones are supported"};
}

Result<void> Expander::check_range_inputs(const SymbolNode& node, std::size_t data, std::size_t at) const {
  const SymbolEntry &value = node.inputs[data], &min = node.inputs[at], &max = node.inputs[at + 1];
  if (min.node == value.node && min.output == 1 && max.node == value.node && max.output == 2) return {};
  return Error{ErrorCode::invalid_model, "",
               "inputs " + std::to_string(at) + " and " + std::to_string(at + 1) + " are not the range of input " +
                   std::to_string(data) + ", '" + symbol_.nodes[value.node].name + "'"};
}

Result<void> Expander::check_arity(const SymbolNode& node, std::initializer_list<std::size_t> allowed) {
  if (std::find(allowed.begin(), allowed.end(), node.inputs.size()) != allowed.end()) return {};
  std::string expected;
  for (const std::size_t count : allowed) expected += (expected.empty() ? "" : " or ") + std::to_string(count);
  return Error{ErrorCode::invalid_model, "",
               "has " + std::to_string(node.inputs.size()) + " inputs instead of " + expected};
}

// Results.

SymbolEntry Expander::seam(const std::string& name, const SymbolEntry& input, const Value& value) {
  const SymbolEntry entry = writer_.append({"_copy", name, {}, {input}, {}});
  result_.seams[result_.symbol.nodes[entry.node].name] = value;
  return entry;
}

SymbolEntry Expander::restore(Expanded& value, const std::string& name) {
  if (reading_ == Int8Reading::as_float) return value.raw;
  if (value.restored) return *value.restored;
  const Stored& stored = value.stored;
  const float scale = step(stored.magnitude, stored.dtype, symbol_.mxnet_version);
  const SymbolEntry quantized = seam(value.seam, value.raw, {{}, stored.dtype, scale});
  value.restored = seam(name.empty() ? value.seam + "_dequantize" : name, quantized, {});
  return *value.restored;
}

SymbolEntry Expander::append(const SymbolNode& node, const char* op, std::vector<SymbolEntry> inputs) {
  SymbolNode plain{op, node.name, node.attrs, std::move(inputs), {}};
  for (const char* key : {"min_calib_range", "max_calib_range", "enable_float_output", "out_type"}) {
    plain.attrs.erase(key);
  }
  const SymbolEntry entry = writer_.append(std::move(plain));
  result_.int8.insert(result_.symbol.nodes[entry.node].name);
  return entry;
}

void Expander::keep(std::uint32_t id, const SymbolEntry& raw, const Stored& stored, bool takes_relu) {
  const std::string seam_name = result_.symbol.nodes[raw.node].name + "_quantize";
  values_[id] = {Expanded::Form::quantized, raw, stored, seam_name, takes_relu, std::nullopt};
}

Result<std::optional<Range>> Expander::required_range(const SymbolNode& node) {
  if (reading_ == Int8Reading::as_float) return std::optional<Range>();
  OCTET_TRY(const auto range, calibrated_range(node));
  if (!range) uncalibrated_.push_back(node.name);
  return range;
}

Result<void> Expander::finish_layer(std::uint32_t id, const SymbolEntry& raw, DType dtype) {
  const SymbolNode& node = symbol_.nodes[id];
  OCTET_TRY(const bool as_float, flag(node, "enable_float_output"));
  if (as_float) {
    values_[id].form = Expanded::Form::real;
    values_[id].raw = raw;
  } else if (node.attrs.contains("min_calib_range") || node.attrs.contains("max_calib_range")) {
    OCTET_TRY(const auto range, required_range(node));
    keep(id, raw, {dtype, range ? range->magnitude() : 0}, true);
  } else {
    values_[id].form = Expanded::Form::accumulated;
    values_[id].raw = raw;
  }
  return {};
}

}  // namespace mxnet_int8

bool is_mxnet_int8(const Symbol& symbol) {
  return std::any_of(symbol.nodes.begin(), symbol.nodes.end(),
                     [](const SymbolNode& node) { return mxnet_int8::Expander::find(node.op) != nullptr; });
}

Result<MxnetInt8> expand_mxnet_int8(const Symbol& symbol, const ParamMap* params, Int8Reading reading,
                                    const std::string& where) {
  return mxnet_int8::Expander(symbol, params, reading, where).run();
}

}  // namespace octet
