// Calibrating, running a whole job, and reports.
#include "octet/jobs/run_job.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>  // getpid
#include <fstream>   // std::ofstream
#include <nlohmann/json.hpp>

#include "jobs/tiny_model.h"
#include "octet/graph/output_file.h"
#include "octet/jobs/report.h"
#include "octet/jobs/store/lock.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;

class Job : public testing::Test {
 protected:
  void SetUp() override {
    test::write_pictures(folder_.path() / "pictures", 60, {0, 1, 2, 30});
    ASSERT_TRUE(save_model(test::tiny_model(), folder_.path() / "net"));
  }
  CalibrateOptions calibration() const {
    CalibrateOptions options;
    options.model = folder_.path() / "net";
    options.source.data = folder_.path() / "list.lst";
    options.output = folder_.path() / "out" / "int8";
    options.samples = 20;
    return options;
  }
  RunOptions job() const {
    RunOptions options;
    options.calibrate = calibration();
    options.score.stream.source = options.calibrate.source;
    options.score.output = folder_.path() / "out";
    options.evaluate.emplace().stream.source = options.calibrate.source;
    return options;
  }
  std::string files(const std::string& name) const {
    return test::read_text(folder_.path() / "out" / (name + "-symbol.json")) +
           test::read_text(folder_.path() / "out" / (name + "-0000.params"));
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Job, CalibrationReplacesUnreadablePicturesAndSaysSo) {
  CalibrateOptions all = calibration();
  all.samples = 60;
  const auto summary = calibrate_model(all);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->population, 60U);
  EXPECT_EQ(summary->images, 56U);
  EXPECT_EQ(summary->unreadable, 4U);
  ASSERT_EQ(summary->first_unreadable.size(), 4U);
  EXPECT_THAT(summary->first_unreadable[3], HasSubstr("0030.jpg"));
  CalibrateOptions some = calibration();
  some.samples.reset();
  some.stride = 15;  // 0, 15, 30, 45: two are bad and replaced
  const auto replaced = calibrate_model(some).value();
  EXPECT_EQ(replaced.images, 4U);
  EXPECT_EQ(replaced.unreadable, 2U);  // later entries took the places of 0 and 30
  EXPECT_GT(replaced.report.int8_nodes, 0);
  some.stride = 0;
  some.samples = 55;
  const auto most = calibrate_model(some).value();  // four may be bad, and replacements are found from the start again
  EXPECT_EQ(most.images, 55U);
}

TEST_F(Job, CalibrationDoesNotDependOnThreads) {
  std::string expected;
  for (const int threads : {1, 2, 4}) {
    CalibrateOptions options = calibration();
    options.threads = threads;
    ASSERT_TRUE(calibrate_model(options));
    if (expected.empty()) expected = files("int8");
    EXPECT_EQ(files("int8"), expected) << threads << " threads";
  }
  CalibrateOptions other = calibration();
  other.seed = 99;
  ASSERT_TRUE(calibrate_model(other));
  EXPECT_NE(files("int8"), expected);
}

TEST_F(Job, TheInt8PairTellsWhereItCameFrom) {
  ASSERT_TRUE(calibrate_model(calibration()));
  const Model model = load_model(folder_.path() / "out" / "int8").value();
  EXPECT_TRUE(model.graph.quantized());
  const ModelFiles source = find_model(folder_.path() / "net", -1).value();
  EXPECT_EQ(model.provenance.at("source_symbol_sha256"), file_digest(source.symbol).value());
  EXPECT_EQ(model.provenance.at("source_params_sha256"), file_digest(source.params).value());
  EXPECT_EQ(model.provenance.at("calibration_images"), "20");
  EXPECT_EQ(model.provenance.at("calibration_samples"), "20");
  EXPECT_EQ(model.provenance.at("calibration_data"), "list.lst");
  EXPECT_EQ(model.labels.size(), 10U);
}

