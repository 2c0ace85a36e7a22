// Whole networks with random weights: every one compiles unfused, fused and in INT8, fusion keeps what it
// computes and leaves nothing behind that a rule covers. Small ones of every family are made here; the
// real symbols are assets.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <algorithm>
#include <cmath>
#include <iostream>
#include <map>

#include "calibrator/pictures.h"
#include "octet/executor/context.h"
#include "octet/graph/build.h"
#include "octet/graph/file_io.h"
#include "octet/graph/ops.h"
#include "octet/graph/passes.h"
#include "octet/graph/random_weights.h"
#include "support/assets.h"

namespace octet::test {
namespace {

constexpr int kPictures = 3;

/// Blocks of noise: flat areas and edges, the same on every machine.
Pictures synthetic_pictures(const Preprocess& preprocess, int count = kPictures) {
  Pictures pictures;
  pictures.height = preprocess.height;
  pictures.width = preprocess.width;
  pictures.channels = preprocess.channels;
  pictures.labels.resize(static_cast<std::size_t>(count));
  std::uint32_t state = 1;
  const std::int64_t across = (preprocess.width + 3) / 4;
  for (int n = 0; n < count; ++n) {
    std::vector<std::uint8_t> row;
    for (std::int64_t y = 0; y < preprocess.height; ++y) {
      if (y % 4 == 0) {
        row.clear();
        for (std::int64_t i = 0; i < across * preprocess.channels; ++i) {
          state = state * 1664525U + 1013904223U;
          row.push_back(static_cast<std::uint8_t>(state >> 24U));
        }
      }
      for (std::int64_t x = 0; x < preprocess.width; ++x) {
        for (std::int64_t c = 0; c < preprocess.channels; ++c) {
          pictures.pixels.push_back(row[static_cast<std::size_t>(x / 4 * preprocess.channels + c)]);
        }
      }
    }
  }
  return pictures;
}

/// All outputs of all pictures, output by output.
std::vector<std::vector<float>> outputs_of(const Graph& graph, const Pictures& pictures) {
  const auto plan = Plan::compile(graph).value();
  const auto context = Context::create(plan).value();
  const InputLayout& input = plan->input();
  std::vector<std::uint8_t> slots(pictures.count() * input.bytes());
  for (std::size_t n = 0; n < pictures.count(); ++n) {  // the border is painted as the loader does
    for (std::int64_t y = 0; y < input.height; ++y) {
      for (std::int64_t x = 0; x < input.width; ++x) {
        const std::int64_t row = y - input.border.top, column = x - input.border.left;
        const bool inside = row >= 0 && row < pictures.height && column >= 0 && column < pictures.width;
        for (std::int64_t c = 0; c < input.channels; ++c) {
          const auto from = static_cast<std::size_t>((row * pictures.width + column) * input.channels + c);
          const auto to = static_cast<std::size_t>((y * input.width + x) * input.channels + c);
          slots[n * input.bytes() + to] =
              inside ? pictures.pixels[n * pictures.bytes() + from] : input.border.value[static_cast<std::size_t>(c)];
        }
      }
    }
  }
  std::vector<std::vector<float>> results;
  for (const OutputLayout& output : plan->outputs()) results.emplace_back(pictures.count() * output.elements);
  std::vector<std::span<float>> spans(results.begin(), results.end());
  context->run(slots, static_cast<std::int64_t>(pictures.count()), spans).value();
  return results;
}

double largest(const std::vector<float>& values) {
  double most = 0;
  for (const float v : values) most = std::max<double>(most, std::abs(v));
  return most;
}

double largest_difference(const std::vector<float>& a, const std::vector<float>& b) {
  double most = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const double difference = std::abs(static_cast<double>(a[i]) - b[i]);
    most = difference > most || std::isnan(difference) ? difference : most;
  }
  return most;
}

/// Root of the mean square of the difference over that of `want`, about its mean.
double relative_error(const std::vector<float>& want, const std::vector<float>& got) {
  double mean = 0, signal = 0, noise = 0;
  for (const float v : want) mean += v / static_cast<double>(want.size());
  for (std::size_t i = 0; i < want.size(); ++i) {
    signal += (want[i] - mean) * (want[i] - mean);
    noise += (static_cast<double>(got[i]) - want[i]) * (static_cast<double>(got[i]) - want[i]);
  }
  return std::sqrt(noise / std::max(signal, 1e-30));
}

bool weighted(const Node& node) {
  return node.as<ConvolutionOp>() != nullptr || node.as<FullyConnectedOp>() != nullptr;
}

/// A node of a fused graph that one of the passes should have taken.
bool is_stray(const Graph& graph, const Node& node) {
  if (node.as<IdentityOp>() != nullptr) return true;
  if (node.inputs.empty()) return false;
  const Node& producer = graph.nodes[static_cast<std::size_t>(node.inputs[0].node)];
  if (graph.use_count(node.inputs[0]) != 1) return false;
  if (node.as<BatchNormOp>() != nullptr) return weighted(producer) && producer.post_ops.empty();
  const auto* eltwise = node.as<EltwiseOp>();
  const bool activation =
      eltwise != nullptr && (eltwise->kind == EltwiseKind::relu || eltwise->kind == EltwiseKind::clip ||
                             eltwise->kind == EltwiseKind::leaky_relu);
  const bool ends_with_function = !producer.post_ops.empty() && producer.post_ops.back().kind == PostOp::Kind::eltwise;
  return activation && (weighted(producer) || producer.as<AddOp>() != nullptr) && !ends_with_function;
}

int float_nodes(const Graph& graph) {
  return static_cast<int>(std::ranges::count_if(graph.nodes, [](const Node& node) {
    return !node.inputs.empty() && node.as<DequantizeOp>() == nullptr && !node.outputs[0].quantized() &&
           (node.params.empty() || node.params[0].scale.empty());
  }));
}

/// What fusion leaves of `graph` must yield the same outputs; returns the fused graph.
Graph expect_same_when_fused(Graph graph, const Pictures& pictures) {
  Graph fused = graph;
  EXPECT_TRUE(remove_dead_nodes(graph));
  const auto optimised = optimize(fused);
  EXPECT_TRUE(optimised) << to_string(optimised.error());
  for (const Node& node : fused.nodes) EXPECT_FALSE(is_stray(fused, node)) << node.name << '\n' << dump(fused);
  const auto want = outputs_of(graph, pictures), got = outputs_of(fused, pictures);
  for (std::size_t k = 0; k < want.size(); ++k) {
    EXPECT_GT(largest(want[k]), 0) << "a dead network tests nothing";
    EXPECT_LE(largest_difference(want[k], got[k]), 1e-4 * largest(want[k])) << "output " << k;
  }
  return fused;
}

/// `int8_error`: bound of the relative error that INT8 makes. Random networks amplify it where they are deep.
void check_network(const std::string& name, const Symbol& symbol, const Preprocess& preprocess, double int8_error) {
  const auto weights = random_weights(symbol, preprocess, 1, name);
  ASSERT_TRUE(weights) << to_string(weights.error());
  Model model;
  auto built = build_graph(symbol, *weights, preprocess, name);
  ASSERT_TRUE(built) << to_string(built.error());
  model.graph = *std::move(built);
  model.preprocess = preprocess;
  const Pictures pictures = synthetic_pictures(preprocess);
  const Graph fused = expect_same_when_fused(model.graph, pictures);
  const auto want = outputs_of(fused, pictures);
  std::size_t parameters = 0;
  for (const auto& [parameter, named] : *weights) parameters += named.value.elements();
  CalibrationOptions options;  // automatic, but where its rounding of many weights would take half a minute
  if (parameters > 5'000'000) options.mode = CalibrationMode::entropy;
  const auto int8 = calibrate(model, options, source_of(pictures));
  ASSERT_TRUE(int8) << to_string(int8.error());
  EXPECT_TRUE(int8->model.graph.quantized());
  const auto rough = outputs_of(int8->model.graph, pictures);
  double worst = 0;
  for (std::size_t k = 0; k < want.size(); ++k) worst = std::max(worst, relative_error(want[k], rough[k]));
  EXPECT_LE(worst, int8_error);
  std::cout << name << ": " << model.graph.nodes.size() << " nodes, fused " << fused.nodes.size() << ", INT8 "
            << int8->model.graph.nodes.size() << " (" << float_nodes(int8->model.graph) << " in float), error " << worst
            << '\n';
}

/// A symbol under construction; variables of weights are made as an operator needs them.
class Sketch {
 public:
  using Attributes = std::map<std::string, std::string>;
  Sketch() { symbol.nodes.push_back({"null", "data", {}, {}, {}}); }

