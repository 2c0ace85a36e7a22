#include "octet/calibrator/lift.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <stdexcept>

#include "calibrator/network.h"
#include "calibrator/pictures.h"
#include "octet/calibrator/calibrate.h"
#include "octet/calibrator/picture_store.h"
#include "octet/graph/passes.h"

namespace octet {
namespace {

using test::Network;
using test::noise;
using test::Pictures;

/// Leaky ReLU throughout: padded, strided and 1x1 readers, max pooling in between.
Model leaky_model() {
  Network net;
  ValueRef x = net.image({1, 3, 16, 16}, {104, 117, 123}, {60, 60, 60});
  x = net.convolution("a", x, 16);
  net.fuse(x, EltwiseKind::leaky_relu, 0.1F);
  x = net.convolution("b", net.max_pool("p", x), 24);
  net.fuse(x, EltwiseKind::leaky_relu, 0.1F);
  x = net.convolution("c", x, 16, 1, 0);
  net.fuse(x, EltwiseKind::leaky_relu, 0.1F);
  x = net.convolution("d", x, 24, 3, 1, 2);
  net.fuse(x, EltwiseKind::leaky_relu, 0.1F);
  net.output(net.fully_connected("fc", net.flatten("f", x), 10));
  for (Node& node : net.graph.nodes) {  // activations of about one size throughout
    if (node.params.empty()) continue;
    const std::span<float> weight = node.params[0].value.mutable_as<float>();
    const float size = static_cast<float>(weight.size()) / static_cast<float>(node.params[0].value.shape()[0]);
    for (float& w : weight) w /= std::sqrt(size);
  }
  Model model;
  model.graph = std::move(net.graph);
  model.name = "leaky";
  return model;
}

const Node& named(const Graph& graph, const std::string& name) {
  for (const Node& node : graph.nodes) {
    if (node.name == name) return node;
  }
  throw std::runtime_error(name);
}

double error_of(const std::vector<std::vector<float>>& f32, const std::vector<std::vector<float>>& other) {
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) {
    for (std::size_t k = 0; k < f32[i].size(); ++k) {
      const double x = static_cast<double>(f32[i][k]), y = static_cast<double>(other[i][k]);
      signal += x * x;
      error += (x - y) * (x - y);
    }
  }
  return error / signal;
}

/// The optimised float graph and what the sample says of it.
struct Sampled {
  Graph graph;
  Regions regions;
  std::vector<DType> dtypes;
  std::vector<float> min, max;

  explicit Sampled(Graph plain, float low = -0.5F) : graph(std::move(plain)) {
    optimize(graph).value();
    regions = find_regions(graph, {});
    min.assign(graph.nodes.size(), low);
    max.assign(graph.nodes.size(), 5);
    dtypes = group_dtypes(regions, min, ActivationType::automatic);
  }
};

TEST(LiftValues, LeavesTheFunctionOfTheNetworkAsItWas) {
  const Model model = leaky_model();
  Sampled s(model.graph, -2.4F);  // beyond what these weights yield: nothing is cut off
  const Graph before = s.graph;
  std::vector<NodeId> moved;
  std::vector<Lift> lifts = lift_values(s.regions, s.dtypes, s.min, s.max, s.graph, moved);
  ASSERT_EQ(lifts.size(), 4U);
  ASSERT_TRUE(validate(s.graph));
  EXPECT_EQ(moved.size(), before.nodes.size());
  for (std::size_t i = 0; i < moved.size(); ++i) {
    EXPECT_EQ(s.graph.nodes[static_cast<std::size_t>(moved[i])].name, before.nodes[i].name);
  }
  const Pictures pictures = noise(4, 16);
  const auto want = test::run(Plan::compile(before).value(), pictures);
  EXPECT_LT(error_of(want, test::run(Plan::compile(s.graph).value(), pictures)), 1e-9);

  const Regions regions = find_regions(s.graph, {});
  round_lifts(regions, std::vector<Storage>(regions.sources.size(), {DType::u8, 0.35F}), lifts, s.graph);
  for (const Lift& lift : lifts) EXPECT_FLOAT_EQ(static_cast<float>(lift.lift), 7 * 0.35F);
  EXPECT_LT(error_of(want, test::run(Plan::compile(s.graph).value(), pictures)), 1e-9);
}

TEST(LiftValues, TellsWhereAndByHowMuch) {
  Sampled s(leaky_model().graph);
  std::vector<NodeId> moved;
  lift_values(s.regions, s.dtypes, s.min, s.max, s.graph, moved);
  const std::vector<double> lifts = lifts_of(s.graph);
  for (std::size_t i = 0; i < lifts.size(); ++i) {
    const std::string& name = s.graph.nodes[i].name;
    const bool lifted = name != "data" && name != "data_normalize" && name != "fc";
    EXPECT_EQ(lifts[i], lifted ? 0.5 : 0) << name;
  }
  EXPECT_EQ(named(s.graph, "b").post_ops.size(), 3U);
  EXPECT_EQ(named(s.graph, "b").as<ConvolutionOp>()->pad, Padding{});
  EXPECT_EQ(named(s.graph, "b_padded").as<PadOp>()->value, 0.5F);
}

TEST(LiftValues, OnlyWhereTheNegativeSideIsShort) {
  Sampled s(leaky_model().graph, -2.6F);  // of 5
  std::vector<NodeId> moved;
  EXPECT_TRUE(lift_values(s.regions, s.dtypes, s.min, s.max, s.graph, moved).empty());
}

TEST(LiftValues, NotWhereOthersThanLayersRead) {
  Network net;
  const ValueRef image = net.image({1, 3, 16, 16}, {104, 117, 123}, {60, 60, 60});
  const ValueRef a = net.convolution("a", image, 16);
  net.fuse(a, EltwiseKind::leaky_relu, 0.1F);
  const ValueRef b = net.convolution("b", a, 16);
  net.fuse(b, EltwiseKind::leaky_relu, 0.1F);
  net.output(net.average("mean", b));
  Sampled s(std::move(net.graph));
  std::vector<NodeId> moved;
  const std::vector<Lift> lifts = lift_values(s.regions, s.dtypes, s.min, s.max, s.graph, moved);
  ASSERT_EQ(lifts.size(), 1U) << "b is averaged";
  EXPECT_EQ(s.graph.nodes[static_cast<std::size_t>(lifts[0].sources[0])].name, "a");
}

TEST(Calibrate, StoresLeakyValuesUnsignedAndErrsLess) {
  const Model model = leaky_model();
  const Pictures sample = noise(20, 16), all = noise(60, 16);
  const Pictures judged = test::select(all, [](std::size_t i) { return i >= 20; });
  const CalibratedModel lifted = calibrate(model, {}, test::source_of(sample)).value();
  CalibrationOptions plain;
  plain.dtype = ActivationType::s8;
  const CalibratedModel signed_values = calibrate(model, plain, test::source_of(sample)).value();
  for (const char* name : {"a", "b", "c", "d", "b_padded", "d_padded"}) {
    EXPECT_EQ(named(lifted.model.graph, name).outputs[0].dtype, DType::u8) << name;
  }
  const auto f32 = test::run(test::float_plan(model), judged);
  const auto error = [&](const Model& int8) {
    return error_of(f32, test::run(Plan::compile(int8.graph).value(), judged));
  };
  EXPECT_LT(error(lifted.model), 0.7 * error(signed_values.model));
}

}  // namespace
}  // namespace octet
