// Busy times, Chrome traces and Prometheus files.
#include "octet/jobs/trace.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/parallel_for.h>
#include <oneapi/tbb/task_arena.h>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <sstream>
#include <thread>

#include "jobs/tiny_model.h"
#include "octet/jobs/metrics.h"

namespace octet {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

TEST(Trace, SumsUpTheTimeOfEachActivity) {
  Trace trace;
  {
    const Trace::Span span(&trace, Activity::decode);
    std::this_thread::sleep_for(20ms);
  }
  {
    const Trace::Span span(&trace, Activity::compute);
    std::this_thread::sleep_for(5ms);
  }
  { const Trace::Span nothing(nullptr, Activity::read); }
  const BusySeconds busy = trace.busy();
  EXPECT_GE(busy[Activity::decode], 0.020);
  EXPECT_GE(busy[Activity::compute], 0.005);
  EXPECT_EQ(busy[Activity::read], 0);
  EXPECT_DOUBLE_EQ(busy.total(), busy[Activity::decode] + busy[Activity::compute]);
}

TEST(Trace, KeepsTheSpansOfEveryWorkerAndSaysWhatItDropped) {
  const test::TemporaryFolder folder;
  tbb::task_arena arena(3);
  arena.execute([&] {
    Trace trace(400);
    EXPECT_EQ(trace.threads(), 3);
    tbb::parallel_for(0, 1000, [&](int i) {
      const Trace::Span span(&trace, i % 2 == 0 ? Activity::decode : Activity::write, 7);
      std::this_thread::sleep_for(20us);
    });
    ASSERT_TRUE(trace.save(folder.path() / "trace.json"));
  });
  const auto json = nlohmann::json::parse(test::read_text(folder.path() / "trace.json"));
  std::size_t spans = 0;
  std::map<int, double> end_of_row;
  for (const auto& event : json.at("traceEvents")) {
    if (event.at("ph") != "X") continue;
    ++spans;
    EXPECT_THAT(event.at("name"), testing::AnyOf("decode", "write"));
    EXPECT_EQ(event.at("args").at("images"), 7);
    EXPECT_GE(event.at("dur").get<double>(), 20);
    double& end = end_of_row[event.at("tid").get<int>()];
    EXPECT_GE(event.at("ts").get<double>(), end - 0.002) << "spans of one worker overlap";
    end = event.at("ts").get<double>() + event.at("dur").get<double>();
  }
  EXPECT_LE(spans, 400U);
  EXPECT_EQ(spans + json.at("otherData").at("dropped").get<std::size_t>(), 1000U);
}

Progress half_way() {
  Progress progress;
  progress.stage = "score";
  progress.done = 50;
  progress.failed = 2;
  progress.total = 100;
  progress.seconds = 2;
  progress.images_per_s = 25;
  progress.threads = 2;
  progress.busy.of = {0.25, 1.5, 2, 0.125};
  return progress;
}

TEST(Metrics, AreWhatPrometheusReads) {
  const std::vector<Progress> stages{half_way()};
  const std::string text = metrics_text(stages, 1800000000.5);
  const std::regex sample(R"([a-z_]+(\{[a-z]+="[a-z]+"(,[a-z]+="[a-z]+")*\})? [-+0-9.e]+)");
  std::set<std::string> described;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.starts_with("# ")) {
      const std::string name = line.substr(7, line.find(' ', 7) - 7);
      if (line.starts_with("# TYPE ")) {
        EXPECT_TRUE(described.insert(name).second) << line;
      }
      continue;
    }
    EXPECT_TRUE(std::regex_match(line, sample)) << line;
    EXPECT_TRUE(described.contains(line.substr(0, line.find_first_of("{ ")))) << line;
  }
  for (const char* line : {"octet_images_total{stage=\"score\"} 50\n", "octet_images_failed_total{stage=\"score\"} 2\n",
                           "octet_images_expected{stage=\"score\"} 100\n", "octet_stage_finished{stage=\"score\"} 0\n",
                           "octet_busy_seconds_total{stage=\"score\",activity=\"decode\"} 1.5\n",
                           "octet_threads{stage=\"score\"} 2\n", "octet_updated_timestamp_seconds 1800000000.5\n"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Metrics, TheFileFollowsTheJobAndKeepsWhatCameBefore) {
  const test::TemporaryFolder folder;
  const auto file = folder.path() / "octet.prom";
  int reports = 0;
  JobControl inner;
  inner.interval = 0ms;
  inner.progress = [&](const Progress&) { ++reports; };
  const JobControl control = with_metrics(inner, file).value();
  EXPECT_THAT(test::read_text(file), HasSubstr("octet_updated_timestamp_seconds")) << "it is there from the start";
  Progress progress = half_way();
  control.progress(progress);
  progress.last = true;
  progress.done = 100;
  control.progress(progress);
  progress.stage = "evaluate";
  control.progress(progress);
  EXPECT_EQ(reports, 3);
  EXPECT_THAT(test::read_text(file), HasSubstr("octet_images_total{stage=\"score\"} 100\n"));
  EXPECT_THAT(test::read_text(file), HasSubstr("octet_images_total{stage=\"evaluate\"} 100\n"));
  EXPECT_THAT(test::read_text(file), HasSubstr("octet_stage_finished{stage=\"score\"} 1\n"));
  const auto refused = with_metrics({}, folder.path() / "absent" / "octet.prom");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::cannot_write);
}

}  // namespace
}  // namespace octet
