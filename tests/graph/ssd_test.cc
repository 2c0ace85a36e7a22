// What SSD networks need of the graph: anchors, slices, operators with several outputs, training symbols, constants.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <cmath>
#include <filesystem>

#include "graph/evaluate.h"
#include "graph/net.h"
#include "graph/temp_folder.h"
#include "octet/graph/anchors.h"
#include "octet/graph/deploy.h"
#include "octet/graph/file_io.h"
#include "octet/graph/ops.h"
#include "octet/graph/output_file.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

using test::find;
using test::Net;
using testing::ElementsAre;
using testing::HasSubstr;

std::vector<float> floats(const Tensor& tensor) { return {tensor.as<float>().begin(), tensor.as<float>().end()}; }

std::vector<float> constant(const Graph& graph, const std::string& name) {
  const auto* op = find(graph, name).as<ConstantOp>();
  if (op == nullptr) ADD_FAILURE() << name << " is no constant in\n" << dump(graph);
  return op == nullptr ? std::vector<float>() : floats(op->value);
}

Graph optimised(const Net& net) {
  Graph graph = net.graph();
  const auto done = optimize(graph);
  EXPECT_TRUE(done) << to_string(done.error());
  return graph;
}

MATCHER_P(NearAll, expected, "") {
  if (arg.size() != expected.size()) return false;
  for (std::size_t i = 0; i < arg.size(); ++i) {
    if (!(std::abs(arg[i] - expected[i]) < 1e-6F)) return false;
  }
  return true;
}

TEST(Anchors, EverySizeWithTheFirstRatioThenEveryOtherRatioWithTheFirstSize) {
  // One place, centre (0.5, 0.5).
  const Tensor anchors = multibox_prior({{0.2F, 0.4F}, {1, 4}, false, {-1, -1}, {0.5F, 0.5F}}, 1, 1).value();
  EXPECT_EQ(anchors.shape(), (Shape{1, 3, 4}));
  EXPECT_THAT(floats(anchors), NearAll(std::vector<float>{0.4F, 0.4F, 0.6F, 0.6F,       // 0.2, ratio 1
                                                          0.3F, 0.3F, 0.7F, 0.7F,       // 0.4, ratio 1
                                                          0.3F, 0.45F, 0.7F, 0.55F}));  // 0.2, ratio 4: twice, half
  const Tensor wide = multibox_prior({{0.2F}, {4}, false, {-1, -1}, {0.5F, 0.5F}}, 1, 1).value();
  EXPECT_THAT(floats(wide), NearAll(std::vector<float>{0.3F, 0.45F, 0.7F, 0.55F})) << "the first ratio counts";
}

TEST(Anchors, RowsBeforeColumnsAndWidthsCorrectedForTheMap) {
  // 2 rows, 4 columns: a box of size s is s high and s * 2 / 4 wide.
  const Tensor anchors = multibox_prior({{0.4F}, {1}, false, {-1, -1}, {0.5F, 0.5F}}, 2, 4).value();
  ASSERT_EQ(anchors.shape(), (Shape{1, 8, 4}));
  const auto box = [&](std::size_t i) {
    const auto all = floats(anchors);
    return std::vector<float>(all.begin() + static_cast<std::ptrdiff_t>(4 * i),
                              all.begin() + static_cast<std::ptrdiff_t>(4 * i + 4));
  };
  EXPECT_THAT(box(0), NearAll(std::vector<float>{0.125F - 0.1F, 0.25F - 0.2F, 0.125F + 0.1F, 0.25F + 0.2F}));
  EXPECT_THAT(box(1), NearAll(std::vector<float>{0.375F - 0.1F, 0.05F, 0.375F + 0.1F, 0.45F}));
  EXPECT_THAT(box(4), NearAll(std::vector<float>{0.025F, 0.55F, 0.225F, 0.95F}));
}

