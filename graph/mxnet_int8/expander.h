// The walk over MXNet's INT8 symbol.
#pragma once

#include <optional>  // std::optional
#include <span>      // std::span
#include <string>    // std::string
#include <vector>    // std::vector

#include "octet/graph/mxnet_int8/ranges.h"
#include "octet/graph/mxnet_int8/writer.h"

namespace octet::mxnet_int8 {

/// How one output 0 of the INT8 symbol appears in the float symbol.
struct Expanded {
  enum class Form : std::uint8_t {
    none,         ///< a variable, or needed by nobody
    real,         ///< f32
    quantized,    ///< u8 or s8, with a range in the outputs 1 and 2
    accumulated,  ///< s32, likewise; f32 in the float symbol
  };
  Form form = Form::none;
  SymbolEntry raw;   ///< the value in real numbers, as its node computes it
  Stored stored;     ///< for Form::quantized
  std::string seam;  ///< name of the seam that quantises it
  bool takes_relu = false;
  std::optional<SymbolEntry> restored;  ///< behind both seams, once somebody has read it
};

inline Error unsupported(const std::string& message) { return {ErrorCode::unsupported, "", message}; }
inline Error invalid(const std::string& message) { return {ErrorCode::invalid_model, "", message}; }

/// A boolean attribute; false when it is absent.
Result<bool> flag(const SymbolNode& node, const char* key);

class Expander {
 public:
  Expander(const Symbol& symbol, const ParamMap* params, Int8Reading reading, const std::string& where);
  Result<MxnetInt8> run();

  /// Operators that are not in MXNet's float vocabulary.
  using Handler = Result<void> (Expander::*)(std::uint32_t id);
  static Handler find(const std::string& op);

 private:
  // Operators of the INT8 symbol.
  Result<void> quantize(std::uint32_t id);
  Result<void> dequantize(std::uint32_t id);
  Result<void> requantize(std::uint32_t id);
  Result<void> fused_convolution(std::uint32_t id);
  Result<void> fused_fully_connected(std::uint32_t id);
  Result<void> layer(std::uint32_t id);
  Result<void> moved(std::uint32_t id);
  Result<void> activation(std::uint32_t id);
  Result<void> concat(std::uint32_t id);
  Result<void> elementwise(std::uint32_t id);
  Result<void> batch_norm(std::uint32_t id);

  Result<void> expand(std::uint32_t id);
  Result<void> copy(std::uint32_t id);
  void find_needed();

  // A fused node's subgraph.
  Result<void> check_subgraph(const SymbolNode& node) const;
  /// Yields the subgraph's head; `arguments` stand for its variables, by position.
  Result<SymbolEntry> expand_subgraph(const SymbolNode& node, std::span<const SymbolEntry> arguments, bool int8);
  Result<void> float_fused(std::uint32_t id);

  // Inputs. `reader` is for errors.
  [[nodiscard]] bool is_variable(std::uint32_t id) const { return symbol_.nodes[id].op == "null"; }
  static Error range_as_value();
  Result<SymbolEntry> read_head(const SymbolEntry& head);
  Result<SymbolEntry> read_real(const SymbolEntry& entry);
  /// The real value behind a quantised one. `seam`: name of the seam, unless it exists.
  Result<SymbolEntry> read_quantized(const SymbolEntry& entry, const std::string& seam = "");
  /// The variable of input `at`, stored as int8 with its range in the inputs `range` and `range` + 1.
  Result<SymbolEntry> read_weight(const SymbolNode& node, std::size_t at, std::size_t range);
  Result<SymbolEntry> read_variable(const SymbolEntry& entry);
  [[nodiscard]] Result<void> expect_variable(const SymbolEntry& entry) const;
  /// The range of _contrib_quantize, where it is stored; nullopt where it is computed.
  [[nodiscard]] Result<std::optional<Range>> range_from_inputs(const SymbolNode& node) const;
  SymbolEntry restore(Expanded& value, const std::string& name);
  /// Inputs `at` and `at` + 1 must be the range of input `data`.
  Result<void> check_range_inputs(const SymbolNode& node, std::size_t data, std::size_t at) const;
  static Result<void> check_arity(const SymbolNode& node, std::initializer_list<std::size_t> allowed);

  // Results.
  /// `node` as the float operator `op`, computed in INT8.
  SymbolEntry append(const SymbolNode& node, const char* op, std::vector<SymbolEntry> inputs);
  void keep(std::uint32_t id, const SymbolEntry& raw, const Stored& stored, bool takes_relu);
  SymbolEntry seam(const std::string& name, const SymbolEntry& input, const Value& value);
  /// Notes a node's INT8 result: stored by its calibrated range, else accumulated.
  Result<void> finish_layer(std::uint32_t id, const SymbolEntry& raw, DType dtype);
  /// The node's calibrated range; notes its absence, which is told at the end.
  Result<std::optional<Range>> required_range(const SymbolNode& node);

  const Symbol& symbol_;
  Int8Reading reading_;
  const std::string& where_;
  MxnetInt8 result_;
  Writer writer_;
  std::vector<char> needed_;
  std::vector<int> readers_;  ///< of output 0
  std::vector<Expanded> values_;
  std::vector<std::string> uncalibrated_;
};

}  // namespace octet::mxnet_int8