  std::uint32_t op(const std::string& op, const Attributes& attributes, const std::vector<std::uint32_t>& inputs) {
    SymbolNode node{op, op + std::to_string(symbol.nodes.size()), attributes, {}, {}};
    node.inputs.resize(inputs.size());
    for (std::size_t k = 0; k < inputs.size(); ++k) node.inputs[k] = {inputs[k], 0, 0};
    const auto parsed = parse_operator(node).value();
    for (const std::string& param : parsed.params) {
      symbol.nodes.push_back({"null", node.name + "_" + param, {}, {}, {}});
      node.inputs.push_back({static_cast<std::uint32_t>(symbol.nodes.size() - 1), 0, 0});
    }
    symbol.nodes.push_back(std::move(node));
    return static_cast<std::uint32_t>(symbol.nodes.size() - 1);
  }
  std::uint32_t convolution(std::uint32_t from, int filters, int kernel, Attributes more = {}) {
    const std::string k = std::to_string(kernel), p = std::to_string(kernel / 2);
    more.insert({{"num_filter", std::to_string(filters)},
                 {"kernel", "(" + k + ", " + k + ")"},
                 {"pad", "(" + p + ", " + p + ")"},
                 {"no_bias", "True"}});
    return op("Convolution", more, {from});
  }
  std::uint32_t norm(std::uint32_t from) { return op("BatchNorm", {{"fix_gamma", "False"}}, {from}); }
  std::uint32_t relu(std::uint32_t from) { return op("Activation", {{"act_type", "relu"}}, {from}); }
  std::uint32_t classify(std::uint32_t from) {
    from = op("Pooling", {{"global_pool", "True"}, {"pool_type", "avg"}}, {from});
    return op("FullyConnected", {{"num_hidden", "10"}}, {from});
  }
  void check(const std::string& name, std::uint32_t head, double int8_error = 0.2) {
    symbol.heads.push_back({head, 0, 0});
    Preprocess preprocess;
    preprocess.height = preprocess.width = 32;
    check_network(name, symbol, preprocess, int8_error);
  }