TEST(Anchors, StepsOffsetsAndClip) {
  // (y, x): rows 0.5 apart, columns 0.25; the first centre at 1 * 0.25, 0 * 0.5.
  const MultiBoxPriorOp op{{0.4F}, {1}, true, {0.5F, 0.25F}, {0, 1}};
  EXPECT_THAT(floats(multibox_prior(op, 1, 2).value()),
              NearAll(std::vector<float>{0.15F, 0, 0.35F, 0.2F, 0.4F, 0, 0.6F, 0.2F}));
  MultiBoxPriorOp loose = op;
  loose.clip = false;
  EXPECT_THAT(floats(multibox_prior(loose, 1, 2).value()),
              NearAll(std::vector<float>{0.15F, -0.2F, 0.35F, 0.2F, 0.4F, -0.2F, 0.6F, 0.2F}));
}

TEST(Anchors, TooManyAreAnError) {
  EXPECT_EQ(multibox_prior({}, 1 << 13, 1 << 12).error().code, ErrorCode::limit);
  EXPECT_EQ(multibox_prior({}, 0, 4).error().code, ErrorCode::invalid_model);
}

TEST(Anchors, BecomeAConstantThatKeepsNothingAlive) {
  for (const char* name : {"_contrib_MultiBoxPrior", "MultiBoxPrior"}) {
    Net net(3, 8, 8);
    const auto map = net.convolution("map", net.data(), 3, 4);
    const auto prior = net.op(name, "anchors", {{"sizes", "(0.5)"}, {"ratios", "(1,2)"}}, {map});
    const auto flat = net.op("Flatten", "flat", {}, {prior});
    const auto all = net.op("Reshape", "all", {{"shape", "(0, -1, 4)"}}, {flat});
    net.head(net.relu("r", net.data()));
    net.head(all);
    const auto refused = net.build();  // its first axis does not follow the number of images
    EXPECT_FALSE(refused);
    net.symbol.heads = {{net.op("slice_like", "cut", {{"axes", "(1,)"}}, {net.data(), prior}), 0, 0}};
    EXPECT_FALSE(net.build()) << "128 channels are more than 3";
    net.symbol.heads = {{net.op("slice_like", "cut2", {{"axes", "(2,)"}}, {map, prior}), 0, 0}};
    const Graph graph = net.graph();
    EXPECT_EQ(constant(graph, "anchors").size(), 8U * 8 * 2 * 4);
    EXPECT_TRUE(find(graph, "anchors").inputs.empty());
    EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 4, 4, 8}));
  }
}

TEST(Anchors, WrongAttributesAreErrors) {
  const auto refuse = [](const test::Attributes& attributes, const char* text) {
    const auto parsed = parse_operator({"_contrib_MultiBoxPrior", "p", attributes, {{}}, {}});
    ASSERT_FALSE(parsed) << text;
    EXPECT_THAT(parsed.error().message, HasSubstr(text));
  };
  refuse({{"sizes", "()"}}, "sizes");
  refuse({{"sizes", "(0.1, -0.1)"}}, "sizes");
  refuse({{"ratios", "(inf,)"}}, "ratios");
  refuse({{"steps", "(0.1,)"}}, "steps");
  refuse({{"steps", "(0.1, -1)"}}, "one step");
  refuse({{"offsets", "(0.5, 1.5)"}}, "offsets");
}

/// The cut of `node` as text.
std::string cut(const std::string& op, const test::Attributes& attributes, const Shape& shape) {
  const auto parsed = parse_operator({op, "s", attributes, {{}}, {}});
  if (!parsed) return parsed.error().message;
  const auto cuts = slice_cuts(std::get<SliceOp>(parsed->op), shape);
  if (!cuts) return cuts.error().message;
  std::string text;
  for (const AxisCut& c : *cuts) {
    text += std::to_string(c.begin) + ":" + std::to_string(c.step) + "*" + std::to_string(c.count) + " ";
  }
  return text;
}

