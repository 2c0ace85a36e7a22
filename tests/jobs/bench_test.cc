// The shape of what bench reports; figures are not judged here.
#include "octet/jobs/bench.h"

#include <gtest/gtest.h>
#include <nlohmann/json.hpp>
#include <set>  // std::set

#include "jobs/tiny_model.h"
#include "octet/jobs/calibrate_job.h"
#include "octet/jobs/report.h"
#include "octet/jobs/stage/bench_lanes.h"

namespace octet {
namespace {

using Json = nlohmann::json;

class Bench : public testing::Test {
 protected:
  void SetUp() override { ASSERT_TRUE(save_model(test::tiny_model(), folder_.path() / "net")); }
  BenchOptions options() const {
    BenchOptions result;
    result.model = folder_.path() / "net";
    result.repeats = 2;
    result.seconds_per_repeat = 0.01;
    return result;
  }
  const test::TemporaryFolder folder_;
};

TEST(Median, OfOddEvenAndNothing) {
  EXPECT_EQ(median({3, 1, 2}), 2);
  EXPECT_EQ(median({4, 1, 2, 3}), 2.5);
  EXPECT_EQ(median({}), 0);
}

TEST(Speedups, TellFusionAndInt8Apart) {
  BenchReport report;
  report.runs = {
      {"f32-unfused", 1, 1, 10}, {"f32", 1, 1, 20}, {"int8", 1, 4, 50}, {"int8", 1, 8, 60}, {"int8", 2, 8, 99}};
  const auto ratios = speedups(report);
  ASSERT_EQ(ratios.size(), 2U);
  EXPECT_EQ(ratios[0].fusion, 2);
  EXPECT_EQ(ratios[0].int8, 3);
  EXPECT_EQ(ratios[0].both, 6);
  EXPECT_EQ(ratios[1].both, 0);  // no FP32 with two threads
}

TEST_F(Bench, MeasuresEveryPrecisionThreadCountAndBatch) {
  BenchOptions all = options();
  all.threads = {1, 2};
  all.batches = {4, 8};
  const auto report = bench(all);
  ASSERT_TRUE(report) << to_string(report.error());
  EXPECT_FALSE(report->isa.empty());
  EXPECT_EQ(report->model, "net");
  std::set<std::tuple<std::string, int, std::int64_t>> seen;
  for (const BenchRun& run : report->runs) {
    EXPECT_GT(run.executor_images_per_s, 0);
    EXPECT_GT(run.latency_ms, 0);
    EXPECT_GT(run.single_ms, 0);
    EXPECT_GT(run.limit_images_per_s, 0);
    EXPECT_GT(run.steps_images_per_s, 0);
    EXPECT_LE(run.steps_images_per_s, run.limit_images_per_s) << "more steps take longer";
    seen.emplace(run.precision, run.threads, run.batch);
  }
  EXPECT_EQ(report->runs.size(), 2U * 2 + 2 * 2);
  EXPECT_TRUE(seen.contains({"int8", 2, 8}));
  EXPECT_TRUE(seen.contains({"int8", 1, 4}));
  EXPECT_TRUE(seen.contains({"f32", 1, 1}));
  EXPECT_TRUE(seen.contains({"f32-unfused", 2, 1}));
  EXPECT_TRUE(report->pipeline.empty());
  const Json json = Json::parse(to_json(*report));
  EXPECT_EQ(json["runs"].size(), 8U);
  EXPECT_GT(json["runs"][0]["limit_images_per_s"].get<double>(), 0);
  EXPECT_GT(json["runs"][0]["steps_images_per_s"].get<double>(), 0);
  EXPECT_FALSE(json.contains("pipeline"));
  EXPECT_GT(json["runs"][7]["single_ms"].get<double>(), 0);
  ASSERT_EQ(json["speedups"].size(), 2U);
  EXPECT_EQ(json["speedups"][1]["threads"], 2);
}

TEST_F(Bench, RealPicturesAddLoaderAndPipeline) {
  test::write_pictures(folder_.path() / "pictures", 12, {4});
  BenchOptions real = options();
  real.threads = {1, 2};
  real.source.emplace().data = folder_.path() / "pictures";
  real.layers = true;
  const auto report = bench(real);
  ASSERT_TRUE(report) << to_string(report.error());
  ASSERT_EQ(report->pipeline.size(), 2U);
  for (const PipelineRun& run : report->pipeline) {
    EXPECT_GT(run.loader_images_per_s, 0);
    EXPECT_GT(run.executor_images_per_s, 0);
    EXPECT_GT(run.pipeline_images_per_s, 0);
    EXPECT_GT(run.of_parts, 0.05);
    EXPECT_LT(run.of_parts, 3);
  }
  EXPECT_EQ(report->pipeline[1].threads, 2);
  const Json json = Json::parse(to_json(*report));
  ASSERT_EQ(json["pipeline"].size(), 2U);
  EXPECT_EQ(json["pipeline"][1]["threads"], 2);
  EXPECT_GT(json["pipeline"][0]["images_per_s"].get<double>(), 0);
  std::set<std::string> precisions;
  for (const LayerTime& layer : report->layers) {
    precisions.insert(layer.precision);
    EXPECT_GT(layer.alone_microseconds, 0) << layer.step.name;
  }
  EXPECT_EQ(precisions.size(), 3U);
}

TEST_F(Bench, AnInt8PairIsMeasuredAlone) {
  test::write_pictures(folder_.path() / "pictures", 12);
  CalibrateOptions calibration;
  calibration.model = folder_.path() / "net";
  calibration.source.data = folder_.path() / "pictures";
  calibration.output = folder_.path() / "int8";
  ASSERT_TRUE(calibrate_model(calibration));
  BenchOptions int8 = options();
  int8.model = folder_.path() / "int8";
  int8.threads = {1};
  const auto report = bench(int8).value();
  ASSERT_EQ(report.runs.size(), 1U);
  EXPECT_EQ(report.runs[0].precision, "int8");
  BenchOptions both = options();
  both.int8_model = folder_.path() / "int8";
  both.threads = {1};
  EXPECT_EQ(bench(both)->runs.size(), 3U);
}

TEST_F(Bench, RefusesWhatCannotWork) {
  BenchOptions wrong = options();
  wrong.repeats = 0;
  EXPECT_EQ(bench(wrong).error().code, ErrorCode::usage);
  wrong = options();
  wrong.threads = {0};
  EXPECT_EQ(bench(wrong).error().code, ErrorCode::usage);
  wrong = options();
  wrong.model = folder_.path() / "absent";
  EXPECT_EQ(bench(wrong).error().code, ErrorCode::not_found);
}

}  // namespace
}  // namespace octet
