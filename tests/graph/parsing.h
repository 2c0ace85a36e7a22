// Attributes to an operator, as a symbol file has them.
#pragma once

#include <gtest/gtest.h>
#include <string>   // std::string
#include <variant>  // std::get_if

#include "graph/net.h"
#include "octet/graph/ops.h"

namespace octet::test {

inline Result<ParsedOperator> parse(const std::string& op, const Attributes& attributes, std::size_t inputs = 1) {
  SymbolNode node{op, "n", attributes, {}, {}};
  node.inputs.resize(inputs);
  return parse_operator(node);
}

/// The operator as T; fails the test when it is refused or something else.
template <class T>
T parsed(const std::string& op, const Attributes& attributes, std::size_t inputs = 1) {
  const auto result = parse(op, attributes, inputs);
  if (!result) {
    ADD_FAILURE() << op << ": " << to_string(result.error());
    return {};
  }
  const T* typed = std::get_if<T>(&result->op);
  if (typed == nullptr) ADD_FAILURE() << op << " is " << op_name(result->op);
  return typed == nullptr ? T() : *typed;
}

}  // namespace octet::test