TEST(Slice, PythonsRules) {
  EXPECT_EQ(cut("slice_axis", {{"axis", "1"}, {"begin", "1"}, {"end", "None"}}, {2, 5}), "0:1*2 1:1*4 ");
  EXPECT_EQ(cut("slice_axis", {{"axis", "-1"}, {"begin", "-3"}, {"end", "-1"}}, {2, 5}), "0:1*2 2:1*2 ");
  EXPECT_EQ(cut("slice_axis", {{"axis", "0"}, {"begin", "1"}, {"end", "9"}}, {2, 5}), "1:1*1 0:1*5 ");
  EXPECT_EQ(cut("slice", {{"begin", "(None, 1)"}, {"end", "(None, 4)"}}, {2, 5, 3}), "0:1*2 1:1*3 0:1*3 ");
  EXPECT_EQ(cut("crop", {{"begin", "(0, 4)"}, {"end", "(2, 0)"}, {"step", "(1, -2)"}}, {2, 5}), "0:1*2 4:-2*2 ");
  EXPECT_EQ(cut("slice", {{"begin", "(None,)"}, {"end", "(None,)"}, {"step", "(-1,)"}}, {4}), "3:-1*4 ");
  EXPECT_EQ(cut("slice", {{"begin", "(0,)"}, {"end", "(5,)"}, {"step", "(3,)"}}, {5}), "0:3*2 ");
  EXPECT_THAT(cut("slice", {{"begin", "(3,)"}, {"end", "(3,)"}}, {5}), HasSubstr("nothing is left of axis 0"));
  EXPECT_THAT(cut("slice", {{"begin", "(3,)"}, {"end", "(3, 4)"}}, {5}), HasSubstr("unequal size"));
  EXPECT_THAT(cut("slice", {{"begin", "(3,)"}, {"end", "(4,)"}, {"step", "(0,)"}}, {5}), HasSubstr("'step' is 0"));
  EXPECT_THAT(cut("slice_axis", {{"axis", "2"}, {"begin", "0"}, {"end", "1"}}, {5}), HasSubstr("axis 2"));
}

TEST(Slice, SliceChannelBecomesOneNodePerOutputThatIsRead) {
  Net net(3, 4, 6);
  const auto split = net.op("SliceChannel", "split", {{"num_outputs", "3"}, {"axis", "-1"}}, {net.data()});
  net.symbol.heads = {{split, 2, 0}, {split, 0, 0}};
  const Graph graph = net.graph();
  EXPECT_EQ(graph.value(graph.outputs[0]).shape, (Shape{1, 3, 4, 2}));
  const auto* last = find(graph, "split_output2").as<SliceOp>();
  const auto* first = find(graph, "split_output0").as<SliceOp>();
  ASSERT_TRUE(last != nullptr && first != nullptr) << dump(graph);
  EXPECT_EQ(last->axis, 3);
  EXPECT_THAT(last->begin, ElementsAre(std::optional<std::int64_t>(4)));
  EXPECT_THAT(first->end, ElementsAre(std::optional<std::int64_t>(2)));
  for (const Node& node : graph.nodes) EXPECT_NE(node.name, "split_output1");

  for (const auto& [axis, shape] : {std::pair("1", Shape{1, 4, 6}), std::pair("-3", Shape{1, 4, 6})}) {
    Net squeezed(3, 4, 6);
    const auto parts =
        squeezed.op("split", "s", {{"num_outputs", "3"}, {"axis", axis}, {"squeeze_axis", "True"}}, {squeezed.data()});
    squeezed.symbol.heads = {{parts, 1, 0}};
    const Graph dropped = squeezed.graph();
    EXPECT_EQ(dropped.value(dropped.outputs[0]).shape, shape) << axis;
  }
  Net uneven(3, 4, 6);
  uneven.head(uneven.op("SliceChannel", "s", {{"num_outputs", "2"}}, {uneven.data()}));
  EXPECT_THAT(to_string(uneven.build().error()), HasSubstr("no 2 equal parts"));
  Net beyond(3, 4, 6);
  beyond.symbol.heads = {{beyond.op("SliceChannel", "s", {{"num_outputs", "3"}}, {beyond.data()}), 3, 0}};
  EXPECT_THAT(to_string(beyond.build().error()), HasSubstr("part"));
}

