#include "executor/executor_testing.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "executor/reference.h"
#include "octet/graph/ops.h"

namespace octet::test {
namespace {

/// A destination scale that spreads the results of random weights over the whole range.
float spread_scale(const Value& src, const Parameter& weight) {
  const std::size_t channels = weight.scale.size();
  const double window = static_cast<double>(weight.value.elements()) / static_cast<double>(channels);
  const double typical = (src.dtype == DType::u8 ? 148.0 : 74.0) * 73.0 * std::sqrt(window);
  return static_cast<float>(typical * src.scale * weight.scale[channels / 2] / 60.0);
}

double number(const Tensor& tensor, std::size_t i) {
  if (tensor.dtype() == DType::u8) return tensor.as<std::uint8_t>()[i];
  if (tensor.dtype() == DType::s8) return tensor.as<std::int8_t>()[i];
  return tensor.as<float>()[i];
}

bool transcendental(const EltwiseOp& op) {
  return op.kind != EltwiseKind::relu && op.kind != EltwiseKind::leaky_relu && op.kind != EltwiseKind::clip;
}

/// Largest difference that the node's arithmetic explains, in stored numbers.
double allowed(const Node& node, double range, double tolerance) {
  const bool quantized = node.outputs[0].quantized();
  bool inexact = node.as<EltwiseOp>() != nullptr && transcendental(*node.as<EltwiseOp>());
  for (const PostOp& op : node.post_ops) inexact |= op.kind == PostOp::Kind::eltwise && transcendental(op.eltwise);
  if (quantized) {
    const bool float_layer = !node.params.empty() && node.params[0].scale.empty();
    return inexact || float_layer || node.as<NormalizeOp>() != nullptr ? 1 : 0;
  }
  const bool exact = !node.params.empty() && !node.params[0].scale.empty() && !inexact;
  return exact ? 0 : tolerance * std::max(range, 1e-6);
}

void expect_near(const Node& node, const Tensor& got, const Tensor& want, double tolerance) {
  ASSERT_EQ(got.shape(), want.shape()) << node.name;
  double low = 0, high = 0, worst = 0;
  std::size_t where = 0;
  for (std::size_t i = 0; i < want.elements(); ++i) {
    low = std::min(low, number(want, i));
    high = std::max(high, number(want, i));
    const double difference = std::abs(number(got, i) - number(want, i));
    if (difference <= worst) continue;  // NaN fails below
    worst = difference;
    where = i;
  }
  EXPECT_LE(worst, allowed(node, high - low, tolerance))
      << node.name << " (" << op_name(node.op) << ") element " << where << " of " << to_string(want.shape()) << ": "
      << number(got, where) << " instead of " << number(want, where);
}

using Values = std::map<ValueRef, Tensor>;

void compare_chunk(Graph graph, const Values& seen, double tolerance) {
  const NodeId input = graph.input();
  ASSERT_TRUE(infer_shapes(graph, seen.at({input, 0}).shape()[0]));
  for (NodeId id = 0; id < static_cast<NodeId>(graph.nodes.size()); ++id) {
    const Node& node = graph.nodes[id];
    if (id == input || node.as<ConstantOp>() != nullptr) continue;
    std::vector<Tensor> inputs;
    for (const ValueRef ref : node.inputs) {
      const auto* constant = graph.nodes[ref.node].as<ConstantOp>();
      inputs.push_back(constant != nullptr ? constant->value : seen.at(ref));
    }
    const auto want = reference(graph, id, inputs);
    ASSERT_TRUE(want) << to_string(want.error());
    expect_near(node, seen.at({id, 0}), *want, tolerance);
  }
}

}  // namespace

GraphBuilder::GraphBuilder(std::int64_t channels, std::int64_t height, std::int64_t width, unsigned seed)
    : random_(seed) {
  Node node;
  node.name = node.output_name = "data";
  node.op = InputOp{};
  node.outputs = {{{1, channels, height, width}, DType::u8, 1}};
  graph_.nodes.push_back(std::move(node));
}

ValueRef GraphBuilder::append(Node node) {
  graph_.nodes.push_back(std::move(node));
  const ValueRef ref{static_cast<NodeId>(graph_.nodes.size() - 1), 0};
  graph_.outputs = {ref};
  if (const auto shaped = infer_shapes(graph_, 1); !shaped) ADD_FAILURE() << to_string(shaped.error());
  return ref;
}

ValueRef GraphBuilder::add(Op op, std::vector<ValueRef> inputs, Store store) {
  Node node;
  node.op = std::move(op);
  node.name = node.output_name = std::string(op_name(node.op)) + std::to_string(graph_.nodes.size());
  node.inputs = std::move(inputs);
  node.outputs = {{{}, store.dtype, store.scale}};
  if (const auto* constant = node.as<ConstantOp>()) node.outputs[0].shape = constant->value.shape();
  const OpKind& kind = kind_of(node.op);
  if (kind.max_params > 0) {
    node.params.resize(static_cast<std::size_t>(kind.max_params));
    std::vector<Shape> shapes;
    for (const ValueRef input : node.inputs) shapes.push_back(graph_.value(input).shape);
    const auto inferred = kind.infer(node, shapes).value();
    for (std::size_t k = 0; k < node.params.size(); ++k) {
      Tensor value = Tensor::create(DType::f32, inferred.params[k]).value();
      for (float& x : value.mutable_as<float>()) x = static_cast<float>(pick(1, 100)) / 50.0F;
      node.params[k] = {node.name + std::to_string(k), value, {}};
    }
  }
  return append(std::move(node));
}

Parameter GraphBuilder::random_weight(const Shape& shape, bool quantized, const std::string& name) {
  Parameter weight;
  weight.name = name;
  weight.value = Tensor::create(quantized ? DType::s8 : DType::f32, shape).value();
  if (!quantized) {
    for (float& w : weight.value.mutable_as<float>()) w = static_cast<float>(pick(-1000, 1000)) / 3000.0F;
    return weight;
  }
  for (std::int8_t& w : weight.value.mutable_as<std::int8_t>()) w = static_cast<std::int8_t>(pick(-127, 127));
  if (pick(0, 7) == 0) {  // a dead filter
    const std::size_t size = weight.value.elements() / static_cast<std::size_t>(shape[0]);
    std::ranges::fill(weight.value.mutable_as<std::int8_t>().first(size), std::int8_t{0});
  }
  for (std::int64_t c = 0; c < shape[0]; ++c) weight.scale.push_back(static_cast<float>(pick(50, 150)) * 1e-4F);
  return weight;
}

ValueRef GraphBuilder::add_layer(Node node, ValueRef src, const Shape& weight_shape, bool bias, ValueRef operand) {
  node.name = node.output_name = std::string(op_name(node.op)) + std::to_string(graph_.nodes.size());
  node.inputs = {src};
  if (operand.node >= 0) node.inputs.push_back(operand);
  const Value& from = graph_.value(src);
  node.params = {random_weight(weight_shape, from.quantized(), node.name + "_weight")};
  const double unit = from.quantized() ? from.scale * 0.01 * 2000 : 1;
  Value& dst = node.outputs[0];
  if (dst.quantized() && dst.scale == 0) {
    dst.scale = from.quantized() ? spread_scale(from, node.params[0]) : 0.05F;
  }
  if (bias) {
    Tensor value = Tensor::create(DType::f32, {weight_shape[0]}).value();
    for (float& b : value.mutable_as<float>()) b = static_cast<float>(pick(-1000, 1000) * unit / 1000);
    node.params.push_back({node.name + "_bias", value, {}});
  }
  return append(std::move(node));
}

ValueRef GraphBuilder::convolution(ValueRef src, const ConvolutionOp& op, Store store, std::vector<PostOp> post_ops,
                                   ValueRef operand, bool bias) {
  Node node;
  node.op = op;
  node.post_ops = std::move(post_ops);
  node.outputs = {{{}, store.dtype, store.scale}};
  const Shape weight{op.num_filter, graph_.value(src).shape[1] / op.groups, op.kernel[0], op.kernel[1]};
  return add_layer(std::move(node), src, weight, bias, operand);
}

ValueRef GraphBuilder::fully_connected(ValueRef src, std::int64_t outputs, Store store, std::vector<PostOp> post_ops,
                                       ValueRef operand) {
  Node node;
  node.op = FullyConnectedOp{outputs, true};
  node.post_ops = std::move(post_ops);
  node.outputs = {{{}, store.dtype, store.scale}};
  std::int64_t inputs = 1;
  for (const std::int64_t size : graph_.value(src).shape) inputs *= size;
  return add_layer(std::move(node), src, {outputs, inputs}, true, operand);
}

Graph GraphBuilder::finish(std::vector<ValueRef> outputs) {
  graph_.outputs = std::move(outputs);
  const auto valid = validate(graph_);
  if (!valid) ADD_FAILURE() << to_string(valid.error());
  return graph_;
}

ConvolutionOp square(std::int64_t filters, std::int64_t kernel) {
  ConvolutionOp op;
  op.num_filter = filters;
  op.kernel = {kernel, kernel};
  const std::int64_t half = kernel / 2;
  op.pad = {half, half, half, half};
  return op;
}

Tensor to_tensor(const Observation& seen) {
  Tensor tensor = Tensor::create(seen.dtype, seen.shape).value();
  const std::size_t size = size_of(seen.dtype);
  const auto* from = static_cast<const std::byte*>(seen.data);
  std::byte* to = tensor.mutable_bytes().data();
  if (!seen.nhwc) {
    std::copy_n(from, tensor.elements() * size, to);
    return tensor;
  }
  const auto channels = static_cast<std::size_t>(seen.shape[1]);
  const auto plane = static_cast<std::size_t>(seen.shape[2] * seen.shape[3]);
  for (std::size_t n = 0; n < static_cast<std::size_t>(seen.shape[0]); ++n) {
    for (std::size_t c = 0; c < channels; ++c) {
      for (std::size_t p = 0; p < plane; ++p) {
        std::copy_n(from + ((n * plane + p) * channels + c) * size, size, to + ((n * channels + c) * plane + p) * size);
      }
    }
  }
  return tensor;
}

PostOp sum() { return {PostOp::Kind::sum, {}}; }
PostOp eltwise(EltwiseKind kind, float alpha, float beta) { return {PostOp::Kind::eltwise, {kind, alpha, beta}}; }

std::vector<std::uint8_t> random_pixels(const Plan& plan, std::int64_t count, unsigned seed) {
  std::vector<std::uint8_t> pixels(plan.input().bytes() * static_cast<std::size_t>(count));
  std::mt19937 random(seed);
  for (std::uint8_t& p : pixels) p = static_cast<std::uint8_t>(random() >> 24);
  return pixels;
}

std::vector<std::vector<float>> run(Context& context, std::span<const std::uint8_t> pixels, std::int64_t count) {
  std::vector<std::vector<float>> outputs;
  for (const OutputLayout& layout : context.plan().outputs()) {
    outputs.emplace_back(layout.elements * static_cast<std::size_t>(count), std::nanf(""));
  }
  std::vector<std::span<float>> spans(outputs.begin(), outputs.end());
  const auto done = context.run(pixels, count, spans);
  if (!done) ADD_FAILURE() << to_string(done.error());
  return outputs;
}

void expect_equals_reference(const Graph& graph, std::int64_t batch, std::int64_t count, double tolerance) {
  const auto plan = Plan::compile(graph, {batch, true});
  ASSERT_TRUE(plan) << to_string(plan.error());
  auto context = Context::create(*plan);
  ASSERT_TRUE(context) << to_string(context.error());
  std::vector<Values> chunks;
  (*context)->observe([&](const Observation& seen) {
    if (seen.value.node == graph.input()) chunks.emplace_back();
    chunks.back()[seen.value] = to_tensor(seen);
  });
  run(**context, random_pixels(**plan, count, 7), count);
  std::int64_t images = 0;
  for (const Values& chunk : chunks) {
    images += chunk.at({graph.input(), 0}).shape()[0];
    compare_chunk(graph, chunk, tolerance);
  }
  EXPECT_EQ(images, count);
}

}  // namespace octet::test
