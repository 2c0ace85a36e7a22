// Small networks for tests, written node by node as MXNet would save them.
#pragma once

#include <cstdint>  // std::uint32_t
#include <map>      // std::map
#include <random>   // std::mt19937
#include <string>   // std::string
#include <vector>   // std::vector

#include "octet/graph/build.h"
#include "octet/graph/model.h"

namespace octet::test {

using Attributes = std::map<std::string, std::string>;

/// A tensor of values in [low, high), the same for the same seed.
Tensor random_tensor(const Shape& shape, unsigned seed, float low = -1, float high = 1);

/// A symbol and its parameters under construction. The first node is the image variable "data".
class Net {
 public:
  explicit Net(std::int64_t channels = 3, std::int64_t height = 8, std::int64_t width = 8);

  std::uint32_t data() const { return 0; }
  /// A variable without a value.
  std::uint32_t variable(const std::string& name);
  /// A variable with random values; a name with "var" gets positive ones.
  std::uint32_t param(const std::string& name, const Shape& shape);
  std::uint32_t op(const std::string& op, const std::string& name, const Attributes& attributes,
                   const std::vector<std::uint32_t>& inputs);

  // Operators with their weights, which are named after them.
  std::uint32_t convolution(const std::string& name, std::uint32_t input, std::int64_t in, std::int64_t out,
                            std::int64_t kernel = 3, Attributes more = {});
  std::uint32_t batch_norm(const std::string& name, std::uint32_t input, std::int64_t channels, Attributes more = {});
  std::uint32_t relu(const std::string& name, std::uint32_t input);
  std::uint32_t add(const std::string& name, std::uint32_t left, std::uint32_t right);

  void head(std::uint32_t node) { symbol.heads.push_back({node, 0, 0}); }
  Result<Graph> build() const { return build_graph(symbol, params, preprocess, "net"); }
  /// Builds, and fails the test when that does not work.
  Graph graph() const;

  Symbol symbol;
  ParamMap params;
  Preprocess preprocess;
  unsigned seed = 1;
};

/// The node of this name; fails the test when there is none.
const Node& find(const Graph& graph, const std::string& name);

/// Empty when both graphs are the same: structure, names, types, shapes and every weight bit by bit.
std::string difference(const Graph& a, const Graph& b);

}  // namespace octet::test