TEST(Constants, MovesOfConstantsAreDoneOnce) {
  Net net(3, 2, 2);
  net.params["a"] = {NamedTensor::Role::arg, Tensor::from({1, 2, 2}, std::vector<float>{1, 2, 3, 4}).value()};
  net.params["b"] = {NamedTensor::Role::arg, Tensor::from({1, 2, 1}, std::vector<float>{5, 6}).value()};
  const auto joined = net.op("Concat", "joined", {{"dim", "2"}, {"num_args", "2"}},
                             {net.variable("a"), net.variable("b")});                    // 1 2 5 / 3 4 6
  const auto turned = net.op("transpose", "turned", {{"axes", "(0, 2, 1)"}}, {joined});  // 1 3 / 2 4 / 5 6
  const auto cut = net.op("slice_axis", "cut", {{"axis", "1"}, {"begin", "1"}, {"end", "None"}}, {turned});
  const auto back = net.op("slice", "back", {{"begin", "(None, None)"}, {"end", "(None, None)"}, {"step", "(1, -1)"}},
                           {cut});  // 5 6 / 2 4
  const auto shaped = net.op("Reshape", "shaped", {{"shape", "(1, 1, 4)"}}, {back});
  const auto flat = net.op("Flatten", "flat", {}, {net.data()});
  const auto scores = net.op("Reshape", "scores", {{"shape", "(0, -1, 1)"}}, {flat});
  const auto moves = net.op("slice_axis", "moves", {{"axis", "1"}, {"begin", "0"}, {"end", "4"}}, {flat});
  net.head(net.op("_contrib_MultiBoxDetection", "boxes", {}, {scores, moves, shaped}));
  const Graph graph = optimised(net);
  EXPECT_THAT(constant(graph, "shaped"), ElementsAre(5, 6, 2, 4));
  for (const Node& node : graph.nodes) EXPECT_NE(node.name, "joined");
}

/// A network in the form of example/ssd: two feature maps, `classes` classes and the background.
struct Ssd {
  Net net{3, 16, 16};
  std::uint32_t classes = 0, locations = 0, anchors = 0, label = 0;

  explicit Ssd(bool anchors_late = false) {
    const auto first = net.relu("r1", net.convolution("c1", net.data(), 3, 8, 3, {{"stride", "(2, 2)"}}));
    const auto second = net.relu("r2", net.convolution("c2", first, 8, 8, 3, {{"stride", "(2, 2)"}}));
    std::vector<std::uint32_t> cls, loc, boxes;
    const auto add_boxes = [&] {
      for (const auto map : {first, second}) {
        const std::string n = map == first ? "1" : "2";
        const auto prior = net.op("_contrib_MultiBoxPrior", "prior" + n,
                                  {{"sizes", "(0." + n + ", 0.5)"}, {"ratios", "(1, 2)"}}, {map});
        boxes.push_back(net.op("Flatten", "prior_flat" + n, {}, {prior}));
      }
      anchors = net.op("Reshape", "multibox_anchors", {{"shape", "(0, -1, 4)"}},
                       {net.op("Concat", "anchors", {{"num_args", "2"}, {"dim", "1"}}, boxes)});
    };
    if (!anchors_late) add_boxes();
    for (const auto map : {first, second}) {
      const std::string n = map == first ? "1" : "2";
      const auto head = [&](const std::string& name, std::int64_t filters) {
        const auto conv = net.convolution(name + n, map, 8, filters);
        return net.op("Flatten", name + n + "_flat", {},
                      {net.op("transpose", name + n + "_nhwc", {{"axes", "(0, 2, 3, 1)"}}, {conv})});
      };
      cls.push_back(head("cls", 3 * 3));
      loc.push_back(head("loc", 3 * 4));
    }
    const auto joined = net.op("Concat", "cls_all", {{"num_args", "2"}, {"dim", "1"}}, cls);
    classes = net.op("transpose", "multibox_cls_pred", {{"axes", "(0, 2, 1)"}},
                     {net.op("Reshape", "cls_rows", {{"shape", "(0, -1, 3)"}}, {joined})});
    locations = net.op("Concat", "multibox_loc_pred", {{"num_args", "2"}, {"dim", "1"}}, loc);
    if (anchors_late) add_boxes();
  }

