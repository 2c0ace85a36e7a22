// Calibration by the error at the outputs: equalisation, refined weights, and the figures of damage.
#include <gtest/gtest.h>

#include <cmath>
#include <map>

#include "calibrator/network.h"
#include "calibrator/pictures.h"
#include "octet/calibrator/balance.h"
#include "octet/calibrator/damage.h"
#include "octet/calibrator/quantize.h"

namespace octet {
namespace {

using test::Network;
using test::noise;
using test::Pictures;

PictureStore store_of(const Pictures& pictures) {
  PictureStore store(pictures.bytes(), 64);
  for (std::size_t i = 0; i < pictures.count(); ++i) {
    store.add(std::span(pictures.pixels).subspan(i * pictures.bytes(), pictures.bytes()));
  }
  return store;
}

/// Layers whose channels differ widely in range, joined by everything that keeps scales.
Model uneven_model() {
  Network net;
  ValueRef x = net.image({1, 3, 12, 12}, {104, 117, 123}, {60, 60, 60});
  const ValueRef a = net.convolution("a", x, 8);
  const ValueRef b = net.convolution("b", x, 4, 1, 0);
  for (const ValueRef layer : {a, b}) {
    net.fuse(layer, EltwiseKind::leaky_relu, 0.1F);
    for (Parameter& parameter : net.node(layer).params) {
      const std::span<float> values = parameter.value.mutable_as<float>();
      const std::size_t row = values.size() / static_cast<std::size_t>(parameter.value.shape()[0]);
      for (std::size_t i = 0; i < values.size(); ++i) values[i] *= std::pow(0.45F, static_cast<float>(i / row));
    }
  }
  const ValueRef joined = net.max_pool("p", net.concat("cat", {a, b}));
  const ValueRef c = net.convolution("c", joined, 6);
  const std::span<float> weight = net.node(c).params[0].value.mutable_as<float>();
  for (std::size_t i = 0; i < weight.size(); ++i) {  // small channels matter as much as large ones
    const std::size_t channel = i / 9 % 12;
    weight[i] *= std::pow(0.45F, -static_cast<float>(channel < 8 ? channel : channel - 8));
  }
  net.fuse(c, EltwiseKind::relu);
  net.output(net.fully_connected("fc", net.flatten("f", c), 10));
  Model model;
  model.graph = std::move(net.graph);
  model.name = "uneven";
  return model;
}

double sqnr(const std::vector<std::vector<float>>& f32, const std::vector<std::vector<float>>& other) {
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) {
    for (std::size_t k = 0; k < f32[i].size(); ++k) {
      signal += std::pow(f32[i][k], 2);
      error += std::pow(f32[i][k] - other[i][k], 2);
    }
  }
  return 10 * std::log10(signal / error);
}

TEST(Balance, KeepsTheFunctionAndNarrowsRanges) {
  const Pictures pictures = noise(8, 12);
  Graph graph = uneven_model().graph;
  const auto before = test::run(Plan::compile(graph).value(), pictures);
  const Regions regions = find_regions(graph, {});
  const std::vector<GroupValues> groups(regions.sources.size(), {127, 8, false});
  const auto changed = balance(regions, groups, store_of(pictures), 0, graph).value();
  ASSERT_FALSE(changed.empty());
  EXPECT_GT(sqnr(before, test::run(Plan::compile(graph).value(), pictures)), 100);
}

TEST(Balance, LeavesResidualSumsAndClipsAlone) {
  Network net;
  ValueRef x = net.image({1, 3, 8, 8}, {104, 117, 123}, {60, 60, 60});
  x = net.convolution("c1", x, 8);
  net.fuse(x, EltwiseKind::clip, 0, 6);
  const ValueRef y = net.convolution("c2", x, 8);
  net.fuse_sum(y, x);
  net.output(net.convolution("c3", y, 4));
  const Regions regions = find_regions(net.graph, {});
  const std::vector<GroupValues> groups(regions.sources.size(), {255, 8, false});
  EXPECT_TRUE(balance(regions, groups, store_of(noise(4, 8)), 0, net.graph).value().empty());
}

TEST(AutomaticMode, LosesLessThanThresholdsAlone) {
  const Model model = uneven_model();
  const Pictures sample = noise(24, 12);
  Pictures judged = noise(48, 12);
  judged.pixels.erase(judged.pixels.begin(), judged.pixels.begin() + static_cast<std::ptrdiff_t>(24 * judged.bytes()));
  judged.labels.resize(24);
  const auto f32 = test::run(test::float_plan(model), judged);
  const auto with = [&](CalibrationMode mode) {
    CalibrationOptions options;
    options.mode = mode;
    const CalibratedModel calibrated = calibrate(model, options, test::source_of(sample)).value();
    return sqnr(f32, test::run(Plan::compile(calibrated.model.graph).value(), judged));
  };
  EXPECT_GT(with(CalibrationMode::automatic), with(CalibrationMode::mse));
}

TEST(Damage, IsNoneAgainstTheGraphItself) {
  const Pictures pictures = noise(5, 12);
  Graph graph = uneven_model().graph;
  const auto damage = measure_damage(graph, graph, store_of(pictures), 0).value();
  ASSERT_GE(damage.size(), 7U);
  for (const ValueDamage& value : damage) {
    EXPECT_EQ(value.sqnr, 200) << value.name;
    EXPECT_NEAR(value.cosine, 1, 1e-9) << value.name;
    EXPECT_EQ(value.clipped, 0) << value.name;
  }
}

TEST(Damage, ShowsWhatClippingDoes) {
  const Model model = uneven_model();
  const Pictures pictures = noise(6, 12);
  CalibrationOptions options;
  options.measure_damage = true;
  options.mode = CalibrationMode::naive;
  const auto naive = calibrate(model, options, test::source_of(pictures)).value().report.damage;
  options.mode = CalibrationMode::percentile;
  options.percentile = 90;
  const auto clipped = calibrate(model, options, test::source_of(pictures)).value().report.damage;
  ASSERT_EQ(naive.size(), clipped.size());
  double most = 0;
  for (std::size_t i = 0; i < naive.size(); ++i) {
    EXPECT_EQ(naive[i].clipped, 0) << naive[i].name;
    most = std::max(most, clipped[i].clipped);
  }
  EXPECT_GT(most, 0.02);
}

TEST(Damage, IsMeasuredOnPicturesThatDidNotCalibrate) {
  const Model model = uneven_model();
  const Pictures pictures = noise(6, 12), others = noise(7, 12);
  CalibrationOptions options;
  options.measure_damage = true;
  options.exclude = {"b"};
  const CalibrationReport own = calibrate(model, options, test::source_of(pictures)).value().report;
  EXPECT_FALSE(own.damage_held_out);
  EXPECT_EQ(own.damage_pictures, pictures.count());
  options.judged = test::source_of(others);
  const CalibrationReport held_out = calibrate(model, options, test::source_of(pictures)).value().report;
  EXPECT_TRUE(held_out.damage_held_out);
  EXPECT_EQ(held_out.damage_pictures, others.count());
  ASSERT_EQ(held_out.damage.size(), own.damage.size());
  EXPECT_NE(held_out.damage.back().sqnr, own.damage.back().sqnr);
  std::map<std::string, const ValueDamage*> layers;
  for (const ValueDamage& value : held_out.damage) layers[value.name] = &value;
  ASSERT_TRUE(layers.contains("a") && layers.contains("b"));
  EXPECT_TRUE(layers["a"]->int8);
  EXPECT_EQ(layers["a"]->op, "Convolution");
  EXPECT_EQ(layers["a"]->input_sqnr, 200);  // reads the pixels
  EXPECT_FALSE(layers["b"]->int8);
  EXPECT_GT(layers["b"]->sqnr, layers["a"]->sqnr);
  EXPECT_LT(held_out.damage.back().input_sqnr, 200);
  for (const auto& [name, range] : held_out.ranges) {
    ASSERT_TRUE(held_out.histograms.contains(name));
    EXPECT_GE(held_out.histograms.at(name).bin_width * 128, range.max);
  }
}

TEST(PictureStore, KeepsAFewSpreadEvenly) {
  PictureStore store(1, 8);
  for (int i = 0; i < 100; ++i) {
    const std::uint8_t pixel = static_cast<std::uint8_t>(i);
    store.add({&pixel, 1});
  }
  ASSERT_EQ(store.count(), 7U);
  for (std::size_t i = 0; i < store.count(); ++i) EXPECT_EQ(store[i][0], 16 * i);
}

}  // namespace
}  // namespace octet
