// MXNet's INT8 symbols as graphs: what is fused and stored how, the float network, and bad input.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>

#include "octet/graph/model.h"
#include "support/assets.h"
#include "support/int8_symbol.h"

namespace octet {
namespace {

using test::Int8Net;
using testing::HasSubstr;
using Id = Int8Net::Id;

const Node* node_named(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return &node;
  }
  return nullptr;
}

/// Two convolutions, the second with a sum, and a fully connected layer.
struct Small {
  explicit Small(int version = 10901, const std::string& data_min = "-1", const std::string& data_max = "1")
      : net(version) {
    quantize = net.quantize("data_quantize", 0, Int8Net::range(data_min, data_max, {{"out_type", "auto"}}));
    first = net.convolution("first", quantize, 3, 4,
                            {true, "relu", "", -1, "_sg_mkldnn_conv", Int8Net::range("0.000000", "4")});
    second = net.convolution(
        "second", first, 4, 4,
        {false, "", "relu", static_cast<int>(first), "_sg_mkldnn_conv", Int8Net::range("0.000000", "6")});
    classes = net.fully_connected("fc", second, 256, 5, {{"enable_float_output", "True"}}, false);
    net.head(classes);
  }
  SymbolNode& node(Id id) { return net.symbol.nodes[id]; }
  Error error() const {
    auto graph = net.graph(Int8Reading::stored);
    return graph ? Error{ErrorCode::internal, "", "no error"} : graph.error();
  }
  Int8Net net;
  Id quantize = 0, first = 0, second = 0, classes = 0;
};

TEST(MxnetInt8, NodesReadAndYieldTheFilesValues) {
  for (const auto& [version, half] : {std::pair(10500, 0.0F), std::pair(10600, 0.5F)}) {
    const Graph graph = Small(version).net.graph(Int8Reading::stored).value();
    ASSERT_EQ(graph.nodes.size(), 5U);  // image, Normalize, three layers: no seam is left
    const Value& pixels = node_named(graph, "data_normalized")->outputs[0];
    EXPECT_EQ(pixels.dtype, DType::s8);
    EXPECT_FLOAT_EQ(pixels.scale, 1 / (127 + half));
    const Node& second = *node_named(graph, "second");
    EXPECT_EQ(second.outputs[0].dtype, DType::u8);
    EXPECT_FLOAT_EQ(second.outputs[0].scale, 6 / (255 + half));
    EXPECT_TRUE(second.has_sum());
    EXPECT_EQ(second.post_ops.size(), 2U);
    EXPECT_EQ(second.params[0].value.dtype(), DType::s8);
    const Node& fc = *node_named(graph, "fc");
    EXPECT_EQ(fc.outputs[0].dtype, DType::f32);
    EXPECT_EQ(fc.params[0].name, "fc_weight");
    EXPECT_FLOAT_EQ(fc.params[0].scale[3], 0.4F / (127 + half));
  }
}

TEST(MxnetInt8, StoredWeightsAreUsedAsTheyAre) {
  const Small small;
  const Graph graph = small.net.graph(Int8Reading::stored).value();
  const auto stored = small.net.params.at("fc_weight_quantize").value.as<std::int8_t>();
  const auto used = node_named(graph, "fc")->params[0].value.as<std::int8_t>();
  EXPECT_TRUE(std::equal(stored.begin(), stored.end(), used.begin(), used.end()));
}

TEST(MxnetInt8, TheFloatNetworkHasNoTraceOfQuantisation) {
  // Not even the ranges are looked at.
  const Graph graph = Small(10901, "nonsense", "-inf").net.graph(Int8Reading::as_float).value();
  EXPECT_FALSE(graph.quantized());
  std::vector<std::string> names;
  for (const Node& node : graph.nodes) names.push_back(node.name);
  EXPECT_THAT(names, testing::ElementsAre("data", "data_normalized", "first", "first_bn", "first_act", "second",
                                          "second_plus", "second_postact", "fc"));
  const auto weight = node_named(graph, "fc")->params[0].value.as<float>();
  EXPECT_LE(std::fabs(weight[7]), 0.4F);
}

TEST(MxnetInt8, MissingRangesAskForCalibration) {
  Small small;
  small.node(small.quantize).attrs = {{"out_type", "auto"}};
  const Error error = small.error();
  EXPECT_EQ(error.code, ErrorCode::unsupported);
  EXPECT_THAT(error.where, HasSubstr("data_quantize"));
  EXPECT_THAT(error.message, HasSubstr("octet calibrate"));
  EXPECT_TRUE(small.net.graph(Int8Reading::as_float));
}

TEST(MxnetInt8, ARangeOfZeroIsStoredAsInMxnet) {
  Small small;
  small.node(small.first).attrs["min_calib_range"] = "-0.000000";
  small.node(small.first).attrs["max_calib_range"] = "0.000000";
  const Graph graph = small.net.graph(Int8Reading::stored).value();
  EXPECT_EQ(node_named(graph, "first")->outputs[0].scale, std::ldexp(1.0F, -31));
}

TEST(MxnetInt8, AbsurdRangesNameTheirNode) {
  const std::pair<const char*, const char*> ranges[] = {{"nan", "1"}, {"0", "inf"}, {"2", "1"},     {"", "1"},
                                                        {"1,5", "2"}, {"-", "0"},   {"-1e30", "0"}, {"None", "1"}};
  for (const auto& [min, max] : ranges) {
    Small small;
    small.node(small.second).attrs["min_calib_range"] = min;
    small.node(small.second).attrs["max_calib_range"] = max;
    const Error error = small.error();
    EXPECT_EQ(error.code, ErrorCode::invalid_model) << min << " " << max;
    EXPECT_THAT(error.where, HasSubstr("'quantized_second' (_sg_mkldnn_conv)"));
    EXPECT_THAT(error.message, HasSubstr("range")) << error.message;
  }
  Small small;
  small.net.params["fc_weight_quantize_max"].value = Tensor::from({1}, std::vector<float>{NAN}).value();
  EXPECT_THAT(small.error().message, HasSubstr("fc_weight_quantize"));
}

TEST(MxnetInt8, DamagedNodesAreErrorsThatNameThem) {
  struct Case {
    const char* message;
    void (*damage)(Small& small);
  };
  const Case cases[] = {
      {"inputs instead of", [](Small& s) { s.node(s.second).inputs.pop_back(); }},
      {"inputs instead of",
       [](Small& s) {
         s.node(s.quantize).inputs.push_back({0, 0, 0});
       }},
      {"are not the range of input 0", [](Small& s) { s.node(s.second).inputs[3].node = s.quantize; }},
      {"are not the range", [](Small& s) { std::swap(s.node(s.second).inputs[3], s.node(s.second).inputs[4]); }},
      {"is not quantised",
       [](Small& s) {
         s.node(s.first).inputs[0] = {0, 0, 0}, s.node(s.first).inputs[6] = {0, 1, 0},
         s.node(s.first).inputs[7] = {0, 2, 0};
       }},
      {"the range of a quantised value",
       [](Small& s) { s.node(s.second).inputs[0].output = 1, s.node(s.second).inputs[2].output = 1; }},
      {"subgraphs, not one", [](Small& s) { s.node(s.first).subgraphs.clear(); }},
      {"one operator as its head",
       [](Small& s) {
         s.node(s.first).subgraphs[0].heads = {{0, 0, 0}};
       }},
      {"inputs for the",
       [](Small& s) {
         for (int i = 0; i < 20; ++i) s.node(s.first).subgraphs[0].nodes.push_back({"null", "more", {}, {}, {}});
       }},
      {"more than 64 nodes",
       [](Small& s) {
         s.node(s.first).subgraphs[0].nodes.resize(65, {"null", "x", {}, {}, {}});
       }},
      {"fused or quantised itself", [](Small& s) { s.node(s.first).subgraphs[0].nodes[2].op = "_sg_mkldnn_conv"; }},
      {"not True or False", [](Small& s) { s.node(s.first).attrs["quantized"] = "maybe"; }},
      {"is missing", [](Small& s) { s.net.params.erase("fc_weight_quantize"); }},
      {"is not s8", [](Small& s) { s.net.params["fc_bias_quantize"] = s.net.params["fc_bias_quantize_min"]; }},
      {"not one f32 number", [](Small& s) { s.net.params["fc_bias_quantize_min"] = s.net.params["first_gamma"]; }},
      {"no _contrib_dequantize",
       [](Small& s) {
         const Id id = s.net.op("Flatten", "flat", {}, {{s.second, 0, 0}});
         s.net.symbol.heads = {{id, 0, 0}};
       }},
      {"range of a quantised value",
       [](Small& s) {
         s.net.symbol.heads = {{s.second, 1, 0}};
       }},
      {"is not s32",
       [](Small& s) {
         s.net.head(s.net.quantized("_contrib_requantize", "again", Int8Net::range("0", "1"), {s.first}));
       }},
      {"s32 without",
       [](Small& s) {
         s.node(s.first).attrs.erase("min_calib_range");
         s.node(s.first).attrs.erase("max_calib_range");
       }},
      {"only stored ones",
       [](Small& s) {
         s.node(s.second).inputs[1] = {s.quantize, 0, 0};
       }},
  };
  for (const Case& c : cases) {
    Small small;
    c.damage(small);
    const Error error = small.error();
    EXPECT_THAT(error.message, HasSubstr(c.message));
    EXPECT_FALSE(error.where.empty()) << error.message;
  }
}

// The symbols that MXNet and GluonCV wrote, with random weights, as they are and as float networks.
TEST(MxnetInt8Assets, SymbolsLoad) {
  OCTET_REQUIRE_ASSETS();
  const auto symbols = test::assets() / "mxnet" / "symbols";
  for (const char* name : {"densenet121", "inceptionv3", "mobilenet1.0", "mobilenetv2_1.0", "resnet50_v1",
                           "resnet50_v2", "squeezenet1.0"}) {
    LoadOptions options;
    options.random_weights = 1;
    if (name == std::string("inceptionv3")) options.preprocess.shape = {3, 299, 299};
    const auto file = symbols / (std::string(name) + "-int8-symbol.json");
    const auto int8 = load_model(file, options);
    ASSERT_TRUE(int8) << to_string(int8.error());
    EXPECT_TRUE(int8->graph.quantized());
    options.mxnet_int8_as_float = true;
    const auto plain = load_model(file, options);
    ASSERT_TRUE(plain) << to_string(plain.error());
    EXPECT_FALSE(plain->graph.quantized());
  }
  for (const char* name : {"mobilenet1.0_int8_gluoncv", "resnet50_v1_int8_gluoncv"}) {
    LoadOptions options;
    options.random_weights = 1;
    const auto file = test::assets() / "symbols" / (std::string(name) + "-symbol.json");
    const auto int8 = load_model(file, options);
    ASSERT_FALSE(int8);
    EXPECT_THAT(to_string(int8.error()), HasSubstr("'data_quantize'"));
    options.mxnet_int8_as_float = true;
    EXPECT_TRUE(load_model(file, options)) << name;
  }
}

}  // namespace
}  // namespace octet
