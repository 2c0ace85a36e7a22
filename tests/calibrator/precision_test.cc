#include "octet/calibrator/precision.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>

#include "calibrator/network.h"
#include "calibrator/pictures.h"
#include "octet/calibrator/layer_gain.h"
#include "support/assets.h"

namespace octet {
namespace {

using test::Network;
using test::Pictures;

constexpr std::int64_t kSide = 8;

Pictures noise(std::size_t count) {
  Pictures pictures{kSide, kSide, 3, {}, std::vector<int>(count)};
  std::mt19937 random(7);
  pictures.pixels.resize(count * pictures.bytes());
  for (std::uint8_t& pixel : pictures.pixels) pixel = static_cast<std::uint8_t>(random() % 256);
  return pictures;
}

void scale_weights(Parameter& weight, std::size_t first, std::size_t count, float factor) {
  const std::span<float> values = weight.value.mutable_as<float>();
  for (std::size_t i = first; i < first + count; ++i) values[i] *= factor;
}

/// Five layers. In `hard` ones, two channels of c3 are a thousand times larger than the others, and fc reads them as
/// much smaller: the function is harmless, but one scale for all channels of c3 leaves the others no bits. A function
/// that is not homogeneous stands between them, so that equalisation does not undo it.
Model network(bool hard) {
  Network net(11);
  ValueRef x = net.image({1, 3, kSide, kSide}, {127, 127, 127}, {60, 60, 60});
  for (const char* name : {"c1", "c2", "c3", "c4"}) {
    x = net.convolution(name, x, 16);
    scale_weights(net.node(x).params[0], 0, net.node(x).params[0].value.elements(), name[1] == '1' ? 0.2F : 0.08F);
    if (hard && name == std::string("c3")) {
      scale_weights(net.node(x).params[0], 0, 2 * 16 * 9, 1000);
      net.fuse(x, EltwiseKind::clip, -1e6F, 1e6F);
    } else {
      net.fuse(x, EltwiseKind::relu);
    }
    if (hard && name == std::string("c4")) {
      const std::span<float> weight = net.node(x).params[0].value.mutable_as<float>();
      for (std::size_t i = 0; i < weight.size(); ++i) {
        if (i / 9 % 16 < 2) weight[i] /= 1000;
      }
    }
  }
  x = net.fully_connected("fc", net.flatten("f", x), 10);
  net.output(net.softmax("softmax", x));
  for (Node& node : net.graph.nodes) {  // no class may win by its bias
    if (!node.params.empty()) scale_weights(node.params[1], 0, node.params[1].value.elements(), 0.1F);
  }
  Model model;
  model.graph = std::move(net.graph);
  model.name = "network";
  return model;
}

std::vector<std::string> float_layers(const PrecisionReport& report) {
  std::vector<std::string> names;
  for (std::size_t i = 1; i <= report.best; ++i) names.push_back(report.steps[i].layer);
  return names;
}

double agreement(const Model& f32, const Graph& int8, const Pictures& pictures) {
  return test::compare(test::run(test::float_plan(f32), pictures), test::run(Plan::compile(int8).value(), pictures),
                       pictures.labels)
      .agreement;
}

PrecisionOptions at_least(double percent, int max_float = 3) {
  PrecisionOptions options;
  options.min_agreement = percent;
  options.max_float = max_float;
  return options;
}

BoundedModel within(const Model& model, const PrecisionOptions& options, const Pictures& pictures) {
  return calibrate_within(model, {}, options, test::source_of(pictures)).value();
}

TEST(Precision, AnEasyBoundLeavesAllLayersInInt8) {
  const BoundedModel result = within(network(false), at_least(50), noise(60));
  const PrecisionReport& report = *result.calibrated.report.precision;
  EXPECT_TRUE(report.met);
  EXPECT_EQ(report.steps.size(), 1U);
  EXPECT_TRUE(report.ranking.empty());
  EXPECT_EQ(result.calibrated.report.f32_nodes, 1);  // softmax
  // The model is that of calibrate().
  const CalibratedModel plain = calibrate(network(false), {}, test::source_of(noise(60))).value();
  EXPECT_EQ(dump(plain.model.graph), dump(result.calibrated.model.graph));
}

TEST(Precision, FindsTheLayerThatWasMadeHard) {
  const Model model = network(true);
  const Pictures pictures = noise(90);
  const Pictures fresh = test::select(noise(400), [](std::size_t i) { return i >= 90; });
  const double before = agreement(model, calibrate(model, {}, test::source_of(pictures)).value().model.graph, fresh);
  const BoundedModel result = within(model, at_least(97), pictures);
  const PrecisionReport& report = *result.calibrated.report.precision;
  EXPECT_TRUE(report.met);
  ASSERT_FALSE(report.ranking.empty());
  // What reads the exploding range is as good as what makes it.
  EXPECT_TRUE(report.ranking[0].name == "c4" || report.ranking[0].name == "c3") << report.ranking[0].name;
  EXPECT_GT(report.ranking[0].gain, 6);
  EXPECT_LE(float_layers(report).size(), 3U);
  const double after = agreement(model, result.calibrated.model.graph, fresh);
  RecordProperty("before", std::to_string(before));
  RecordProperty("after", std::to_string(after));
  EXPECT_LT(before, 90);
  EXPECT_GE(after, 97);
}

TEST(Precision, LabelsBoundTheDrop) {
  const Model model = network(true);
  Pictures pictures = noise(90);
  const auto f32 = test::run(test::float_plan(model), pictures);
  for (std::size_t i = 0; i < f32.size(); ++i) pictures.labels[i] = test::best_class(f32[i]);
  PrecisionOptions options;
  options.max_drop = 3;
  options.label = [&](std::size_t i) { return pictures.labels.at(i); };
  const BoundedModel result = within(model, options, pictures);
  const PrecisionReport& report = *result.calibrated.report.precision;
  EXPECT_TRUE(report.met);
  ASSERT_GT(report.steps.size(), 1U);
  EXPECT_GT(report.steps[0].match.drop.value(), 3);
  EXPECT_LE(report.steps.back().match.drop.value(), 3);
  // The labels are the float network's answers: what is lost is what does not agree.
  for (const PrecisionStep& step : report.steps) {
    EXPECT_NEAR(step.match.drop.value(), 100 - step.match.agreement, 1e-6);
  }
  options.label = nullptr;
  const auto unlabelled = calibrate_within(model, {}, options, test::source_of(pictures));
  ASSERT_FALSE(unlabelled);
  EXPECT_EQ(unlabelled.error().code, ErrorCode::usage);
}

Node& node_named(Graph& graph, const std::string& name) {
  return *std::find_if(graph.nodes.begin(), graph.nodes.end(), [&](const Node& node) { return node.name == name; });
}

/// Multiplies what eight filters of `layer` yield; `reader`, which sees them as its first channels, takes it out again.
void explode(Graph& graph, const std::string& layer, const std::string& reader, float factor) {
  constexpr std::size_t kFilters = 8;
  for (Parameter& parameter : node_named(graph, layer).params) {
    const std::size_t row = parameter.value.elements() / static_cast<std::size_t>(parameter.value.shape()[0]);
    scale_weights(parameter, 0, kFilters * row, factor);
  }
  Parameter& weight = node_named(graph, reader).params[0];
  const auto inputs = static_cast<std::size_t>(weight.value.shape()[1]);  // the reader is 1 x 1
  for (std::size_t i = 0; i < weight.value.elements(); i += inputs) scale_weights(weight, i, kFilters, 1 / factor);
}

TEST(Precision, FindsTheLayerOfARealNetworkThatWasMadeHard) {
  OCTET_REQUIRE_ASSETS();
  Model model = load_model(test::assets() / "models" / "squeezenet_v1.1" / "squeezenet_v1.1").value();
  explode(model.graph, "fire5_expand1x1", "fire6_squeeze1x1", 1000);
  const Pictures all = test::load_pictures(test::assets() / "images" / "imagenet300", model.preprocess);
  const Pictures sample = test::select(all, [](std::size_t i) { return i % 10 == 0; });
  const Pictures rest = test::select(all, [](std::size_t i) { return i % 5 == 1; });
  CalibrationOptions mse;
  mse.mode = CalibrationMode::mse;  // auto needs a minute
  PrecisionOptions options;
  options.max_drop = 2;
  options.max_float = 3;
  options.label = [&](std::size_t i) { return sample.labels.at(i); };
  const BoundedModel result = calibrate_within(model, mse, options, test::source_of(sample)).value();
  const PrecisionReport& report = *result.calibrated.report.precision;
  EXPECT_TRUE(report.met);
  ASSERT_FALSE(float_layers(report).empty());
  EXPECT_EQ(float_layers(report)[0], "fire6_squeeze1x1");
  EXPECT_GT(report.steps[0].match.drop.value(), 10);
  EXPECT_LE(report.steps[report.best].match.drop.value(), 2);
  const auto f32 = test::run(test::float_plan(model), rest);
  const auto top1_drop = [&](const Graph& graph) {
    const test::Accuracy seen = test::compare(f32, test::run(Plan::compile(graph).value(), rest), rest.labels);
    return seen.top1_f32 - seen.top1_int8;
  };
  const double before = top1_drop(calibrate(model, mse, test::source_of(sample)).value().model.graph);
  const double after = top1_drop(result.calibrated.model.graph);
  RecordProperty("before", std::to_string(before));
  RecordProperty("after", std::to_string(after));
  EXPECT_GT(before, 10);
  EXPECT_LE(after, 5);  // three pictures of 60
}

TEST(Precision, ABoundThatCannotBeMetYieldsTheBestModel) {
  const BoundedModel result = within(network(true), at_least(99.99, 1), noise(60));
  const PrecisionReport& report = *result.calibrated.report.precision;
  EXPECT_FALSE(report.met);
  ASSERT_EQ(report.steps.size(), 2U);
  EXPECT_EQ(report.best, 1U);
  EXPECT_GT(report.steps[1].match.agreement, report.steps[0].match.agreement);
  EXPECT_GE(result.calibrated.report.f32_nodes, 2);  // softmax, the layer, and what it leaves alone
}

TEST(Precision, AStoppedSearchGoesOnWhereItWas) {
  const Model model = network(true);
  const Pictures pictures = noise(60);
  PrecisionOptions options = at_least(99.99, 2);
  const BoundedModel whole = within(model, options, pictures);
  PrecisionReport reached;
  int better_models = 0;
  options.checkpoint = [&](const PrecisionReport& report, const Model* better) -> Result<void> {
    reached = report;
    if (better != nullptr) ++better_models;
    return {};
  };
  options.stopped = [&] { return reached.steps.size() == 2; };
  const auto stopped = calibrate_within(model, {}, options, test::source_of(pictures));
  ASSERT_FALSE(stopped);
  EXPECT_EQ(stopped.error().code, ErrorCode::cancelled);
  ASSERT_EQ(reached.steps.size(), 2U);
  EXPECT_GE(better_models, 1);
  options.stopped = nullptr;
  options.resume = [reached] { return reached; };
  int steps = 0;
  options.checkpoint = [&](const PrecisionReport&, const Model*) -> Result<void> {
    ++steps;
    return {};
  };
  const BoundedModel resumed = within(model, options, pictures);
  EXPECT_EQ(steps, 1);
  EXPECT_EQ(dump(resumed.calibrated.model.graph), dump(whole.calibrated.model.graph));
  EXPECT_EQ(float_layers(*resumed.calibrated.report.precision), float_layers(*whole.calibrated.report.precision));
}

TEST(Precision, BoundsOutOfRangeAreUsageErrors) {
  const Pictures pictures = noise(30), few = noise(11);
  const auto code = [&](const PrecisionOptions& options, const Pictures& sample) {
    const auto result = calibrate_within(network(false), {}, options, test::source_of(sample));
    return result ? ErrorCode::internal : result.error().code;
  };
  EXPECT_EQ(code({}, pictures), ErrorCode::usage);
  EXPECT_EQ(code(at_least(0), pictures), ErrorCode::usage);
  EXPECT_EQ(code(at_least(100.5), pictures), ErrorCode::usage);
  EXPECT_EQ(code(at_least(90, -1), pictures), ErrorCode::usage);
  EXPECT_EQ(code(at_least(90), few), ErrorCode::usage);
}

}  // namespace
}  // namespace octet
