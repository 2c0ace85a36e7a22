#include "octet/calibrator/quantize.h"

#include <gtest/gtest.h>

#include <set>

#include "calibrator/network.h"

namespace octet {
namespace {

using test::find;
using test::Network;

/// Quantises with scale 0.01 * (group + 1), so that groups can be told apart.
Graph quantized(const Network& network, const std::vector<std::string>& exclude = {},
                ActivationType type = ActivationType::automatic) {
  EXPECT_TRUE(validate(network.graph));
  const Regions regions = find_regions(network.graph, exclude);
  const std::vector<float> min(network.graph.nodes.size(), 0.0F);
  std::vector<Storage> groups;
  for (const DType dtype : group_dtypes(regions, min, type)) {
    groups.push_back({dtype, 0.01F * static_cast<float>(groups.size() + 1)});
  }
  return quantize(network.graph, regions, groups).value();
}

const Value& value_of(const Graph& graph, const std::string& name) {
  const Node* node = find(graph, name);
  EXPECT_NE(node, nullptr) << name << " is missing\n" << dump(graph);
  static const Value kNone;
  return node == nullptr ? kNone : node->outputs[0];
}

std::string producer(const Graph& graph, const std::string& name, std::size_t input = 0) {
  const Node* node = find(graph, name);
  if (node == nullptr || input >= node->inputs.size()) return "(none)";
  return graph.nodes[static_cast<std::size_t>(node->inputs[input].node)].name;
}

int count_seams(const Graph& graph) {
  return static_cast<int>(std::count_if(graph.nodes.begin(), graph.nodes.end(), [](const Node& node) {
    return node.as<QuantizeOp>() != nullptr || node.as<DequantizeOp>() != nullptr;
  }));
}

bool has_int8_weights(const Graph& graph, const std::string& name) {
  const Node* node = find(graph, name);
  return node != nullptr && node->params[0].value.dtype() == DType::s8 && !node->params[0].scale.empty() &&
         node->params[1].value.dtype() == DType::f32;
}

/// conv(relu) -> max pool -> conv(relu) -> global average -> flatten -> fc -> softmax
Network classifier() {
  Network net;
  ValueRef x = net.image({1, 3, 16, 16}, {104, 117, 123}, {2, 3, 4});
  x = net.convolution("c1", x, 8);
  net.fuse(x, EltwiseKind::relu);
  x = net.max_pool("p1", x);
  x = net.convolution("c2", x, 16);
  net.fuse(x, EltwiseKind::relu);
  x = net.flatten("f", net.average("gap", x));
  x = net.softmax("prob", net.fully_connected("fc", x, 10));
  net.output(x);
  return net;
}

TEST(Quantize, ClassifierNeedsNoSeams) {
  const Network net = classifier();
  const Graph graph = quantized(net);
  EXPECT_EQ(count_seams(graph), 0) << dump(graph);
  EXPECT_EQ(find(graph, "data_normalize"), nullptr);
  for (const char* name : {"c1", "c2", "fc"}) EXPECT_TRUE(has_int8_weights(graph, name)) << name;
  for (const char* name : {"c1", "p1", "c2", "gap", "f"}) EXPECT_EQ(value_of(graph, name).dtype, DType::u8) << name;
  EXPECT_EQ(value_of(graph, "fc").dtype, DType::f32);  // logits are not requantised
  EXPECT_EQ(value_of(graph, "fc").scale, 0);
  EXPECT_EQ(value_of(graph, "p1").scale, value_of(graph, "c1").scale);
  EXPECT_EQ(value_of(graph, "f").scale, value_of(graph, "gap").scale);
  EXPECT_NE(value_of(graph, "gap").scale, value_of(graph, "c2").scale);  // an average has its own range
  EXPECT_TRUE(graph.quantized());
}

TEST(Quantize, PaddingOfTheFirstConvolutionMovesIntoTheBorder) {
  const Graph graph = quantized(classifier());
  const auto* input = graph.nodes[static_cast<std::size_t>(graph.input())].as<InputOp>();
  const Border expected{1, 1, 1, 1, {104, 117, 123}};
  EXPECT_EQ(input->border, expected);
  EXPECT_EQ(value_of(graph, "data").shape, (Shape{1, 3, 18, 18}));
  EXPECT_EQ(find(graph, "c1")->as<ConvolutionOp>()->pad, Padding{});
  EXPECT_EQ(value_of(graph, "c1").shape, (Shape{1, 8, 16, 16}));
}

TEST(Quantize, ZeroMeansNeedNoBorder) {
  Network net;
  const ValueRef x = net.convolution("c", net.image({1, 3, 8, 8}, {0, 0, 0}, {255, 255, 255}), 4);
  net.output(x);
  const Graph graph = quantized(net);
  EXPECT_TRUE(graph.nodes[static_cast<std::size_t>(graph.input())].as<InputOp>()->border.empty());
  EXPECT_EQ(find(graph, "c")->as<ConvolutionOp>()->pad, (Padding{1, 1, 1, 1}));
}

TEST(Quantize, NormalizeStaysWhereItCannotFold) {
  Network net;  // two readers
  const ValueRef image = net.image({1, 3, 8, 8}, {100, 100, 100}, {50, 50, 50});
  net.output(net.convolution("a", image, 4));
  net.output(net.convolution("b", image, 4));
  Graph graph = quantized(net);
  EXPECT_EQ(value_of(graph, "data_normalize").dtype, DType::s8);
  EXPECT_EQ(count_seams(graph), 0);
  graph = quantized(net, {"a"});  // a float reader: floats once, quantised for the other
  EXPECT_EQ(value_of(graph, "data_normalize").dtype, DType::f32);
  EXPECT_EQ(producer(graph, "b"), "data_normalize_quantize");
  EXPECT_EQ(producer(graph, "a"), "data_normalize");
  EXPECT_FALSE(graph.value(find(graph, "a")->inputs[0]).quantized());

  Network excluded = classifier();
  graph = quantized(excluded, {"c1"});
  EXPECT_EQ(value_of(graph, "data_normalize").dtype, DType::f32);
  EXPECT_TRUE(graph.nodes[static_cast<std::size_t>(graph.input())].as<InputOp>()->border.empty());

  Network odd;  // a mean that is no pixel cannot become a border
  odd.output(odd.convolution("c", odd.image({1, 1, 8, 8}, {-40}, {1}), 4));
  EXPECT_NE(find(quantized(odd), "data_normalize"), nullptr);
  Network unpadded;
  unpadded.output(unpadded.convolution("c", unpadded.image({1, 1, 8, 8}, {-40}, {1}), 4, 3, 0));
  EXPECT_EQ(find(quantized(unpadded), "data_normalize"), nullptr);
}

TEST(Quantize, NonNegativeValuesAreU8) {
  struct Case {
    float alpha, beta;
    EltwiseKind kind;
    DType expected;
  };
  const Case cases[] = {{0, 0, EltwiseKind::relu, DType::u8},       {0, 6, EltwiseKind::clip, DType::u8},
                        {-1, 6, EltwiseKind::clip, DType::s8},      {0.1F, 0, EltwiseKind::leaky_relu, DType::s8},
                        {0, 0, EltwiseKind::leaky_relu, DType::u8}, {0, 0, EltwiseKind::sigmoid, DType::u8},
                        {0, 0, EltwiseKind::tanh, DType::s8},       {1, 0, EltwiseKind::elu, DType::s8},
                        {0, 0, EltwiseKind::softrelu, DType::u8},   {0, 0, EltwiseKind::softsign, DType::s8}};
  for (const Case& c : cases) {
    Network net;
    ValueRef x = net.convolution("c1", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
    net.fuse(x, c.kind, c.alpha, c.beta);
    net.output(net.convolution("c2", x, 4));
    EXPECT_EQ(value_of(quantized(net), "c1").dtype, c.expected) << static_cast<int>(c.kind) << " " << c.alpha;
    EXPECT_EQ(value_of(quantized(net, {}, ActivationType::s8), "c1").dtype, DType::s8);
    EXPECT_EQ(value_of(quantized(net, {}, ActivationType::u8), "c1").dtype, DType::u8);  // min is 0 here
  }
}

TEST(Quantize, ConcatInputsShareOneScale) {
  Network net;
  ValueRef x = net.convolution("stem", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  net.fuse(x, EltwiseKind::relu);
  const ValueRef a = net.convolution("a", x, 4);
  net.fuse(a, EltwiseKind::relu);
  const ValueRef b = net.convolution("b", x, 4);  // signed: all of them become s8
  const ValueRef inner = net.concat("inner", {a, b});
  const ValueRef c = net.convolution("c", x, 4);
  net.fuse(c, EltwiseKind::relu);
  const ValueRef outer = net.max_pool("pool", net.concat("outer", {inner, c}));
  net.output(net.convolution("tail", outer, 4));
  net.output(net.convolution("side", c, 4));  // a reader that is no concat takes that scale too
  const Graph graph = quantized(net);
  EXPECT_EQ(count_seams(graph), 0) << dump(graph);
  for (const char* name : {"a", "b", "c", "inner", "outer", "pool"}) {
    EXPECT_EQ(value_of(graph, name).dtype, DType::s8) << name;
    EXPECT_EQ(value_of(graph, name).scale, value_of(graph, "outer").scale) << name;
  }
  EXPECT_EQ(value_of(graph, "stem").dtype, DType::u8);
  EXPECT_NE(value_of(graph, "stem").scale, value_of(graph, "outer").scale);
  // Three sources decide: neither the concats nor the pool is measured.
  const Regions regions = find_regions(net.graph, {});
  std::size_t widest = 0;
  for (const auto& sources : regions.sources) widest = std::max(widest, sources.size());
  EXPECT_EQ(widest, 3U);
}

/// ResNet v2 and DenseNet: normalisation and relu before the convolutions.
TEST(Quantize, PreActivationUnitsAreInt8) {
  Network net;
  const ValueRef stem = net.convolution("stem", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  const ValueRef n1 = net.batch_norm("n1", stem);
  net.fuse(n1, EltwiseKind::relu);
  const ValueRef sum = net.convolution("sum", n1, 4);
  net.fuse_sum(sum, stem);
  const ValueRef n2 = net.batch_norm("n2", sum);
  net.fuse(n2, EltwiseKind::relu);
  const ValueRef all = net.concat("all", {sum, net.convolution("more", n2, 4)});
  const ValueRef n3 = net.batch_norm("n3", all);
  net.fuse(n3, EltwiseKind::relu);
  net.output(net.fully_connected("fc", net.flatten("f", net.average("gap", n3)), 5));
  const Graph graph = quantized(net);
  EXPECT_EQ(count_seams(graph), 0) << dump(graph);
  for (const char* name : {"n1", "n2", "n3"}) {
    EXPECT_EQ(value_of(graph, name).dtype, DType::u8) << name;
    EXPECT_EQ(find(graph, name)->params[0].value.dtype(), DType::f32) << name;
  }
  for (const char* name : {"stem", "sum", "more", "all"}) EXPECT_EQ(value_of(graph, name).dtype, DType::s8) << name;
  EXPECT_EQ(value_of(graph, "sum").scale, value_of(graph, "more").scale);
  EXPECT_EQ(producer(graph, "sum", 1), "stem");
}

TEST(Quantize, FusedSumsKeepTheTypeOfTheirOperand) {
  Network net;
  ValueRef x = net.convolution("stem", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  const ValueRef shortcut = net.convolution("shortcut", x, 4);  // signed
  const ValueRef sum = net.convolution("sum", x, 4);
  net.fuse_sum(sum, shortcut);
  net.fuse(sum, EltwiseKind::relu);
  const ValueRef last = net.convolution("last", sum, 4);
  net.fuse_sum(last, sum);
  net.output(net.softmax("prob", last));
  const Graph graph = quantized(net);
  EXPECT_EQ(value_of(graph, "shortcut").dtype, DType::s8);
  EXPECT_EQ(value_of(graph, "sum").dtype, DType::u8);
  EXPECT_NE(value_of(graph, "sum").scale, value_of(graph, "shortcut").scale);
  EXPECT_EQ(producer(graph, "sum", 1), "shortcut");
  // A node that yields f32 adds an f32 operand.
  EXPECT_EQ(value_of(graph, "last").dtype, DType::f32);
  EXPECT_EQ(producer(graph, "last", 0), "sum");
  EXPECT_EQ(producer(graph, "last", 1), "sum_dequantize");
}

TEST(Quantize, IsolatedNodesStayFloat) {
  Network net;
  ValueRef x = net.convolution("c1", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  net.fuse(x, EltwiseKind::relu);
  const ValueRef pool = net.max_pool("tail_pool", x);  // leads to no convolution
  net.output(net.softmax("prob", pool));
  const Graph graph = quantized(net);
  EXPECT_TRUE(has_int8_weights(graph, "c1"));
  EXPECT_EQ(value_of(graph, "c1").dtype, DType::f32);
  EXPECT_EQ(value_of(graph, "tail_pool").dtype, DType::f32);
  EXPECT_EQ(count_seams(graph), 0);
}

TEST(Quantize, FloatReadersOfQuantisedValuesShareOneDequantize) {
  Network net;
  ValueRef x = net.convolution("c1", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  net.fuse(x, EltwiseKind::relu);
  net.output(net.convolution("c2", x, 4));
  net.output(net.softmax("s1", x));
  net.output(net.softmax("s2", x));
  net.output(x);
  const Graph graph = quantized(net);
  EXPECT_EQ(count_seams(graph), 1) << dump(graph);
  EXPECT_EQ(producer(graph, "c2"), "c1");
  EXPECT_EQ(producer(graph, "s1"), "c1_dequantize");
  EXPECT_EQ(producer(graph, "s2"), "c1_dequantize");
  EXPECT_EQ(graph.nodes[static_cast<std::size_t>(graph.outputs[3].node)].name, "c1_dequantize");
}

TEST(Quantize, ExcludedNodesComputeInFloat) {
  Network net = classifier();
  const Graph graph = quantized(net, {"c2"});
  EXPECT_EQ(find(graph, "c2")->params[0].value.dtype(), DType::f32);
  EXPECT_EQ(value_of(graph, "c2").dtype, DType::f32);
  // The pool in front of it joins nothing any more: c1 yields floats directly.
  EXPECT_EQ(value_of(graph, "p1").dtype, DType::f32);
  EXPECT_EQ(count_seams(graph), 1);
  // Behind it no INT8 node feeds the average: it is float, and the classifier reads it quantised.
  EXPECT_EQ(value_of(graph, "gap").dtype, DType::f32);
  EXPECT_EQ(producer(graph, "fc"), "f_quantize");
  EXPECT_EQ(value_of(graph, "f_quantize").dtype, DType::u8);
  // Fused names count as well.
  net.graph.nodes[4].fused = {"bn7", "relu7"};
  ASSERT_EQ(net.graph.nodes[4].name, "c2");
  EXPECT_EQ(dump(quantized(net, {"relu7"})), dump(quantized(net, {"c2"})));
}

TEST(Quantize, EverythingExcludedIsTheSameNetwork) {
  const Network net = classifier();
  const Graph graph = quantized(net, {"c1", "c2", "fc"});
  EXPECT_FALSE(graph.quantized());
  EXPECT_EQ(dump(graph), dump(net.graph));
}

TEST(Quantize, AddAndEltwiseBetweenConvolutionsAreInt8) {
  Network net;
  ValueRef x = net.convolution("c1", net.image({1, 3, 8, 8}, {0, 0, 0}, {1, 1, 1}), 4);
  const ValueRef relu = net.same_shape("relu", EltwiseOp{EltwiseKind::relu, 0, 0}, {x});
  const ValueRef a = net.convolution("a", relu, 4);
  const ValueRef sum = net.same_shape("sum", AddOp{}, {a, x});
  net.output(net.convolution("b", sum, 4));
  const Graph graph = quantized(net);
  EXPECT_EQ(count_seams(graph), 0) << dump(graph);
  EXPECT_EQ(value_of(graph, "c1").dtype, DType::s8);
  EXPECT_EQ(value_of(graph, "relu").dtype, DType::u8);
  EXPECT_EQ(value_of(graph, "sum").dtype, DType::s8);
  std::set<float> scales;
  for (const char* name : {"c1", "relu", "a", "sum"}) scales.insert(value_of(graph, name).scale);
  EXPECT_EQ(scales.size(), 4U);
}

TEST(Quantize, DetectionHeadsEndInFloat) {
  Network net;
  ValueRef x = net.convolution("body", net.image({1, 3, 8, 8}, {128, 128, 128}, {128, 128, 128}), 4);
  net.fuse(x, EltwiseKind::clip, 0, 6);
  const ValueRef x2 = net.max_pool("pool", x);
  std::vector<ValueRef> rows;
  for (const auto& [name, src] : {std::pair{"head1", x}, std::pair{"head2", x2}}) {
    const ValueRef head = net.convolution(name, src, 4);
    const ValueRef moved = net.same_shape(std::string(name) + "_t", TransposeOp{{0, 2, 3, 1}}, {head});
    rows.push_back(net.flatten(std::string(name) + "_f", moved));
  }
  net.output(net.concat("all", rows));
  const Graph graph = quantized(net);
  EXPECT_EQ(count_seams(graph), 0) << dump(graph);
  EXPECT_EQ(value_of(graph, "body").dtype, DType::u8);
  EXPECT_EQ(value_of(graph, "pool").scale, value_of(graph, "body").scale);
  for (const char* name : {"head1", "head2", "head1_f", "all"}) EXPECT_EQ(value_of(graph, name).dtype, DType::f32);
  EXPECT_TRUE(has_int8_weights(graph, "head2"));
}

TEST(Quantize, BadWeightsNameTheirNode) {
  Network net = classifier();
  net.graph.nodes[4].params[0].value.mutable_as<float>()[3] = std::numeric_limits<float>::quiet_NaN();
  const Regions regions = find_regions(net.graph, {});
  const std::vector<Storage> groups(regions.sources.size());
  const Result<Graph> result = quantize(net.graph, regions, groups);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_model);
  EXPECT_EQ(result.error().where, "c2_weight");
}

}  // namespace
}  // namespace octet