TEST_F(Job, CalibrationRefusesWhatCannotWork) {
  CalibrateOptions wrong = calibration();
  wrong.samples = 0;
  EXPECT_EQ(calibrate_model(wrong).error().code, ErrorCode::usage);
  wrong = calibration();
  wrong.samples.reset();
  wrong.fraction = 0;
  EXPECT_EQ(calibrate_model(wrong).error().code, ErrorCode::usage);
  wrong = calibration();
  wrong.output.clear();
  EXPECT_EQ(calibrate_model(wrong).error().code, ErrorCode::usage);
  wrong = calibration();
  wrong.calibration.exclude = {"no_such_node"};
  const auto unknown = calibrate_model(wrong);
  ASSERT_FALSE(unknown);
  EXPECT_THAT(to_string(unknown.error()), HasSubstr("no_such_node"));
  EXPECT_FALSE(fs::exists(folder_.path() / "out" / "int8-symbol.json"));
  std::ofstream(folder_.path() / "bad.lst") << "0\t0\tpictures/0000.jpg\n1\t0\tpictures/0001.jpg\n";
  wrong = calibration();
  wrong.source.data = folder_.path() / "bad.lst";
  EXPECT_EQ(calibrate_model(wrong).error().code, ErrorCode::bad_image);
  ASSERT_TRUE(calibrate_model(calibration()));
  wrong = calibration();
  wrong.model = wrong.output;
  EXPECT_EQ(calibrate_model(wrong).error().code, ErrorCode::usage);
}

TEST_F(Job, RunsThreeStagesAndSkipsWhatIsUpToDate) {
  const auto fates = [](const RunSummary& summary) {
    return std::vector<StageFate>{summary.calibrated, summary.scored, summary.evaluated};
  };
  const StageFate done = StageFate::done;
  const StageFate kept = StageFate::up_to_date;
  const auto run = [&](const RunOptions& options) {
    const auto summary = run_job(options);
    EXPECT_TRUE(summary) << to_string(summary.error());
    return summary ? fates(*summary) : std::vector<StageFate>();
  };
  const auto first = run_job(job());
  ASSERT_TRUE(first) << to_string(first.error());
  EXPECT_EQ(fates(*first), (std::vector<StageFate>{done, done, done}));
  EXPECT_EQ(first->score->stream.n, 60U);
  EXPECT_TRUE(first->evaluate->against);
  EXPECT_EQ(first->evaluate->accuracy.quantized, true);
  EXPECT_EQ(first->evaluate->against->accuracy.quantized, false);
  EXPECT_EQ(run(job()), (std::vector<StageFate>{kept, kept, kept}));
  EXPECT_EQ(run_job(job())->evaluation, first->evaluation);

  RunOptions more = job();
  more.score.top_k = 3;
  EXPECT_EQ(run(more), (std::vector<StageFate>{kept, done, kept}));
  more.calibrate.samples = 25;
  EXPECT_EQ(run(more)[0], done);
  EXPECT_EQ(run(more), (std::vector<StageFate>{kept, kept, kept}));
  fs::remove(folder_.path() / "out" / "scores.jsonl");
  EXPECT_EQ(run(more), (std::vector<StageFate>{kept, done, kept}));
  std::ofstream(folder_.path() / "out" / "int8-0000.params", std::ios::app) << "x";
  EXPECT_EQ(run(more)[0], done);
  more.force = true;
  EXPECT_EQ(run(more), (std::vector<StageFate>{done, done, done}));
}

TEST_F(Job, ANewPictureMakesEveryStageDue) {
  RunOptions options = job();
  options.calibrate.source.data = folder_.path() / "pictures";
  options.score.stream.source.data = folder_.path() / "pictures";
  options.evaluate.reset();
  ASSERT_TRUE(run_job(options));
  EXPECT_EQ(run_job(options)->scored, StageFate::up_to_date);
  test::write_bytes(folder_.path() / "pictures" / "zz.jpg", test::jpeg(20, 20, 5));
  const auto again = run_job(options).value();
  EXPECT_EQ(again.calibrated, StageFate::done);
  EXPECT_EQ(again.scored, StageFate::done);
  EXPECT_EQ(again.evaluated, StageFate::absent);
}

TEST_F(Job, ContentsCountAndTimesDoNot) {
  for (const char* data : {"pictures", "list.lst", "pictures.rec"}) {
    RunOptions options = job();
    options.calibrate.source.data = options.score.stream.source.data = folder_.path() / data;
    options.score.output = folder_.path() / ("out of " + std::string(data));
    options.calibrate.output = options.score.output / "int8";
    options.evaluate.reset();
    ASSERT_TRUE(run_job(options));
    const fs::path file =
        folder_.path() / (std::string_view(data) == "pictures.rec" ? "pictures.rec" : "pictures/0007.jpg");
    const auto written = fs::last_write_time(file);
    fs::last_write_time(file, written + std::chrono::hours(1));
    EXPECT_EQ(run_job(options)->scored, StageFate::up_to_date) << data;
    std::string bytes = test::read_text(file);
    bytes[bytes.size() - 3] ^= 1;
    std::ofstream(file, std::ios::binary) << bytes;
    fs::last_write_time(file, written);
    const RunSummary again = run_job(options).value();
    EXPECT_EQ(again.calibrated, StageFate::done) << data;
    EXPECT_EQ(again.scored, StageFate::done) << data;
    EXPECT_EQ(run_job(options)->scored, StageFate::up_to_date) << data;
  }
}

