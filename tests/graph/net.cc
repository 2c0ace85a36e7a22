#include "graph/net.h"

#include <gtest/gtest.h>
#include <algorithm>

namespace octet::test {

Tensor random_tensor(const Shape& shape, unsigned seed, float low, float high) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(low, high);
  Tensor tensor = Tensor::create(DType::f32, shape).value();
  for (float& value : tensor.mutable_as<float>()) value = uniform(random);
  return tensor;
}

Net::Net(std::int64_t channels, std::int64_t height, std::int64_t width) {
  preprocess.channels = channels;
  preprocess.height = height;
  preprocess.width = width;
  preprocess.color = channels == 1 ? Color::gray : Color::rgb;
  preprocess.mean = {120, 110, 100};
  preprocess.std = {60, 55, 50};
  symbol.mxnet_version = 10500;
  variable("data");
}

std::uint32_t Net::op(const std::string& op, const std::string& name, const Attributes& attributes,
                      const std::vector<std::uint32_t>& inputs) {
  SymbolNode node{op, name, attributes, {}, {}};
  for (const std::uint32_t input : inputs) node.inputs.push_back({input, 0, 0});
  symbol.nodes.push_back(std::move(node));
  return static_cast<std::uint32_t>(symbol.nodes.size() - 1);
}

std::uint32_t Net::variable(const std::string& name) { return op("null", name, {}, {}); }

std::uint32_t Net::param(const std::string& name, const Shape& shape) {
  const bool positive = name.find("var") != std::string::npos;
  params[name] = {NamedTensor::Role::arg, random_tensor(shape, seed++, positive ? 0.5F : -1.0F, 1)};
  return variable(name);
}

std::uint32_t Net::convolution(const std::string& name, std::uint32_t input, std::int64_t in, std::int64_t out,
                               std::int64_t kernel, Attributes more) {
  const std::string k = std::to_string(kernel), p = std::to_string(kernel / 2);
  more.try_emplace("kernel", "(" + k + ", " + k + ")");
  more.try_emplace("pad", "(" + p + ", " + p + ")");
  more.try_emplace("num_filter", std::to_string(out));
  const std::int64_t groups = more.contains("num_group") ? std::stoll(more["num_group"]) : 1;
  std::vector<std::uint32_t> inputs{input, param(name + "_weight", {out, in / groups, kernel, kernel})};
  if (!more.contains("no_bias")) inputs.push_back(param(name + "_bias", {out}));
  return op("Convolution", name, more, inputs);
}

std::uint32_t Net::batch_norm(const std::string& name, std::uint32_t input, std::int64_t channels, Attributes more) {
  more.try_emplace("fix_gamma", "False");
  const auto gamma = param(name + "_gamma", {channels}), beta = param(name + "_beta", {channels});
  const auto mean = param(name + "_moving_mean", {channels}), var = param(name + "_moving_var", {channels});
  return op("BatchNorm", name, more, {input, gamma, beta, mean, var});
}

std::uint32_t Net::relu(const std::string& name, std::uint32_t input) {
  return op("Activation", name, {{"act_type", "relu"}}, {input});
}

std::uint32_t Net::add(const std::string& name, std::uint32_t left, std::uint32_t right) {
  return op("elemwise_add", name, {}, {left, right});
}

Graph Net::graph() const {
  auto built = build();
  if (!built) ADD_FAILURE() << to_string(built.error());
  return built ? *std::move(built) : Graph();
}

const Node& find(const Graph& graph, const std::string& name) {
  static const Node nothing;
  const auto found = std::ranges::find_if(graph.nodes, [&](const Node& node) { return node.name == name; });
  if (found != graph.nodes.end()) return *found;
  ADD_FAILURE() << "no node '" << name << "' in\n" << dump(graph);
  return nothing;
}

namespace {

bool same(const Tensor& a, const Tensor& b) {
  return a.empty() == b.empty() && a.dtype() == b.dtype() && a.shape() == b.shape() &&
         std::ranges::equal(a.bytes(), b.bytes());
}

std::string difference(const Node& a, const Node& b) {
  if (a.name != b.name || a.output_name != b.output_name || a.fused != b.fused) return "names";
  if (a.inputs != b.inputs) return "inputs";
  if (a.params.size() != b.params.size()) return "number of parameters";
  for (std::size_t i = 0; i < a.params.size(); ++i) {
    const Parameter &left = a.params[i], &right = b.params[i];
    if (left.name != right.name || left.scale != right.scale || !same(left.value, right.value)) return left.name;
  }
  const auto *left = a.as<ConstantOp>(), *right = b.as<ConstantOp>();
  if (left != nullptr && right != nullptr && !same(left->value, right->value)) return "constant";
  return "";
}

}  // namespace

std::string difference(const Graph& a, const Graph& b) {
  // The dump shows operators with all their parameters, post-ops, shapes, types and scales.
  if (dump(a) != dump(b)) return "dumps differ:\n" + dump(a) + "\n" + dump(b);
  if (a.outputs != b.outputs || a.nodes.size() != b.nodes.size()) return "outputs";
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    if (std::string text = difference(a.nodes[i], b.nodes[i]); !text.empty()) return a.nodes[i].name + ": " + text;
  }
  return "";
}

}  // namespace octet::test