  std::uint32_t detection(std::uint32_t probabilities, const std::string& nms = "0.5") {
    return net.op("_contrib_MultiBoxDetection", "detection",
                  {{"nms_threshold", nms},
                   {"nms_topk", "400"},
                   {"force_suppress", "False"},
                   {"variances", "(0.1, 0.1, 0.2, 0.2)"}},
                  {probabilities, locations, anchors});
  }

  /// The heads of training, with the detection behind a MakeLoss or without it.
  void train(bool with_detection) {
    label = net.variable("label");
    const auto target =
        net.op("_contrib_MultiBoxTarget", "multibox_target",
               {{"negative_mining_ratio", "3"}, {"variances", "(0.1, 0.1, 0.2, 0.2)"}}, {anchors, label, classes});
    const auto probabilities =
        net.op("SoftmaxOutput", "cls_prob", {{"multi_output", "True"}, {"use_ignore", "True"}}, {classes, target});
    net.symbol.nodes.back().inputs[1].output = 2;
    const auto difference = net.op("elemwise_sub", "minus", {}, {locations, target});
    const auto masked = net.op("elemwise_mul", "mul", {}, {target, difference});
    net.symbol.nodes.back().inputs[0].output = 1;
    const auto smooth = net.op("smooth_l1", "loc_loss_", {{"scalar", "1.0"}}, {masked});
    const auto loss = net.op("MakeLoss", "loc_loss", {{"grad_scale", "1.0"}, {"normalization", "valid"}}, {smooth});
    const auto cls_label = net.op("MakeLoss", "cls_label", {{"grad_scale", "0"}}, {target});
    net.symbol.nodes.back().inputs[0].output = 2;
    net.symbol.heads = {{probabilities, 0, 0}, {loss, 0, 0}, {cls_label, 0, 0}};
    if (with_detection) net.head(net.op("MakeLoss", "det_out", {{"grad_scale", "0"}}, {detection(probabilities)}));
  }
  void deploy() { net.symbol.heads = {{detection(net.op("softmax", "cls_prob", {{"axis", "1"}}, {classes})), 0, 0}}; }
};

TEST(Deploy, TrainingSymbolsLoadAsTheNetworkThatDetects) {
  for (const bool with_detection : {false, true}) {
    Ssd train(false), deploy(false);
    train.train(with_detection);
    deploy.deploy();
    EXPECT_TRUE(is_ssd_training(train.net.symbol));
    EXPECT_FALSE(is_ssd_training(deploy.net.symbol));
    EXPECT_EQ(test::difference(optimised(train.net), optimised(deploy.net)), "");
    const Graph graph = optimised(train.net);
    const auto* op = find(graph, "detection").as<MultiBoxDetectionOp>();
    ASSERT_NE(op, nullptr);
    EXPECT_EQ(op->nms_threshold, 0.5F);
    EXPECT_EQ(op->nms_topk, 400);
    EXPECT_EQ(constant(graph, "multibox_anchors").size(), (64U + 16) * 3 * 4);
    for (const Node& node : graph.nodes) EXPECT_EQ(node.as<IdentityOp>(), nullptr) << node.name;
  }
}