TEST_F(Job, OtherNamesOfClassesMakeEveryStageDue) {
  RunOptions options = job();
  options.calibrate.load.preprocess.labels = (folder_.path() / "names.txt").string();
  const auto name = [&](const std::string& last) {
    std::ofstream stream(folder_.path() / "names.txt");
    for (int i = 1; i < test::tiny_classes; ++i) stream << "class " << i << '\n';
    stream << last << '\n';
  };
  name("apple");
  ASSERT_TRUE(run_job(options));
  name("grape");
  const RunSummary again = run_job(options).value();
  EXPECT_EQ(again.calibrated, StageFate::done);
  EXPECT_EQ(again.scored, StageFate::done);
  EXPECT_THAT(test::read_text(folder_.path() / "out" / "scores.jsonl"), HasSubstr("grape"));
}

TEST_F(Job, OneStageAloneWorksOnWhatTheOthersWrote) {
  RunOptions options = job();
  options.only = RunStage::score;
  EXPECT_EQ(run_job(options).error().code, ErrorCode::not_found);
  options.only = RunStage::calibrate;
  RunSummary summary = run_job(options).value();
  EXPECT_EQ(summary.calibrated, StageFate::done);
  EXPECT_EQ(summary.scored, StageFate::absent);
  EXPECT_FALSE(fs::exists(folder_.path() / "out" / "scores.jsonl"));
  options.only = RunStage::score;
  summary = run_job(options).value();
  EXPECT_EQ(summary.calibrated, StageFate::absent);
  EXPECT_EQ(summary.scored, StageFate::done);
  options.only = RunStage::evaluate;
  EXPECT_EQ(run_job(options)->evaluated, StageFate::done);
  options.only.reset();
  summary = run_job(options).value();
  EXPECT_EQ(summary.calibrated, StageFate::up_to_date);
  EXPECT_EQ(summary.scored, StageFate::up_to_date);
  EXPECT_EQ(summary.evaluated, StageFate::up_to_date);
}

TEST_F(Job, ASecondRunAtOnceIsRefusedAndSaysWhy) {
  ASSERT_TRUE(make_folder(folder_.path() / "out"));
  {
    const auto other = FileLock::acquire(folder_.path() / "out" / "run.lock");
    ASSERT_TRUE(other);
    const auto refused = run_job(job());
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::cannot_write);
    EXPECT_THAT(to_string(refused.error()), HasSubstr("process " + std::to_string(::getpid())));
    EXPECT_FALSE(fs::exists(folder_.path() / "out" / "int8-symbol.json"));
  }
  EXPECT_TRUE(run_job(job()));
}

TEST_F(Job, ReportsAreJsonWithThePromisedNames) {
  const RunSummary summary = run_job(job()).value();
  const Json scored = Json::parse(to_json(*summary.score));
  for (const char* name : {"n", "failed", "seconds", "images_per_s", "errors", "scores"}) {
    EXPECT_TRUE(scored.contains(name)) << name;
  }
  EXPECT_EQ(scored["errors"]["bad_image"], 4);
  const Json evaluated = Json::parse(to_json(*summary.evaluate));
  for (const char* name : {"n", "failed", "top1", "top5", "interval95", "against"}) {
    EXPECT_TRUE(evaluated.contains(name)) << name;
  }
  for (const char* name : {"n", "failed", "top1", "top5", "interval95", "agreement", "drop"}) {
    EXPECT_TRUE(evaluated["against"].contains(name)) << name;
  }
  const Json ran = Json::parse(to_json(summary));
  EXPECT_EQ(ran["evaluate"]["judged"], 56);
  EXPECT_EQ(ran["stages"]["calibrate"], "done");
  EXPECT_EQ(Json::parse(to_json(*summary.calibrate))["images"], 20);
}

}  // namespace
}  // namespace octet
