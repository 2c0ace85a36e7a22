// MXNet's INT8 pairs: every operator against the float network it stands for, and real pairs against
// what MXNet itself computed.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iostream>

#include "executor/executor_testing.h"
#include "octet/graph/model.h"
#include "octet/graph/passes.h"
#include "support/assets.h"
#include "support/int8_symbol.h"
#include "support/npy.h"

namespace octet::test {
namespace {

using Id = Int8Net::Id;
using Fused = Int8Net::Fused;

std::vector<float> run_graph(const Graph& graph, const std::vector<std::uint8_t>& pixels, std::int64_t images) {
  const auto context = Context::create(Plan::compile(graph).value()).value();
  return run(*context, pixels, images)[0];
}

struct OperatorCase {
  const char* name;
  double tolerance;  ///< in units of the result
  Id (*append)(Int8Net& net, Id input);
  int version = 10901;
};

/// The image as s8, and behind it a convolution with relu as u8.
Id stem(Int8Net& net) {
  const Id data = net.quantize("data_quantize", 0, Int8Net::range("-1.0", "0.99", {{"out_type", "auto"}}));
  return net.convolution("stem", data, 3, 8, {false, "relu", "", -1, "_sg_mkldnn_conv", Int8Net::range("0.0", "3.0")});
}

class Int8Operator : public testing::TestWithParam<OperatorCase> {};

TEST_P(Int8Operator, ComputesItsFloatNetwork) {
  Int8Net net(GetParam().version);
  net.head(GetParam().append(net, stem(net)));
  const Graph int8 = net.graph(Int8Reading::stored).value();
  Graph plain = net.graph(Int8Reading::as_float).value();
  EXPECT_TRUE(int8.quantized());
  EXPECT_FALSE(plain.quantized());
  ASSERT_TRUE(optimize(plain));
  std::vector<std::uint8_t> pixels(std::size_t{2} * 3 * 8 * 8);
  std::mt19937 random(3);
  for (std::uint8_t& pixel : pixels) pixel = static_cast<std::uint8_t>(random());
  const std::vector<float> got = run_graph(int8, pixels, 2), want = run_graph(plain, pixels, 2);
  ASSERT_EQ(got.size(), want.size());
  double worst = 0, largest = 0;
  for (std::size_t i = 0; i < got.size(); ++i) {
    worst = std::max(worst, std::fabs(static_cast<double>(got[i]) - static_cast<double>(want[i])));
    largest = std::max(largest, std::fabs(static_cast<double>(want[i])));
  }
  RecordProperty("worst", std::to_string(worst));
  EXPECT_LE(worst, GetParam().tolerance) << "of " << largest;
  EXPECT_GT(largest, 8 * GetParam().tolerance);  // else the tolerance would say nothing
}

const OperatorCase kOperators[] = {
    {"FusedConvolution", 0.06,
     [](Int8Net& net, Id x) {
       return net.dequantize(
           "out", net.convolution("c", x, 8, 8, {true, "", "", -1, "_sg_onednn_conv", Int8Net::range("-6", "5")}));
     }},
    {"FusedConvolutionOf15", 0.06,
     [](Int8Net& net, Id x) {
       return net.dequantize("out", net.convolution("c", x, 8, 8,
                                                    {true, "relu", "", -1, "_sg_mkldnn_conv",
                                                     Int8Net::range("-0.000000", "6", {{"with_relu", "true"}})}));
     },
     10500},
    {"Relu6", 0.06,
     [](Int8Net& net, Id x) {
       return net.dequantize(
           "out", net.convolution("c", x, 8, 8, {true, "clip", "", -1, "_sg_mkldnn_conv", Int8Net::range("0", "6")}));
     }},
    // The operand is s8 and the sum u8: MXNet saturates it at 127 of 255 steps.
    {"SumOfS8IntoU8", 0.1,
     [](Int8Net& net, Id x) {
       const Id side =
           net.convolution("side", x, 8, 8, {true, "", "", -1, "_sg_mkldnn_conv", Int8Net::range("-6", "6")});
       return net.dequantize("out", net.convolution("c", x, 8, 8,
                                                    {true, "", "relu", static_cast<int>(side), "_sg_mkldnn_conv",
                                                     Int8Net::range("0", "9", {{"with_postsum_relu", "true"}})}));
     }},
    {"SumWithItsOwnInput", 0.06,
     [](Int8Net& net, Id x) {
       const Id c = net.convolution(
           "c", x, 8, 8, {true, "", "", -1, "_sg_mkldnn_conv", Int8Net::range("-8", "8", {{"with_sum", "true"}})});
       Symbol& inner = net.symbol.nodes[c].subgraphs[0];
       inner.nodes.push_back({"elemwise_add", "c_plus", {}, {inner.heads[0], {0, 0, 0}}, {}});
       inner.heads = {{static_cast<Id>(inner.nodes.size() - 1), 0, 0}};
       return net.dequantize("out", c);
     }},
    {"UnfusedConvolution", 0.06,
     [](Int8Net& net, Id x) {
       const Id c = net.layer("_contrib_quantized_conv", "c", x, {8, 8, 3, 3},
                              {{"kernel", "(3, 3)"}, {"num_filter", "8"}, {"no_bias", "False"}});
       const Id q = net.quantized("_contrib_requantize", "c_requantize", Int8Net::range("-9", "9"), {c});
       return net.dequantize("out", net.quantized("_contrib_quantized_act", "act", {{"act_type", "relu"}}, {q}));
     }},
    {"UnfusedFullyConnected", 0.1,
     [](Int8Net& net, Id x) {
       const Id flat = net.quantized("_contrib_quantized_flatten", "flat", {}, {x});
       return net.dequantize("out", net.layer("_contrib_quantized_fully_connected", "fc", flat, {10, 512},
                                              {{"num_hidden", "10"}, {"no_bias", "False"}}));
     }},
    {"FusedFullyConnected", 0.1,
     [](Int8Net& net, Id x) {
       return net.fully_connected("fc", x, 512, 10, {{"enable_float_output", "True"}}, false);
     }},
    {"FusedFullyConnectedByChannel", 0.1,
     [](Int8Net& net, Id x) {
       return net.dequantize("out", net.fully_connected("fc", x, 512, 10, Int8Net::range("-6", "6"), true));
     }},
    {"Pooling", 0.04,
     [](Int8Net& net, Id x) {
       const Id most = net.quantized("_contrib_quantized_pooling", "max",
                                     {{"pool_type", "max"}, {"kernel", "(2, 2)"}, {"stride", "(2, 2)"}}, {x});
       return net.dequantize("out", net.quantized("_contrib_quantized_pooling", "avg",
                                                  {{"pool_type", "avg"}, {"kernel", "(2, 2)"}}, {most}));
     }},
    // u8 and s8 of different scales: all become s8 of the widest.
    {"Concat", 0.08,
     [](Int8Net& net, Id x) {
       const Id c = net.convolution("c", x, 8, 8, {true, "", "", -1, "_sg_mkldnn_conv", Int8Net::range("-6", "5")});
       return net.dequantize(
           "out", net.quantized("_contrib_quantized_concat", "cat", {{"num_args", "2"}, {"dim", "1"}}, {x, c}));
     }},
    {"Sum", 0.08,
     [](Int8Net& net, Id x) {
       const Id c = net.convolution("c", x, 8, 8, {true, "", "", -1, "_sg_mkldnn_conv", Int8Net::range("-6", "6")});
       return net.dequantize(
           "out", net.quantized("_contrib_quantized_elemwise_add", "sum", Int8Net::range("-8", "8"), {x, c}));
     }},
    {"SumWithoutRange", 0.06,
     [](Int8Net& net, Id x) {
       const Id c = net.convolution("c", x, 8, 8, {true, "", "", -1, "_sg_mkldnn_conv", Int8Net::range("-6", "6")});
       return net.dequantize("out", net.quantized("_contrib_quantized_elemwise_add", "sum", {}, {x, c}));
     }},
    {"BatchNorm", 0.06,
     [](Int8Net& net, Id x) {
       std::vector<SymbolEntry> inputs{net.out(x)};
       for (const char* part : {"gamma", "beta", "mean", "var"}) {
         inputs.push_back(net.out(net.weight(std::string("bn_") + part, {8}, 0.5F, 1.5F)));
       }
       inputs.insert(inputs.end(), {net.out(x, 1), net.out(x, 2)});
       return net.dequantize("out", net.op("_contrib_quantized_batch_norm", "bn",
                                           Int8Net::range("-4", "5", {{"fix_gamma", "False"}}), inputs));
     }},
    // A float convolution that fusion alone has touched, between INT8 layers.
    {"FloatInBetween", 0.1,
     [](Int8Net& net, Id x) {
       const Id real = net.dequantize("real", x);
       const Id c = net.convolution("c", real, 8, 8, {true, "relu", "", -1, "_sg_mkldnn_conv", {}, false});
       net.params["c_min"] = {NamedTensor::Role::arg, Tensor::from({1}, std::vector<float>{0}).value()};
       net.params["c_max"] = {NamedTensor::Role::arg, Tensor::from({1}, std::vector<float>{6}).value()};
       const Id min = net.variable("c_min"), max = net.variable("c_max");
       const Id q =
           net.op("_contrib_quantize", "c_quantize", {{"out_type", "uint8"}}, {net.out(c), net.out(min), net.out(max)});
       return net.dequantize(
           "out", net.convolution("d", q, 8, 8, {true, "", "", -1, "_sg_mkldnn_conv", Int8Net::range("-8", "8")}));
     }},
};
INSTANTIATE_TEST_SUITE_P(All, Int8Operator, testing::ValuesIn(kOperators),
                         [](const auto& info) { return std::string(info.param.name); });

/// Real pairs, their inputs and MXNet's outputs.
struct GoldenInt8 {
  Model model;
  Npy pixels, outputs;
};

GoldenInt8 load_golden(const std::string& name, const std::string& base) {
  const auto root = assets();
  const Preprocess pixels = load_model(root / "models" / base / base).value().preprocess;
  LoadOptions options;
  options.preprocess.shape = {pixels.channels, pixels.height, pixels.width};
  options.preprocess.mean = {pixels.mean.begin(), pixels.mean.end()};
  options.preprocess.std = {pixels.std.begin(), pixels.std.end()};
  const auto folder = root / "mxnet" / "int8";
  return {load_model(folder / name, options).value(), read_npy(root / "golden" / base / "inputs_u8.npy").value(),
          read_npy(folder / (name + "-outputs_on_golden_inputs.npy")).value()};
}

/// MXNet computes a sum into u8 in the memory of its operand; where that is s8, it saturates at 127.
int saturate_sums_as_mxnet_does(Graph& graph) {
  int found = 0;
  for (Node& node : graph.nodes) {
    if (!node.has_sum() || node.outputs[0].dtype != DType::u8) continue;
    if (graph.value(node.inputs.back()).dtype != DType::s8) continue;
    node.post_ops.back().eltwise = {EltwiseKind::clip, 0, 127 * node.outputs[0].scale};
    ++found;
  }
  return found;
}

/// Largest difference to MXNet's outputs; every image must have the same best class.
double compare(const GoldenInt8& golden, const Graph& graph, bool logarithms) {
  const std::int64_t images = golden.pixels.shape[0];
  const std::vector<float> got = run_graph(graph, golden.pixels.bytes, images);
  const auto want = golden.outputs.as<float>();
  const std::size_t classes = want.size() / static_cast<std::size_t>(images);
  EXPECT_EQ(got.size(), want.size());
  double worst = 0;
  for (std::size_t n = 0; n < want.size(); n += classes) {
    const auto best = [&](const auto& all) { return std::max_element(&all[n], &all[n] + classes) - &all[n]; };
    const auto ours = n + static_cast<std::size_t>(best(got)), theirs = n + static_cast<std::size_t>(best(want));
    EXPECT_EQ(ours, theirs) << "image " << n / classes;
    double shift = 0;  // softmax hides what all logits of an image have in common
    for (std::size_t i = n; logarithms && i < n + classes; ++i) {
      shift += (std::log(double{want[i]}) - std::log(double{got[i]})) / static_cast<double>(classes);
    }
    for (std::size_t i = n; i < n + classes; ++i) {
      const double difference =
          logarithms ? std::log(double{got[i]}) + shift - std::log(double{want[i]}) : double{got[i]} - double{want[i]};
      if (!(std::fabs(difference) <= worst)) worst = std::fabs(difference);
    }
  }
  return worst;
}

// The logits are means of conv10's values, which are stored in steps of 1.018.
TEST(GoldenInt8, SqueezeNetScoresAsInMxnet) {
  OCTET_REQUIRE_ASSETS();
  const GoldenInt8 golden = load_golden("squeezenet_v1.1-naive", "squeezenet_v1.1");
  const auto last = std::find_if(golden.model.graph.nodes.begin(), golden.model.graph.nodes.end(),
                                 [](const Node& node) { return node.name == "conv10"; });
  ASSERT_NE(last, golden.model.graph.nodes.end());
  EXPECT_LE(compare(golden, golden.model.graph, true), last->outputs[0].scale);
}

// The logits are sums of 64 means, stored in steps of `scale`, times weights.
class GoldenInt8Resnet : public testing::TestWithParam<const char*> {};
TEST_P(GoldenInt8Resnet, ScoresAsInMxnet) {
  OCTET_REQUIRE_ASSETS();
  GoldenInt8 golden = load_golden(GetParam(), "cifar_resnet20");
  const Node& last = golden.model.graph.nodes.back();
  ASSERT_NE(last.as<FullyConnectedOp>(), nullptr);
  const Parameter& weight = last.params[0];
  double row = 0, widest = 0;  // what one step of every mean can change
  for (std::size_t i = 0; i < weight.value.elements(); ++i) {
    row = i % 64 == 0 ? 0 : row;
    row += std::fabs(double{weight.scale[i / 64]} * weight.value.as<std::int8_t>()[i]);
    widest = std::max(widest, row);
  }
  const double step = widest * golden.model.graph.value(last.inputs[0]).scale;
  double largest = 0;
  for (const float logit : golden.outputs.as<float>()) largest = std::max(largest, std::fabs(double{logit}));
  const double correct = compare(golden, golden.model.graph, false);
  EXPECT_LE(correct, 2 * step);
  // Nearly all of it is MXNet's saturating sums.
  ASSERT_EQ(saturate_sums_as_mxnet_does(golden.model.graph), 2);
  const double saturating = compare(golden, golden.model.graph, false);
  EXPECT_LE(saturating, 0.5 * step);
  std::cout << GetParam() << ": " << correct << ", with MXNet's saturation " << saturating << "; a step of the means "
            << step << ", of the logits " << largest / 127 << '\n';
}
INSTANTIATE_TEST_SUITE_P(Modes, GoldenInt8Resnet, testing::Values("cifar_resnet20-naive", "cifar_resnet20-entropy"),
                         [](const auto& info) { return std::string(info.param).substr(15); });

}  // namespace
}  // namespace octet::test