TEST(Heads, TransposeAndFlattenBecomeOneNode) {
  Net net(3, 4, 5);
  const auto turned = net.op("transpose", "turned", {{"axes", "(0, 2, 3, 1)"}}, {net.data()});
  net.head(net.op("FullyConnected", "fc", {{"num_hidden", "3"}},
                  {net.op("Flatten", "flat", {}, {turned}), net.param("w", {3, 60}), net.param("b", {3})}));
  const Graph plain = net.graph();
  const Graph fused = optimised(net);
  EXPECT_TRUE(find(fused, "flat").as<FlattenOp>()->channels_last);
  EXPECT_TRUE(find(fused, "flat").answers_to("turned"));
  for (const Node& node : fused.nodes) EXPECT_EQ(node.as<TransposeOp>(), nullptr);
  std::vector<double> pixels(60);
  for (std::size_t i = 0; i < pixels.size(); ++i) pixels[i] = static_cast<double>(i * 37 % 256);
  EXPECT_EQ(test::evaluate(plain, pixels), test::evaluate(fused, pixels));
  auto pair = write_graph(fused);
  EXPECT_EQ(test::difference(fused, build_graph(pair->symbol, pair->params, net.preprocess, "again").value()), "");
}

TEST(Deploy, OptionsWinAndOtherSymbolsAreRefused) {
  Ssd ssd;
  ssd.train(true);
  const DeployOptions options{0.45F, 100, true};
  const Symbol symbol = deploy_symbol(ssd.net.symbol, options, "net").value();
  const SymbolNode& node = symbol.nodes[symbol.heads.at(0).node];
  EXPECT_EQ(node.attrs.at("nms_threshold"), "0.45");
  EXPECT_EQ(node.attrs.at("nms_topk"), "100");
  EXPECT_EQ(node.attrs.at("force_suppress"), "True");
  Net plain;
  plain.head(plain.relu("r", plain.data()));
  const auto refused = deploy_symbol(plain.symbol, {}, "plain");
  EXPECT_THAT(to_string(refused.error()), testing::AllOf(HasSubstr("plain"), HasSubstr("no SSD network")));
  // Without location predictions the loss is not that of SSD.
  Ssd odd;
  odd.train(false);
  for (SymbolNode& n : odd.net.symbol.nodes) {
    if (n.name == "minus") n.op = "elemwise_add";
  }
  EXPECT_THAT(to_string(deploy_symbol(odd.net.symbol, {}, "odd").error()), HasSubstr("nothing subtracts"));
}

TEST(Deploy, APairIsWrittenWithWhatItNeeds) {
  const test::TempFolder folder;
  Ssd ssd(true);
  ssd.train(false);
  const auto prefix = folder / "train";
  ASSERT_TRUE(write_file(prefix.string() + "-symbol.json", bytes_of(write_symbol(ssd.net.symbol))));
  ParamMap params = ssd.net.params;
  params["label"] = {NamedTensor::Role::arg, Tensor::create(DType::f32, {1, 2, 5}).value()};
  ASSERT_TRUE(write_file(prefix.string() + "-0007.params", write_params(params)));
  Preprocess preprocess = ssd.net.preprocess;
  preprocess.resize = ResizeMode::warp;
  preprocess.labels = "names.txt";
  ASSERT_TRUE(write_file(folder / "names.txt", bytes_of("cat\ndog\n")));
  ASSERT_TRUE(write_file(prefix.string() + "-preprocess.json", bytes_of(write_preprocess(preprocess))));
  std::filesystem::create_directory(folder / "out");
  const auto output = folder / "out/deploy";
  const auto done = deploy_model(prefix, -1, {{}, 200, {}}, output);
  ASSERT_TRUE(done) << to_string(done.error());

  const Symbol symbol = parse_symbol(read_text_file(output.string() + "-symbol.json", 1 << 20).value(), "out").value();
  EXPECT_EQ(symbol.heads.size(), 1U);
  for (const SymbolNode& node : symbol.nodes) {
    EXPECT_THAT(node.name, testing::Not(testing::AnyOf("label", "multibox_target", "loc_loss", "minus")));
  }
  EXPECT_FALSE(is_ssd_training(symbol));
  const auto kept = parse_params(read_file(output.string() + "-0007.params", 1 << 24).value(), "out").value();
  EXPECT_EQ(kept.size(), ssd.net.params.size());
  EXPECT_FALSE(kept.contains("label"));
  const Model model = load_model(output).value();
  EXPECT_THAT(model.labels, ElementsAre("cat", "dog"));
  EXPECT_EQ(find(model.graph, "detection").as<MultiBoxDetectionOp>()->nms_topk, 200);
  EXPECT_EQ(deploy_model(folder / "none", -1, {}, output).error().code, ErrorCode::not_found);
}

