// Builds small shaped float graphs by hand.
#pragma once

#include <algorithm>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "octet/graph/graph.h"

namespace octet::test {

/// A graph that grows node by node; every node is named by its caller and yields one float value.
class Network {
 public:
  explicit Network(unsigned seed = 1) : random_(seed) {}

  /// u8 pixels and their normalisation.
  ValueRef image(Shape shape, std::vector<float> mean, std::vector<float> std) {
    const ValueRef pixels = add("data", InputOp{}, {}, shape);
    graph.value(pixels) = {std::move(shape), DType::u8, 1.0F};
    return add("data_normalize", NormalizeOp{std::move(mean), std::move(std)}, {pixels}, graph.value(pixels).shape);
  }

  ValueRef convolution(const std::string& name, ValueRef src, std::int64_t filters, std::int64_t kernel = 3,
                       std::int64_t pad = 1, std::int64_t stride = 1) {
    const Shape in = graph.value(src).shape;
    ConvolutionOp op;
    op.num_filter = filters;
    op.kernel = {kernel, kernel};
    op.stride = {stride, stride};
    op.pad = {pad, pad, pad, pad};
    const auto size = [&](std::int64_t n) { return (n + 2 * pad - kernel) / stride + 1; };
    const ValueRef value = add(name, op, {src}, {in[0], filters, size(in[2]), size(in[3])});
    add_params(value, {filters, in[1], kernel, kernel});
    return value;
  }

  ValueRef fully_connected(const std::string& name, ValueRef src, std::int64_t hidden) {
    const Shape in = graph.value(src).shape;
    std::int64_t size = 1;
    for (std::size_t i = 1; i < in.size(); ++i) size *= in[i];
    const ValueRef value = add(name, FullyConnectedOp{hidden, true}, {src}, {in[0], hidden});
    add_params(value, {hidden, size});
    return value;
  }

  /// Over channels; all parameters in [0.5, 1.5).
  ValueRef batch_norm(const std::string& name, ValueRef src) {
    const ValueRef value = add(name, BatchNormOp{1e-3, false, 1}, {src}, graph.value(src).shape);
    std::uniform_real_distribution<float> some(0.5F, 1.5F);
    const auto channels = graph.value(src).shape[1];
    for (const char* param : {"gamma", "beta", "moving_mean", "moving_var"}) {
      std::vector<float> values(static_cast<std::size_t>(channels));
      std::generate(values.begin(), values.end(), [&] { return some(random_); });
      node(value).params.push_back({name + "_" + param, Tensor::from({channels}, values).value(), {}});
    }
    return value;
  }

  ValueRef max_pool(const std::string& name, ValueRef src) {
    PoolingOp op;
    op.kernel = op.stride = {2, 2};
    const Shape in = graph.value(src).shape;
    return add(name, op, {src}, {in[0], in[1], in[2] / 2, in[3] / 2});
  }

  ValueRef average(const std::string& name, ValueRef src) {
    PoolingOp op;
    op.kind = PoolKind::avg;
    op.global = true;
    const Shape in = graph.value(src).shape;
    return add(name, op, {src}, {in[0], in[1], 1, 1});
  }

  ValueRef concat(const std::string& name, const std::vector<ValueRef>& inputs) {
    Shape shape = graph.value(inputs[0]).shape;
    shape[1] = 0;
    for (const ValueRef input : inputs) shape[1] += graph.value(input).shape[1];
    return add(name, ConcatOp{1}, inputs, shape);
  }

  ValueRef flatten(const std::string& name, ValueRef src) {
    const Shape in = graph.value(src).shape;
    return add(name, FlattenOp{}, {src}, {in[0], in[1] * in[2] * in[3]});
  }

  ValueRef softmax(const std::string& name, ValueRef src) {
    return add(name, SoftmaxOp{}, {src}, graph.value(src).shape);
  }

  ValueRef same_shape(const std::string& name, Op op, const std::vector<ValueRef>& inputs) {
    return add(name, std::move(op), inputs, graph.value(inputs[0]).shape);
  }

  /// Fuses an eltwise function behind `value`.
  void fuse(ValueRef value, EltwiseKind kind, float alpha = 0, float beta = 0) {
    node(value).post_ops.push_back({PostOp::Kind::eltwise, {kind, alpha, beta}});
  }

  /// Fuses the sum with `operand` behind `value`.
  void fuse_sum(ValueRef value, ValueRef operand) {
    node(value).post_ops.push_back({PostOp::Kind::sum, {}});
    node(value).inputs.push_back(operand);
  }

  void output(ValueRef value) { graph.outputs.push_back(value); }

  Node& node(ValueRef value) { return graph.nodes[static_cast<std::size_t>(value.node)]; }

  Graph graph;

 private:
  ValueRef add(const std::string& name, Op op, std::vector<ValueRef> inputs, Shape shape) {
    Node node;
    node.name = node.output_name = name;
    node.op = std::move(op);
    node.inputs = std::move(inputs);
    node.outputs = {{std::move(shape), DType::f32, 0}};
    graph.nodes.push_back(std::move(node));
    return {static_cast<NodeId>(graph.nodes.size() - 1), 0};
  }

  void add_params(ValueRef value, const Shape& shape) {
    std::normal_distribution<float> normal;
    std::size_t n = 1;
    for (const std::int64_t size : shape) n *= static_cast<std::size_t>(size);
    std::vector<float> weight(n), bias(static_cast<std::size_t>(shape[0]));
    std::generate(weight.begin(), weight.end(), [&] { return normal(random_); });
    std::generate(bias.begin(), bias.end(), [&] { return normal(random_); });
    Node& owner = node(value);
    owner.params.push_back({owner.name + "_weight", Tensor::from(shape, weight).value(), {}});
    owner.params.push_back({owner.name + "_bias", Tensor::from({shape[0]}, bias).value(), {}});
  }

  std::mt19937 random_;
};

/// The only node called `name`; null when there is none.
inline const Node* find(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

}  // namespace octet::test
