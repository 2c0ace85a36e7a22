#include "octet/calibrator/calibrate.h"

#include <gtest/gtest.h>
#include <tbb/task_arena.h>

#include <cmath>

#include "calibrator/network.h"
#include "calibrator/pictures.h"
#include "octet/executor/context.h"

namespace octet {
namespace {

using test::Network;
using test::noise;
using test::Pictures;

/// A residual block with every kind of value, and a classifier.
Model small_model() {
  Network net;
  ValueRef x = net.image({1, 3, 12, 12}, {104, 117, 123}, {60, 60, 60});
  x = net.convolution("c1", x, 8);
  net.fuse(x, EltwiseKind::relu);
  const ValueRef shortcut = net.convolution("shortcut", x, 8, 1, 0);
  ValueRef y = net.convolution("c2", x, 8);
  net.fuse_sum(y, shortcut);
  net.fuse(y, EltwiseKind::relu);
  const ValueRef a = net.convolution("a", y, 8, 1, 0);
  net.fuse(a, EltwiseKind::leaky_relu, 0.1F);
  const ValueRef b = net.max_pool("p", net.concat("cat", {a, y}));
  net.output(net.fully_connected("fc", net.flatten("f", net.average("gap", b)), 10));
  Model model;
  model.graph = std::move(net.graph);
  model.name = "small";
  model.labels = {"zero", "one"};
  return model;
}

CalibratedModel calibrated(const Model& model, const Pictures& pictures, const CalibrationOptions& options = {},
                           std::int64_t at_most = 1000) {
  return calibrate(model, options, test::source_of(pictures, at_most)).value();
}

bool same_params(const Graph& a, const Graph& b) {
  if (a.nodes.size() != b.nodes.size()) return false;
  for (std::size_t i = 0; i < a.nodes.size(); ++i) {
    for (std::size_t k = 0; k < a.nodes[i].params.size(); ++k) {
      const Parameter& p = a.nodes[i].params[k];
      const Parameter& q = b.nodes[i].params[k];
      if (p.scale != q.scale || !std::ranges::equal(p.value.bytes(), q.value.bytes())) return false;
    }
  }
  return true;
}

TEST(Calibrate, Int8IsCloseToFloat) {
  const Model model = small_model();
  const Pictures pictures = noise(12, 12);
  const CalibratedModel result = calibrated(model, pictures);
  EXPECT_EQ(result.report.images, 12);
  EXPECT_TRUE(result.model.graph.quantized());
  EXPECT_FALSE(model.graph.quantized());
  const auto f32 = test::run(test::float_plan(model), pictures);
  const auto int8 = test::run(Plan::compile(result.model.graph).value(), pictures);
  double signal = 0, error = 0;
  for (std::size_t i = 0; i < f32.size(); ++i) {
    for (std::size_t k = 0; k < f32[i].size(); ++k) {
      signal += std::pow(f32[i][k], 2);
      error += std::pow(f32[i][k] - int8[i][k], 2);
    }
  }
  EXPECT_GT(10 * std::log10(signal / error), 30);  // dB
}

TEST(Calibrate, DoesNotDependOnThreadsOrBlocks) {
  const Model model = small_model();
  const Pictures pictures = noise(37, 12);
  for (const CalibrationMode mode :
       {CalibrationMode::naive, CalibrationMode::entropy, CalibrationMode::percentile, CalibrationMode::mse}) {
    CalibrationOptions options;
    options.mode = mode;
    options.threads = 1;
    const CalibratedModel one = calibrated(model, pictures, options);
    for (const int threads : {2, 4}) {
      tbb::task_arena arena(threads);
      options.threads = threads == 4 ? 0 : threads;
      const CalibratedModel many = arena.execute([&] { return calibrated(model, pictures, options, 5); });
      EXPECT_EQ(dump(many.model.graph), dump(one.model.graph));
      EXPECT_TRUE(same_params(many.model.graph, one.model.graph));
      for (const auto& [name, range] : one.report.ranges) {
        EXPECT_EQ(many.report.ranges.at(name).threshold, range.threshold);
        EXPECT_EQ(many.report.ranges.at(name).min, range.min);
      }
    }
  }
}

TEST(Calibrate, ReportsRangesAndOrigin) {
  const Pictures pictures = noise(3, 12);
  CalibrationOptions options;
  options.mode = CalibrationMode::percentile;
  options.percentile = 99.5;
  options.exclude = {"a"};
  const CalibratedModel result = calibrated(small_model(), pictures, options);
  EXPECT_EQ(result.model.provenance.at("calibration_mode"), "percentile");
  EXPECT_EQ(result.model.provenance.at("calibration_images"), "3");
  EXPECT_EQ(result.model.provenance.at("calibration_exclude"), "a");
  EXPECT_EQ(result.model.provenance.count("octet_version"), 1U);
  EXPECT_EQ(result.model.labels, (std::vector<std::string>{"zero", "one"}));
  EXPECT_EQ(result.report.f32_nodes, 1);
  EXPECT_EQ(result.report.int8_nodes, 8);
  EXPECT_EQ(result.report.ranges.at("c1").min, 0);
  EXPECT_LE(result.report.ranges.at("c1").threshold, result.report.ranges.at("c1").max);
  EXPECT_EQ(result.report.ranges.count("p"), 0U);  // a max pool has its source's range
  EXPECT_EQ(result.report.ranges.count("gap"), 1U);
}

TEST(Calibrate, ExcludesByPatternOperatorAndPlace) {
  const Pictures pictures = noise(3, 12);
  CalibrationOptions options;
  options.exclude = {"c?", "sh*", "[ab]"};
  options.exclude_ops = {"FullyConnected"};
  const CalibratedModel by_name = calibrated(small_model(), pictures, options);
  options.exclude = {};
  options.exclude_ops = {"Convolution", "FullyConnected"};
  const CalibratedModel by_op = calibrated(small_model(), pictures, options);
  for (const CalibratedModel* result : {&by_name, &by_op}) {
    EXPECT_FALSE(result->model.graph.quantized());
    EXPECT_EQ(result->report.int8_nodes, 0);
  }
  options = {};
  options.exclude_first_conv = true;
  const CalibratedModel first = calibrated(small_model(), pictures, options);
  EXPECT_TRUE(first.model.graph.quantized());
  EXPECT_EQ(first.report.f32_nodes, 2) << "and the normalisation, which no convolution takes in any more";
  EXPECT_EQ(first.model.provenance.at("calibration_exclude"), "c1");
}

TEST(Calibrate, WrongUseIsAnError) {
  const Pictures pictures = noise(2, 12);
  const auto error_of = [&](const Model& model, const CalibrationOptions& options, const PictureSource& source) {
    const Result<CalibratedModel> result = calibrate(model, options, source);
    return result ? Error{ErrorCode::cancelled, "", "no error"} : result.error();
  };
  const Model model = small_model();
  CalibrationOptions options;
  EXPECT_EQ(error_of(calibrated(model, pictures).model, options, test::source_of(pictures)).code,
            ErrorCode::invalid_model);
  EXPECT_EQ(error_of(model, options, test::source_of(noise(0, 12))).code, ErrorCode::not_found);
  const PictureSource broken = [](auto, auto) -> Result<std::int64_t> { return Error{ErrorCode::io, "x", "gone"}; };
  EXPECT_EQ(error_of(model, options, broken).code, ErrorCode::io);
  options.exclude = {"c3", "nothing"};
  const Error unknown = error_of(model, options, test::source_of(pictures));
  EXPECT_EQ(unknown.code, ErrorCode::usage);
  EXPECT_NE(unknown.message.find("'c3' (nearest: c1"), std::string::npos) << unknown.message;
  EXPECT_NE(unknown.message.find("'nothing'"), std::string::npos) << unknown.message;
  options = {};
  options.percentile = 0;
  EXPECT_EQ(error_of(model, options, test::source_of(pictures)).code, ErrorCode::usage);
  options = {};
  options.threads = -1;
  EXPECT_EQ(error_of(model, options, test::source_of(pictures)).code, ErrorCode::usage);
}

TEST(Calibrate, NumbersThatAreNotFiniteNameTheirValue) {
  Model model = small_model();
  for (Node& node : model.graph.nodes) {
    if (node.name == "shortcut") node.params[1].value.mutable_as<float>()[2] = std::numeric_limits<float>::infinity();
  }
  const Pictures pictures = noise(2, 12);
  const Result<CalibratedModel> result = calibrate(model, {}, test::source_of(pictures));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::invalid_model);
  EXPECT_EQ(result.error().where, "shortcut");
}

TEST(Calibrate, DeadNetworksStayFinite) {
  Model model = small_model();
  for (Node& node : model.graph.nodes) {
    for (Parameter& p : node.params) std::ranges::fill(p.value.mutable_as<float>(), 0.0F);
  }
  const Pictures pictures = noise(2, 12);
  for (const auto mode : {CalibrationMode::naive, CalibrationMode::entropy, CalibrationMode::mse}) {
    CalibrationOptions options;
    options.mode = mode;
    const CalibratedModel result = calibrated(model, pictures, options);
    const auto outputs = test::run(Plan::compile(result.model.graph).value(), pictures);
    for (const float x : outputs[0]) EXPECT_EQ(x, 0);
  }
}

}  // namespace
}  // namespace octet