TEST(BoxNms, DefaultsAndRowsThatDoNotFit) {
  const auto parsed = parse_operator({"_contrib_box_nms", "n", {}, {{}}, {}});
  ASSERT_TRUE(parsed);
  const auto& op = std::get<BoxNmsOp>(parsed->op);
  EXPECT_EQ(op.overlap_thresh, 0.5F);
  EXPECT_EQ(op.valid_thresh, 0);
  EXPECT_EQ(op.topk, -1);
  EXPECT_EQ(op.coord_start, 2);
  EXPECT_EQ(op.score_index, 1);
  EXPECT_EQ(op.id_index, -1);
  EXPECT_EQ(op.background_id, -1);
  EXPECT_FALSE(op.force_suppress);
  EXPECT_EQ(op.in_format, BoxFormat::corner);
  EXPECT_EQ(op.out_format, BoxFormat::corner);
  const auto build = [](const test::Attributes& attributes) {
    Net net(3, 4, 6);
    const auto rows = net.op("Reshape", "rows", {{"shape", "(0, -1, 6)"}}, {net.data()});
    net.head(net.op("box_nms", "n", attributes, {rows}));
    return net.build();
  };
  EXPECT_TRUE(build({{"id_index", "0"}, {"in_format", "center"}, {"topk", "5"}}));
  EXPECT_FALSE(build({{"coord_start", "3"}}));
  EXPECT_FALSE(build({{"score_index", "2"}}));
  EXPECT_FALSE(build({{"id_index", "1"}}));
  EXPECT_FALSE(build({{"id_index", "6"}}));
}

TEST(L2Normalization, DefaultsAndModes) {
  const auto mode = [](const test::Attributes& attributes) {
    const auto parsed = parse_operator({"L2Normalization", "n", attributes, {{}}, {}});
    return parsed ? std::get<L2NormalizationOp>(parsed->op).mode : L2Mode::instance;
  };
  EXPECT_EQ(mode({}), L2Mode::instance);
  EXPECT_EQ(mode({{"mode", "channel"}, {"eps", "1e-5"}}), L2Mode::channel);
  EXPECT_EQ(mode({{"mode", "spatial"}}), L2Mode::spatial);
  EXPECT_FALSE(parse_operator({"L2Normalization", "n", {{"mode", "batch"}}, {{}}, {}}));
  EXPECT_FALSE(parse_operator({"L2Normalization", "n", {{"eps", "-1"}}, {{}}, {}}));
}

TEST(SsdOperators, SurviveBeingWritten) {
  Net net(3, 8, 8);
  const auto norm = net.op("L2Normalization", "norm", {{"mode", "channel"}}, {net.data()});
  const auto cut =
      net.op("slice", "cut", {{"begin", "(None, 1)"}, {"end", "(None, None)"}, {"step", "(1, 2)"}}, {norm});
  const auto rows = net.op("Reshape", "rows", {{"shape", "(0, -1, 8)"}}, {cut});
  const auto nms =
      net.op("_contrib_box_nms", "nms", {{"topk", "3"}, {"id_index", "0"}, {"overlap_thresh", "0.45"}}, {rows});
  net.head(net.op("slice_axis", "few", {{"axis", "-2"}, {"begin", "0"}, {"end", "4"}}, {nms}));
  const Graph graph = net.graph();
  auto pair = write_graph(graph);
  ASSERT_TRUE(pair) << to_string(pair.error());
  const auto again = build_graph(pair->symbol, pair->params, net.preprocess, "again");
  ASSERT_TRUE(again) << to_string(again.error());
  EXPECT_EQ(test::difference(graph, *again), "");
}

}  // namespace
}  // namespace octet
