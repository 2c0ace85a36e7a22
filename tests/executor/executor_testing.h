// Hand-built graphs and runs of the executor for its tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "octet/executor/context.h"
#include "octet/executor/plan.h"
#include "octet/graph/graph.h"

namespace octet::test {

/// How a result is stored. Layers choose the scale themselves when it is 0 and the type is quantised.
struct Store {
  DType dtype = DType::f32;
  float scale = 0;
};
inline constexpr Store kF32{}, kU8{DType::u8, 0}, kS8{DType::s8, 0};

/// Adds nodes to a graph one behind the other. The first is the input: u8 pixels of scale 1. Weights and
/// biases are random, drawn from one generator.
class GraphBuilder {
 public:
  GraphBuilder(std::int64_t channels, std::int64_t height, std::int64_t width, unsigned seed);

  ValueRef input() const { return {0, 0}; }
  ValueRef add(Op op, std::vector<ValueRef> inputs, Store store = {});
  /// `store` decides the result; quantised weights are used when the input is quantised.
  ValueRef convolution(ValueRef src, const ConvolutionOp& op, Store store, std::vector<PostOp> post_ops = {},
                       ValueRef operand = {}, bool bias = true);
  ValueRef fully_connected(ValueRef src, std::int64_t outputs, Store store, std::vector<PostOp> post_ops = {},
                           ValueRef operand = {});
  /// Outputs may be named several times; shapes are inferred for one image.
  Graph finish(std::vector<ValueRef> outputs);

  int pick(int low, int high) { return std::uniform_int_distribution<int>(low, high)(random_); }
  template <class T>
  T pick_of(std::initializer_list<T> values) {
    return values.begin()[pick(0, static_cast<int>(values.size()) - 1)];
  }
  const Value& value(ValueRef ref) const { return graph_.value(ref); }
  Store store(ValueRef ref) const { return {value(ref).dtype, value(ref).scale}; }

 private:
  ValueRef append(Node node);
  ValueRef add_layer(Node node, ValueRef src, const Shape& weight_shape, bool bias, ValueRef operand);
  Parameter random_weight(const Shape& shape, bool quantized, const std::string& name);

  Graph graph_;
  std::mt19937 random_;
};

/// A convolution that keeps height and width.
ConvolutionOp square(std::int64_t filters, std::int64_t kernel = 1);
PostOp sum();
PostOp eltwise(EltwiseKind kind, float alpha = 0, float beta = 0);

/// Random pixels for `count` images of the plan's input.
std::vector<std::uint8_t> random_pixels(const Plan& plan, std::int64_t count, unsigned seed);

/// One output of a run; fails the test on an error.
std::vector<std::vector<float>> run(Context& context, std::span<const std::uint8_t> pixels, std::int64_t count);

/// An observed value in NCHW order.
Tensor to_tensor(const Observation& seen);

/// Compiles, observes a run of `count` images and compares every node with the reference interpreter on
/// the inputs that were observed: quantised layers exactly, float nodes within `tolerance` of the range of
/// the reference result.
void expect_equals_reference(const Graph& graph, std::int64_t batch, std::int64_t count, double tolerance = 1e-5);

}  // namespace octet::test
