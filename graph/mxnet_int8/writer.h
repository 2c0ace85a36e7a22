// The float symbol under construction: unique names, variables on demand, weights that were stored as
// int8 turned back into float.
#pragma once

#include <map>     // std::map
#include <set>     // std::set
#include <string>  // std::string
#include <vector>  // std::vector

#include "octet/graph/mxnet_int8.h"

namespace octet::mxnet_int8 {

class Writer {
 public:
  /// `result` receives nodes and parameters; `params` may be null. Both and `symbol` must outlive it.
  Writer(const Symbol& symbol, const ParamMap* params, MxnetInt8& result);

  /// Appends an operator, under a name of its own.
  SymbolEntry append(SymbolNode node);
  /// The float symbol's variable for variable `id` of the INT8 symbol.
  SymbolEntry variable(std::uint32_t id);
  /// The same for an int8 variable with one range: float, and called without MXNet's "_quantize". All
  /// three must be variables. Errors name the parameter.
  Result<SymbolEntry> stored_weight(std::uint32_t id, std::uint32_t min, std::uint32_t max);
  /// The one number in a parameter; nullopt when there are no parameters at all.
  Result<std::optional<float>> number(std::uint32_t id) const;
  /// Copies the parameters of all variables that are left.
  void finish();

 private:
  Result<void> convert(std::uint32_t id, std::uint32_t min, std::uint32_t max, const std::string& name);
  [[nodiscard]] const NamedTensor* find(std::uint32_t id) const;

  const Symbol& symbol_;
  const ParamMap* params_;
  MxnetInt8& result_;
  std::map<std::uint32_t, SymbolEntry> variables_;
  std::set<std::string> names_;
};

}  // namespace octet::mxnet_int8
