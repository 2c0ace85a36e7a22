// octet's own pairs: what is saved is loaded again, bit by bit, and damaged pairs are errors.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <fstream>
#include <limits>
#include <sstream>

#include "graph/net.h"
#include "graph/temp_folder.h"
#include "octet/graph/own_format.h"
#include "octet/graph/passes.h"
#include "support/assets.h"

namespace octet {
namespace {

using test::difference;
using test::find;
using test::Net;
using testing::HasSubstr;

Node& node(Graph& graph, const std::string& name) {
  for (Node& candidate : graph.nodes) {
    if (candidate.name == name) return candidate;
  }
  ADD_FAILURE() << "no node " << name;
  return graph.nodes[0];
}

void quantise_output(Graph& graph, const std::string& name, DType dtype, float scale) {
  node(graph, name).outputs[0].dtype = dtype;
  node(graph, name).outputs[0].scale = scale;
}

/// s8 weights of random values with one odd scale per channel.
void quantise_weights(Node& n) {
  Parameter& weight = n.params[0];
  const Tensor real = weight.value;
  weight.value = Tensor::create(DType::s8, real.shape()).value();
  const auto src = real.as<float>();
  const auto dst = weight.value.mutable_as<std::int8_t>();
  for (std::size_t i = 0; i < dst.size(); ++i) dst[i] = static_cast<std::int8_t>(std::lround(src[i] * 127));
  for (std::int64_t c = 0; c < real.shape()[0]; ++c) weight.scale.push_back(0.01F / static_cast<float>(c + 3));
}

Preprocess preprocess_of(const Net& net) { return net.preprocess; }

/// A network with everything that a quantised graph may hold.
Graph quantised(const Net& net) {
  Graph graph = net.graph();
  EXPECT_TRUE(optimize(graph));
  // The first convolution reads raw pixels, the loader paints its border.
  graph.nodes[0].as<InputOp>()->border = {1, 1, 2, 0, {120, 110, 100}};
  graph.nodes[0].outputs[0].shape = {1, 3, 8 + 3, 8 + 1};
  node(graph, "c0").inputs[0] = {0, 0};
  node(graph, "c0").as<ConvolutionOp>()->pad = {0, 1, 0, 2};
  EXPECT_TRUE(remove_dead_nodes(graph));
  for (const char* name : {"c0", "main", "side", "fc"}) quantise_weights(node(graph, name));
  quantise_output(graph, "c0", DType::u8, 0.1F);
  quantise_output(graph, "main", DType::s8, 1.0F / 3);
  quantise_output(graph, "side", DType::u8, 0.0123456789F);
  quantise_output(graph, "pool", DType::u8, 0.0123456789F);
  EXPECT_TRUE(infer_shapes(graph, 1));
  return graph;
}

Net residual_net() {
  Net net;
  const auto stem = net.relu("r0", net.convolution("c0", net.data(), 3, 4));
  const auto main = net.convolution("main", stem, 4, 4, 3, {{"no_bias", "True"}});
  const auto side = net.convolution("side", stem, 4, 4, 1);
  const auto sum = net.op("clip", "k", {{"a_min", "0"}, {"a_max", "6"}}, {net.add("sum", main, side)});
  const auto pool = net.op("Pooling", "pool", {{"global_pool", "True"}, {"pool_type", "avg"}}, {sum});
  const auto fc = net.op("FullyConnected", "fc", {{"num_hidden", "5"}},
                         {pool, net.param("fc_weight", {5, 4}), net.param("fc_bias", {5})});
  net.head(net.op("softmax", "prob", {}, {fc}));
  return net;
}

Result<Graph> reread(const Graph& graph, const Preprocess& preprocess) {
  OCTET_TRY(const auto pair, write_graph(graph));
  OCTET_TRY(const Symbol symbol, parse_symbol(write_symbol(pair.symbol), "s"));
  OCTET_TRY(const ParamMap params, parse_params(write_params(pair.params), "p"));
  return build_graph(symbol, params, preprocess, "s");
}

void expect_round_trip(const Graph& graph, const Preprocess& preprocess) {
  const auto back = reread(graph, preprocess);
  ASSERT_TRUE(back) << to_string(back.error()) << "\n" << dump(graph);
  EXPECT_EQ(difference(graph, *back), "");
}

TEST(Pair, FloatGraphsReadBackAsTheyAre) {
  const Net net = residual_net();
  Graph graph = net.graph();
  expect_round_trip(graph, preprocess_of(net));
  ASSERT_TRUE(optimize(graph));
  expect_round_trip(graph, preprocess_of(net));
}

TEST(Pair, QuantisedGraphsReadBackAsTheyAre) {
  const Net net = residual_net();
  const Graph graph = quantised(net);
  ASSERT_TRUE(graph.quantized());
  expect_round_trip(graph, preprocess_of(net));
  // Stored as int8, with the scales beside them.
  const auto pair = write_graph(graph).value();
  EXPECT_EQ(pair.params.at("c0_weight").value.dtype(), DType::s8);
  EXPECT_EQ(pair.params.at("c0_weight_scale").value.shape(), (Shape{4}));
  for (const SymbolNode& symbol : pair.symbol.nodes) {
    EXPECT_TRUE(symbol.op == "null" || symbol.op == "softmax" || symbol.op.starts_with("_octet_")) << symbol.op;
  }
}

TEST(Pair, OtherOperatorsReadBackAsTheyAre) {
  Net net(3, 8, 8);
  auto x = net.batch_norm("bn", net.relu("r", net.data()), 3, {{"fix_gamma", "True"}});
  const auto pooled =
      net.op("Pooling", "p", {{"kernel", "(3,3)"}, {"stride", "(2, 2)"}, {"pooling_convention", "full"}}, {x});
  const auto wide = net.op("Concat", "cat", {{"num_args", "3"}}, {pooled, pooled, pooled});
  const auto padded = net.op("Pad", "pad", {{"mode", "edge"}, {"pad_width", "(0,0,0,0,1,2,3,4)"}}, {wide});
  const auto turned = net.op("transpose", "t", {{"axes", "(0, 2, 3, 1)"}}, {padded});
  const auto shaped = net.op("Reshape", "shape", {{"shape", "(0, -1, 9)"}}, {turned});
  net.head(net.op("SoftmaxActivation", "soft", {}, {shaped}));
  Graph graph = net.graph();
  expect_round_trip(graph, preprocess_of(net));
  // Quantise, dequantise, a quantised Add, identity of another type.
  Net second;
  second.head(second.relu("r", second.add("sum", second.relu("a", second.data()), second.relu("b", second.data()))));
  Graph sums = second.graph();
  for (const char* name : {"a", "b"}) quantise_output(sums, name, DType::s8, 0.5F);
  node(sums, "a").op = QuantizeOp{};
  node(sums, "sum").post_ops = {{PostOp::Kind::eltwise, {EltwiseKind::leaky_relu, 0.1F, 0}}};
  quantise_output(sums, "sum", DType::u8, 0.25F);
  node(sums, "r").op = DequantizeOp{};
  expect_round_trip(sums, preprocess_of(second));
  // A quantised BatchNorm with relu behind it, eps 0 and float parameters.
  Net third;
  third.head(third.batch_norm("n", third.relu("a", third.data()), 3, {{"fix_gamma", "False"}}));
  Graph norm = third.graph();
  node(norm, "a").op = QuantizeOp{};
  node(norm, "n").as<BatchNormOp>()->eps = 0;
  node(norm, "n").post_ops = {{PostOp::Kind::eltwise, {EltwiseKind::relu, 0, 0}}};
  quantise_output(norm, "a", DType::s8, 0.5F);
  quantise_output(norm, "n", DType::u8, 0.25F);
  expect_round_trip(norm, preprocess_of(third));
}

TEST(Pair, ConstantsAndAwkwardNamesReadBack) {
  Net net(1, 4, 4);
  const auto anchors = net.param("anchors", {1, 4, 4});
  const auto scores = net.op("Reshape", "s \"quoted\"", {{"shape", "(0, 4, 4)"}}, {net.data()});
  const auto boxes = net.op("Dropout", "b;sum, (1)", {}, {net.op("Flatten", "\xC3\xA9t\xC3\xA9", {}, {net.data()})});
  net.head(net.op("MultiBoxDetection", "d", {{"nms_topk", "4"}}, {scores, boxes, anchors}));
  Graph graph = net.graph();
  expect_round_trip(graph, preprocess_of(net));
  ASSERT_TRUE(optimize(graph));
  expect_round_trip(graph, preprocess_of(net));
  quantise_output(graph, "anchors", DType::s8, 0.02F);
  expect_round_trip(graph, preprocess_of(net));
}

TEST(Pair, NamesThatMeetAreKeptApart) {
  Net net;
  const auto a = net.convolution("c", net.data(), 3, 3);
  net.head(net.convolution("d", a, 3, 3));
  Graph graph = net.graph();
  // Two different weights of one name, and an array that has the name which the scales would get.
  node(graph, "d").params[0].name = "c_weight";
  quantise_weights(node(graph, "c"));
  node(graph, "d").params[1].name = "c_weight_scale";
  const auto back = reread(graph, preprocess_of(net));
  ASSERT_TRUE(back) << to_string(back.error());
  for (const char* name : {"c", "d"}) {
    const Node &mine = node(graph, name), &theirs = find(*back, name);
    for (std::size_t i = 0; i < 2; ++i) {
      EXPECT_TRUE(std::ranges::equal(mine.params[i].value.bytes(), theirs.params[i].value.bytes())) << name;
    }
    EXPECT_EQ(mine.params[0].scale, theirs.params[0].scale);
  }
}

Model model_of(Graph graph, const Preprocess& preprocess) {
  Model model;
  model.graph = std::move(graph);
  model.preprocess = preprocess;
  model.labels = {"cat", "dog \"b\"", "", "\xE7\x8A\xAC", "e"};
  model.provenance = {{"octet", "0.1"}, {"fp32_params", std::string(64, 'a')}, {"note", "line\nbreak"}};
  return model;
}

void expect_same(const Model& a, const Model& b) {
  EXPECT_EQ(difference(a.graph, b.graph), "");
  EXPECT_EQ(a.labels, b.labels);
  EXPECT_EQ(a.provenance, b.provenance);
  EXPECT_EQ(write_preprocess(a.preprocess), write_preprocess(b.preprocess));
}

TEST(SavedModel, LoadsAsItWas) {
  const test::TempFolder folder;
  const Net net = residual_net();
  const Model model = model_of(quantised(net), net.preprocess);
  const auto saved = save_model(model, folder / "m");
  ASSERT_TRUE(saved) << to_string(saved.error());
  const auto back = load_model(folder / "m");
  ASSERT_TRUE(back) << to_string(back.error());
  expect_same(model, *back);
  EXPECT_EQ(back->name, "m");
  int files = 0;
  for (const auto& entry : std::filesystem::directory_iterator(folder / "")) {
    (void)entry;
    ++files;
  }
  EXPECT_EQ(files, 2) << "no temporary files stay";
  ASSERT_TRUE(save_model(model, folder / "m")) << "an existing pair is replaced";
}

TEST(SavedModel, AssetModelsSurviveSavingAfterOptimisation) {
  OCTET_REQUIRE_ASSETS();
  const test::TempFolder folder;
  for (const char* name :
       {"cifar_resnet20", "mobilenet_v2_1.0_224", "squeezenet_v1.1", "ssd_mobilenet_v1_coco", "tiny_darknet"}) {
    Model model = load_model(test::assets() / "models" / name / name).value();
    for (const bool fused : {false, true}) {
      if (fused) optimize(model.graph).value();
      save_model(model, folder / name).value();
      const auto back = load_model(folder / name);
      ASSERT_TRUE(back) << to_string(back.error());
      expect_same(model, *back);
    }
  }
}

TEST(SavedModel, FixedPreprocessingCannotBeOverridden) {
  const test::TempFolder folder;
  const Net net = residual_net();
  save_model(model_of(quantised(net), net.preprocess), folder / "m").value();
  LoadOptions options;
  options.preprocess.mean = {{1, 2, 3}};
  EXPECT_EQ(load_model(folder / "m", options).error().code, ErrorCode::invalid_config);
  options = {};
  options.preprocess.shape = {{3, 9, 9}};
  EXPECT_EQ(load_model(folder / "m", options).error().code, ErrorCode::invalid_config);
  options = {};
  options.preprocess.shape = {{3, 8, 8}};
  options.preprocess.resize = ResizeMode::warp;
  const auto loaded = load_model(folder / "m", options);
  ASSERT_TRUE(loaded) << to_string(loaded.error());
  EXPECT_EQ(loaded->preprocess.resize, ResizeMode::warp);
}

TEST(SavedModel, HalvesOfTwoPairsAreNotTakenForOne) {
  const test::TempFolder folder;
  Net net = residual_net();
  save_model(model_of(quantised(net), net.preprocess), folder / "a").value();
  net.params["fc_bias"].value.mutable_as<float>()[0] += 1;
  save_model(model_of(quantised(net), net.preprocess), folder / "b").value();
  std::filesystem::copy_file(folder / "b-0000.params", folder / "a-0000.params",
                             std::filesystem::copy_options::overwrite_existing);
  const auto mixed = load_model(folder / "a");
  ASSERT_FALSE(mixed);
  EXPECT_EQ(mixed.error().code, ErrorCode::invalid_model);
  EXPECT_THAT(mixed.error().message, HasSubstr("a-symbol.json"));
}

TEST(SavedModel, FoldersThatDoNotTakeItAreCannotWrite) {
  const Net net = residual_net();
  const auto saved = save_model(model_of(net.graph(), net.preprocess), "/nonexistent/folder/m");
  ASSERT_FALSE(saved);
  EXPECT_EQ(saved.error().code, ErrorCode::cannot_write);
}

struct Damage {
  const char* what;
  std::function<void(SymbolAndParams&)> apply;
  const char* message;
};

SymbolNode& symbol_node(SymbolAndParams& pair, const std::string& name) {
  for (SymbolNode& candidate : pair.symbol.nodes) {
    if (candidate.name == name) return candidate;
  }
  ADD_FAILURE() << "no node " << name;
  return pair.symbol.nodes[0];
}

std::vector<Damage> damages() {
  const auto set = [](const char* name, const char* key, const char* value) {
    return [=](SymbolAndParams& pair) { symbol_node(pair, name).attrs[key] = value; };
  };
  const auto scale = [](float value) {
    return [=](SymbolAndParams& pair) { pair.params.at("main_weight_scale").value.mutable_as<float>()[1] = value; };
  };
  const auto tensor = [](const char* name, DType dtype, Shape shape) {
    return [=](SymbolAndParams& pair) { pair.params.at(name).value = Tensor::create(dtype, shape).value(); };
  };
  return {
      {"zero scale", set("main", "__octet_scale__", "0"), "'__octet_scale__' = '0'"},
      {"negative scale", set("main", "__octet_scale__", "-1"), "__octet_scale__"},
      {"infinite scale", set("main", "__octet_scale__", "inf"), "__octet_scale__"},
      {"scale is nan", set("main", "__octet_scale__", "nan"), "__octet_scale__"},
      {"scale is text", set("main", "__octet_scale__", "x"), "__octet_scale__"},
      {"no scale", [](auto& pair) { symbol_node(pair, "main").attrs.erase("__octet_scale__"); }, "__octet_scale__"},
      {"no type", [](auto& pair) { symbol_node(pair, "main").attrs.erase("__octet_dtype__"); }, "__octet_scale__"},
      {"type", set("main", "__octet_dtype__", "s32"), "'__octet_dtype__' = 's32'"},
      {"post-ops", set("side", "__octet_post_ops__", "sum; jump"), "__octet_post_ops__"},
      {"two sums", set("side", "__octet_post_ops__", "sum; sum"), "[eltwise] [sum] [eltwise]"},
      {"no sum", set("side", "__octet_post_ops__", "relu"), "inputs"},
      {"sum without operand", set("main", "__octet_post_ops__", "sum"), "'main'"},
      {"sum on pooling", set("pool", "__octet_post_ops__", "relu"), "nothing can be fused"},
      {"pad", set("c0", "__octet_pad__", "(1, 2)"), "__octet_pad__"},
      {"negative pad", set("c0", "__octet_pad__", "(1, 2, 3, -4)"), "__octet_pad__"},
      {"border", set("data", "__octet_border__", "(1, 2, 3)"), "__octet_border__"},
      {"border colour", set("data", "__octet_border__", "(1, 1, 1, 1, 256, 0, 0)"), "__octet_border__"},
      {"huge border", set("data", "__octet_border__", "(99999999, 1, 1, 1, 0, 0, 0)"), "__octet_border__"},
      {"fused", set("side", "__octet_fused__", "[3]"), "__octet_fused__"},
      {"unknown attribute", set("side", "surprise", "3"), "surprise"},
      {"weight scale 0", scale(0), "main_weight_scale has a scale that is not > 0"},
      {"weight scale -1", scale(-1), "not > 0"},
      {"weight scale nan", scale(std::numeric_limits<float>::quiet_NaN()), "NaN"},
      {"weight scale inf", scale(std::numeric_limits<float>::infinity()), "infinity"},
      {"scale count", tensor("main_weight_scale", DType::f32, {3}), "main_weight_scale has shape (3,)"},
      {"scale type", tensor("main_weight_scale", DType::s8, {4}), "main_weight_scale holds s8"},
      {"scales missing", [](auto& pair) { pair.params.erase("main_weight_scale"); }, "missing (1): main_weight_scale"},
      {"s8 bias", tensor("side_bias", DType::s8, {4}), "side_bias holds s8"},
      {"u8 weight", tensor("main_weight", DType::u8, {4, 4, 3, 3}), "'main_weight' has elements of type u8"},
      {"s32 weight", tensor("main_weight", DType::i32, {4, 4, 3, 3}), "main_weight holds s32"},
      {"weight shape", tensor("main_weight", DType::s8, {4, 4, 3, 1}), "instead of (4, 4, 3, 3)"},
      {"s8 weight of an MXNet operator",
       [](auto& pair) {
         SymbolNode& fc = symbol_node(pair, "fc");
         fc.op = "FullyConnected";
       },
       "fc_weight holds s8"},
  };
}

TEST(Pair, HostilePairsAreErrorsThatSayWhy) {
  const Net net = residual_net();
  const SymbolAndParams good = write_graph(quantised(net)).value();
  ASSERT_TRUE(build_graph(good.symbol, good.params, net.preprocess, "s"));
  for (const Damage& damage : damages()) {
    SymbolAndParams pair = good;
    damage.apply(pair);
    const auto built = build_graph(pair.symbol, pair.params, net.preprocess, "s");
    ASSERT_FALSE(built) << damage.what;
    EXPECT_EQ(built.error().code, ErrorCode::invalid_model) << damage.what << ": " << to_string(built.error());
    EXPECT_THAT(to_string(built.error()), HasSubstr(damage.message)) << damage.what;
  }
}

TEST(Pair, NewerFormatsAreUnsupported) {
  const Net net = residual_net();
  SymbolAndParams pair = write_graph(quantised(net)).value();
  pair.symbol.attrs[kFormatKey] = "2";
  const auto built = build_graph(pair.symbol, pair.params, net.preprocess, "s");
  EXPECT_EQ(built.error().code, ErrorCode::unsupported);
  EXPECT_THAT(built.error().message, testing::AllOf(HasSubstr("'2'"), HasSubstr("format 1")));
}

std::string slurp(const std::filesystem::path& file) {
  std::ostringstream text;
  text << std::ifstream(file, std::ios::binary).rdbuf();
  return text.str();
}

/// Symbol and parameters are damaged behind the digest's back: every layer has to hold on its own.
TEST(Pair, FlippedBytesNeverCrash) {
  const Net net = residual_net();
  const SymbolAndParams good = write_graph(quantised(net)).value();
  const std::string text = write_symbol(good.symbol);
  const std::vector<std::byte> bytes = write_params(good.params);
  std::mt19937 random(11);
  int built = 0;
  for (int round = 0; round < 3000; ++round) {
    std::string symbol_text = text;
    std::vector<std::byte> param_bytes = bytes;
    if (round % 2 == 0) {
      symbol_text[random() % text.size()] = static_cast<char>(' ' + random() % 95);
    } else {
      param_bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    const auto symbol = parse_symbol(symbol_text, "s");
    const auto params = parse_params(param_bytes, "p");
    if (!symbol || !params) continue;
    auto graph = build_graph(*symbol, *params, net.preprocess, "s");
    if (!graph) continue;
    ++built;
    EXPECT_TRUE(validate(*graph));
    EXPECT_FALSE(dump(*graph).empty());
    Graph optimised = *graph;
    (void)optimize(optimised).has_value();
    EXPECT_TRUE(write_graph(*graph));
  }
  EXPECT_GT(built, 100);
}

TEST(SavedModel, DamagedFilesNeverCrash) {
  const test::TempFolder folder;
  const Net net = residual_net();
  save_model(model_of(quantised(net), net.preprocess), folder / "m").value();
  const std::string text = slurp(folder / "m-symbol.json");
  std::mt19937 random(13);
  for (int round = 0; round < 300; ++round) {
    std::string damaged = text;
    if (round % 3 == 0) {
      damaged.resize(random() % text.size());
    } else {
      damaged[random() % text.size()] = static_cast<char>(' ' + random() % 95);
    }
    folder.write("m-symbol.json", damaged);
    const auto loaded = load_model(folder / "m");
    EXPECT_TRUE(loaded || !loaded.error().message.empty());
  }
}

}  // namespace
}  // namespace octet
