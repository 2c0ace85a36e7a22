// Whole models on real pictures: every tenth picture calibrates, the others are scored.
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "calibrator/pictures.h"
#include "support/assets.h"
#include "support/npy.h"

namespace octet {
namespace {

using test::Accuracy;
using test::Pictures;

struct Expectation {
  const char* model;
  const char* pictures;
  double agreement;  ///< percent: what MXNet's own INT8 reaches on the same split
};

void PrintTo(const Expectation& e, std::ostream* out) { *out << e.model; }

class ModelAccuracy : public testing::TestWithParam<Expectation> {};

TEST_P(ModelAccuracy, IsAtLeastThatOfMxnet) {
  OCTET_REQUIRE_ASSETS();
  const Expectation& expected = GetParam();
  const Model model = load_model(test::assets() / "models" / expected.model / expected.model).value();
  const Pictures all = test::load_pictures(test::assets() / "images" / expected.pictures, model.preprocess);
  const Pictures sample = test::select(all, [](std::size_t i) { return i % 10 == 0; });
  const Pictures rest = test::select(all, [](std::size_t i) { return i % 10 != 0; });
  const CalibratedModel calibrated = calibrate(model, {}, test::source_of(sample)).value();
  EXPECT_EQ(calibrated.report.images, static_cast<std::int64_t>(sample.count()));
  const auto f32 = test::run(test::float_plan(model), rest);
  const auto int8 = test::run(Plan::compile(calibrated.model.graph).value(), rest);
  const Accuracy accuracy = test::compare(f32, int8, rest.labels);
  RecordProperty("agreement", std::to_string(accuracy.agreement));
  EXPECT_GE(accuracy.agreement, expected.agreement - 0.05);  // the figures are rounded to one digit
  EXPECT_GE(accuracy.top1_int8, accuracy.top1_f32 - 1.0);
}

INSTANTIATE_TEST_SUITE_P(Assets, ModelAccuracy,
                         testing::Values(Expectation{"squeezenet_v1.1", "imagenet300", 93.3},
                                         Expectation{"tiny_darknet", "imagenet300", 87.8},
                                         Expectation{"mobilenet_v2_1.0_224", "imagenet300", 95.9},
                                         Expectation{"cifar_resnet20", "cifar_test1000", 97.0}),
                         [](const auto& info) {
                           std::string name = info.param.model;
                           std::replace_if(
                               name.begin(), name.end(), [](char c) { return std::isalnum(c) == 0; }, '_');
                           return name;
                         });

struct Range {
  double min = 0, max = 0;
};

/// output name (without "_output") -> range, from a ranges_16img.csv.
std::map<std::string, Range> read_ranges(const std::filesystem::path& file) {
  std::map<std::string, Range> ranges;
  std::ifstream stream(file);
  std::string line;
  std::getline(stream, line);
  while (std::getline(stream, line)) {
    std::istringstream fields(line);
    std::string name, shape, min, max;
    std::getline(fields, name, ',');
    std::getline(fields, shape, ',');
    std::getline(fields, min, ',');
    std::getline(fields, max, ',');
    if (name.ends_with("_output")) name.resize(name.size() - 7);
    ranges[name] = {std::stod(min), std::stod(max)};
  }
  return ranges;
}

// Naive calibration on the 16 golden pictures must see the ranges of the reference run.
TEST(GoldenRanges, AreSeenByCalibration) {
  OCTET_REQUIRE_ASSETS();
  for (const std::string name : {"cifar_resnet20", "squeezenet_v1.1", "mobilenet_v2_1.0_224", "tiny_darknet"}) {
    const Model model = load_model(test::assets() / "models" / name / name).value();
    const std::string inputs = name == "tiny_darknet" ? "mobilenet_v2_1.0_224" : name;
    const test::Npy npy = test::read_npy(test::assets() / "golden" / inputs / "inputs_u8.npy").value();
    const Pictures pictures{npy.shape[1], npy.shape[2], npy.shape[3], npy.bytes, std::vector<int>(16)};
    CalibrationOptions options;
    options.mode = CalibrationMode::naive;
    const CalibratedModel calibrated = calibrate(model, options, test::source_of(pictures)).value();
    const auto golden = read_ranges(test::assets() / "golden" / name / "ranges_16img.csv");
    std::size_t compared = 0;
    for (const auto& [output, range] : calibrated.report.ranges) {
      const auto found = golden.find(output);
      ASSERT_NE(found, golden.end()) << name << " " << output;
      const double tolerance = 1e-4 * (found->second.max - found->second.min);
      EXPECT_NEAR(static_cast<double>(range.min), found->second.min, tolerance) << name << " " << output;
      EXPECT_NEAR(static_cast<double>(range.max), found->second.max, tolerance) << name << " " << output;
      EXPECT_EQ(range.threshold, std::max(-range.min, range.max)) << name << " " << output;
      ++compared;
    }
    EXPECT_GE(compared, 10U) << name;
  }
}

}  // namespace
}  // namespace octet