  Symbol symbol;
};

TEST(SmallNetworks, ResidualBeforeAndBehindItsActivation) {
  Sketch behind;
  auto at = behind.relu(behind.norm(behind.convolution(0, 16, 3)));
  auto branch = behind.norm(behind.convolution(behind.relu(behind.norm(behind.convolution(at, 16, 3))), 16, 3));
  behind.check("residual v1", behind.classify(behind.relu(behind.op("elemwise_add", {}, {branch, at}))));
  Sketch before;
  at = before.convolution(before.op("BatchNorm", {{"fix_gamma", "True"}, {"eps", "2e-05"}}, {0}), 16, 3);
  branch = before.convolution(before.relu(before.norm(at)), 16, 3);
  at = before.op("_Plus", {}, {branch, at});
  before.check("residual v2", before.classify(before.relu(before.norm(at))));
}

TEST(SmallNetworks, DepthwiseInvertedResidual) {
  Sketch net;
  auto at = net.op("clip", {{"a_min", "0"}, {"a_max", "6"}}, {net.norm(net.convolution(0, 16, 3))});
  auto branch =
      net.op("clip", {{"a_min", "0"}, {"a_max", "6"}}, {net.norm(net.convolution(at, 16, 3, {{"num_group", "16"}}))});
  branch = net.norm(net.convolution(branch, 16, 1));
  net.check("mobile", net.classify(net.op("broadcast_add", {}, {branch, at})));
}

TEST(SmallNetworks, SlopesTwoHeadsAndChannelSoftmax) {
  Sketch net;
  auto at = net.op("_mul_scalar", {{"scalar", "0.0078125"}}, {net.op("_minus_scalar", {{"scalar", "127.5"}}, {0})});
  for (const int filters : {10, 16}) {
    at = net.op("LeakyReLU", {{"act_type", "prelu"}}, {net.convolution(at, filters, 3, {{"no_bias", "False"}})});
    at = net.op("Pooling", {{"kernel", "(2, 2)"}, {"stride", "(2, 2)"}, {"pooling_convention", "full"}}, {at});
  }
  const auto boxes = net.convolution(at, 4, 1);
  net.symbol.heads.push_back({boxes, 0, 0});
  net.check("cascade", net.op("SoftmaxActivation", {{"mode", "channel"}}, {net.convolution(at, 2, 1)}));
}

TEST(SmallNetworks, ResponseNormConcatAndDropout) {
  Sketch net;
  auto at = net.op("LRN", {{"nsize", "5"}, {"alpha", "0.0001"}}, {net.relu(net.convolution(0, 16, 5))});
  at = net.op("Pooling", {{"kernel", "(3, 3)"}, {"stride", "(2, 2)"}}, {at});
  at =
      net.op("Concat", {{"num_args", "2"}}, {net.relu(net.convolution(at, 8, 1)), net.relu(net.convolution(at, 8, 3))});
  at = net.op("FullyConnected", {{"num_hidden", "32"}}, {net.op("Dropout", {{"p", "0.5"}}, {at})});
  net.check("lrn", net.op("SoftmaxOutput", {}, {net.norm(at)}));
}

TEST(SmallNetworks, GatedChannelsAndDecoder) {
  Sketch net;
  auto at = net.relu(net.norm(net.convolution(0, 16, 3)));
  auto gate = net.op("mean", {{"axis", "(2, 3)"}, {"keepdims", "True"}}, {at});
  gate = net.op("sigmoid", {}, {net.convolution(net.relu(net.convolution(gate, 4, 1)), 16, 1)});
  at = net.op("broadcast_mul", {}, {at, gate});
  at = net.convolution(net.op("UpSampling", {{"scale", "2"}, {"sample_type", "nearest"}}, {at}), 8, 3);
  at = net.op("Deconvolution", {{"kernel", "(2, 2)"}, {"stride", "(2, 2)"}, {"num_filter", "8"}}, {at});
  at = net.op("add_n", {{"num_args", "3"}}, {at, at, net.op("_rminus_scalar", {{"scalar", "1"}}, {at})});
  net.check("gated", net.classify(at));
}

struct ZooCase {
  const char* file;
  int side;
  double int8_error = 0.35;
  int channels = 3;
};
void PrintTo(const ZooCase& zoo, std::ostream* out) { *out << zoo.file; }

std::string name_of_case(const testing::TestParamInfo<ZooCase>& info) {
  std::string name = info.param.file;
  for (char& c : name) c = std::isalnum(static_cast<unsigned char>(c)) != 0 ? c : '_';
  return name;
}

class ZooNetwork : public testing::TestWithParam<ZooCase> {};

Symbol load(const std::string& file) {
  const std::string path = (assets() / file).string();
  return parse_symbol(read_text_file(path, 1 << 24).value(), path).value();
}

TEST_P(ZooNetwork, CompilesAndFusionKeepsItsFunction) {
  OCTET_REQUIRE_ASSETS();
  Preprocess preprocess;
  preprocess.channels = GetParam().channels;
  preprocess.height = preprocess.width = GetParam().side;
  check_network(GetParam().file, load(GetParam().file + std::string("-symbol.json")), preprocess,
                GetParam().int8_error);
}

// Sides as small as the network allows. Random depthwise networks amplify INT8's error most, and a
// softmax behind them does once more.
INSTANTIATE_TEST_SUITE_P(
    All, ZooNetwork,
    testing::Values(ZooCase{"symbols/inception_bn_28", 28}, ZooCase{"symbols/iresnet_prelu_embedding", 32},
                    ZooCase{"symbols/lenet_gluon", 28, 0.35, 1}, ZooCase{"symbols/mobilenet1.0_channelwiseconv", 64, 1},
                    ZooCase{"symbols/mobilenet1.0_depthwise_group", 64},
                    ZooCase{"symbols/mobilenet1.0_face_age_gender", 64},
                    ZooCase{"symbols/mobilenet_v2_module", 64, 1.5}, ZooCase{"symbols/mtcnn_pnet_old_param", 24},
                    ZooCase{"symbols/resnet101_v2_module", 64}, ZooCase{"symbols/resnet50_v1_gluon", 64},
                    ZooCase{"symbols/resnet50_v2_module", 64}, ZooCase{"symbols/resnet50_v2_old_param", 64},
                    ZooCase{"symbols/squeezenet_v1.0_old_param", 64}, ZooCase{"symbols/squeezenet_v1.2", 224},
                    ZooCase{"symbols/vgg16_reduced_old_param", 64}, ZooCase{"mxnet/symbols/alexnet", 64},
                    ZooCase{"mxnet/symbols/densenet121", 224}, ZooCase{"mxnet/symbols/inceptionv3", 299},
                    ZooCase{"mxnet/symbols/mobilenet1.0", 64}, ZooCase{"mxnet/symbols/mobilenetv2_1.0", 64, 0.6},
                    ZooCase{"mxnet/symbols/resnet101_v1", 64}, ZooCase{"mxnet/symbols/resnet152_v1", 64},
                    ZooCase{"mxnet/symbols/resnet152_v2", 64}, ZooCase{"mxnet/symbols/resnet18_v1", 64},
                    ZooCase{"mxnet/symbols/resnet50_v1", 64}, ZooCase{"mxnet/symbols/resnet50_v2", 64},
                    ZooCase{"mxnet/symbols/squeezenet1.0", 224}, ZooCase{"mxnet/symbols/squeezenet1.1", 224},
                    ZooCase{"mxnet/symbols/vgg16", 64}),
    name_of_case);

class ZooNetworkSsd : public testing::TestWithParam<ZooCase> {};

// The logits and boxes that the detection reads are compared: the order of its rows hangs on the last bit of scores.
TEST_P(ZooNetworkSsd, CompilesAndFusionKeepsItsFunction) {
  OCTET_REQUIRE_ASSETS();
  const std::string name = GetParam().file;
  Model model;
  model.preprocess.height = model.preprocess.width = GetParam().side;
  const Symbol symbol = load(name + "-symbol.json");
  const auto weights = random_weights(symbol, model.preprocess, 1, name);
  ASSERT_TRUE(weights) << to_string(weights.error());
  auto built = build_graph(symbol, *weights, model.preprocess, name);
  ASSERT_TRUE(built) << to_string(built.error());
  model.graph = *std::move(built);
  const Pictures pictures = synthetic_pictures(model.preprocess, 1);
  Graph heads = model.graph;
  const auto detection =
      std::ranges::find_if(heads.nodes, [](const Node& node) { return node.as<MultiBoxDetectionOp>() != nullptr; });
  ASSERT_NE(detection, heads.nodes.end());
  const Node& scores = heads.nodes[static_cast<std::size_t>(detection->inputs[0].node)];
  ASSERT_NE(scores.as<SoftmaxOp>(), nullptr);  // it multiplies what random logits of 50 and more differ by
  heads.outputs = {scores.inputs[0], detection->inputs[1]};
  const Graph fused = expect_same_when_fused(std::move(heads), pictures);
  CalibrationOptions options;
  options.mode = CalibrationMode::naive;
  const auto int8 = calibrate(model, options, source_of(pictures));
  ASSERT_TRUE(int8) << to_string(int8.error());
  const auto rows = outputs_of(int8->model.graph, pictures);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_TRUE(std::ranges::all_of(rows[0], [](float v) { return std::isfinite(v); }));
  EXPECT_GE(rows[0][0], 0) << "nothing was detected";
  std::cout << name << ": " << model.graph.nodes.size() << " nodes, fused " << fused.nodes.size() + 2 << ", INT8 "
            << int8->model.graph.nodes.size() << " (" << float_nodes(int8->model.graph) << " in float)\n";
}
INSTANTIATE_TEST_SUITE_P(All, ZooNetworkSsd,
                         testing::Values(ZooCase{"mxnet/symbols/ssd_vgg16_reduced_300_deploy", 300},
                                         ZooCase{"mxnet/symbols/ssd_vgg16_reduced_300_train", 300},
                                         ZooCase{"mxnet/symbols/ssd_vgg16_reduced_512_deploy", 512},
                                         ZooCase{"mxnet/symbols/ssd_vgg16_reduced_512_train", 512},
                                         ZooCase{"mxnet/symbols/ssd_resnet50_512_deploy", 512},
                                         ZooCase{"mxnet/symbols/ssd_resnet50_512_train", 512},
                                         ZooCase{"mxnet/symbols/ssd_resnet101_512_deploy", 512},
                                         ZooCase{"mxnet/symbols/ssd_resnet101_512_train", 512},
                                         ZooCase{"mxnet/symbols/ssd_inceptionv3_512_deploy", 512},
                                         ZooCase{"mxnet/symbols/ssd_inceptionv3_512_train", 512},
                                         ZooCase{"symbols/ssd_300_vgg16_reduced_train", 300},
                                         ZooCase{"symbols/ssd_resnet50_sagemaker_train", 512}),
                         name_of_case);

TEST(ZooNetworks, ThreeDimensionalConvolutionIsRefusedByName) {
  OCTET_REQUIRE_ASSETS();
  Preprocess preprocess;
  preprocess.height = preprocess.width = 64;
  const auto weights = random_weights(load("symbols/resnet50_3d_video-symbol.json"), preprocess, 0, "video");
  ASSERT_FALSE(weights);
  EXPECT_EQ(weights.error().code, ErrorCode::unsupported);
  EXPECT_THAT(to_string(weights.error()), testing::HasSubstr("node 'conv0_fwd' (Convolution)"));
  EXPECT_THAT(to_string(weights.error()), testing::HasSubstr("only 2-D windows are"));
}

}  // namespace
}  // namespace octet::test
