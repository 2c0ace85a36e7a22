// score(): files in, one file of records out.
#include "octet/jobs/score.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <atomic>   // std::atomic
#include <fstream>  // std::ofstream
#include <nlohmann/json.hpp>
#include <set>      // std::multiset
#include <sstream>  // std::istringstream

#include "jobs/tiny_model.h"
#include "octet/graph/cut.h"
#include "support/assets.h"
#include "support/file_faults.h"
#include "support/sanitized.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using Json = nlohmann::json;
using testing::HasSubstr;

std::vector<Json> read_lines(const fs::path& file) {
  std::istringstream text(test::read_text(file));
  std::vector<Json> lines;
  for (std::string line; std::getline(text, line);) lines.push_back(Json::parse(line));
  return lines;
}

// Pictures in folder/pictures, folder/list.lst and folder/pictures.rec; 5 and 12 are bad.
class Score : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new test::TemporaryFolder;
    test::write_pictures(shared_->path() / "pictures", 40, {5, 12});
  }
  static void TearDownTestSuite() { delete shared_; }

  ScoreOptions options(const std::string& data = "pictures") const {
    ScoreOptions result;
    result.scorer = test::tiny_scorer();
    result.stream.source.data = shared_->path() / data;
    result.output = folder_.path() / "out";
    result.resume = Resume::never;
    return result;
  }
  std::string scores(const ScoreOptions& options) const {
    const auto summary = score(options);
    EXPECT_TRUE(summary) << to_string(summary.error());
    return summary ? test::read_text(summary->scores) : std::string();
  }
  void expect_error(const ScoreOptions& options, ErrorCode code, const std::string& text) const {
    const auto summary = score(options);
    ASSERT_FALSE(summary);
    EXPECT_EQ(summary.error().code, code) << to_string(summary.error());
    EXPECT_THAT(to_string(summary.error()), HasSubstr(text));
    const fs::path out = folder_.path() / "out";
    if (!fs::exists(out)) return;
    for (const auto& file : fs::recursive_directory_iterator(out)) {
      EXPECT_NE(file.path().extension(), ".part") << file.path();
      EXPECT_FALSE(file.path().filename().string().starts_with("scores.")) << file.path();
    }
  }

  static test::TemporaryFolder* shared_;
  const test::TemporaryFolder folder_;
};
test::TemporaryFolder* Score::shared_ = nullptr;

TEST_F(Score, ACutModelGivesTheValuesOfItsNodes) {
  Model model = test::tiny_model();
  ASSERT_TRUE(cut_at(model.graph, {"flat_output", "conv1_output"}));
  model.is_cut = true;
  ScoreOptions cut = options();
  cut.scorer = Scorer::create(model).value();
  cut.output = folder_.path() / "cut";
  const auto lines = read_lines(score(cut).value().scores);
  ASSERT_EQ(lines.size(), 40U);
  EXPECT_TRUE(lines[5].contains("error"));
  const Json& features = lines[7]["features"];
  ASSERT_EQ(features["flat_output"].size(), 16U);
  ASSERT_EQ(features["conv1_output"].size(), 16U * 8 * 8);
  for (std::size_t c = 0; c < 16; ++c) {  // the pool is the mean of relu(conv1): channels, rows, columns
    double sum = 0;
    for (std::size_t i = 0; i < 64; ++i) sum += std::max(0.0, features["conv1_output"][c * 64 + i].get<double>());
    EXPECT_NEAR(features["flat_output"][c].get<double>(), sum / 64, 1e-4);
  }
  cut.format = OutputFormat::csv;
  cut.output = folder_.path() / "out";
  expect_error(cut, ErrorCode::usage, "jsonl alone");
}

TEST_F(Score, OneRecordForEachEntryInOrder) {
  const auto summary = score(options()).value();
  EXPECT_EQ(summary.stream.n, 40U);
  EXPECT_EQ(summary.stream.failed, 2U);
  EXPECT_EQ(summary.stream.errors.at("bad_image"), 2U);
  ASSERT_EQ(summary.stream.first_failed.size(), 2U);
  EXPECT_EQ(summary.stream.first_failed[0].index, 5U);
  EXPECT_EQ(summary.stream.first_failed[1].key, "0012.jpg");
  EXPECT_GT(summary.stream.images_per_s, 0);
  EXPECT_GT(summary.stream.peak_rss_bytes, 1000U);
  const auto lines = read_lines(summary.scores);
  ASSERT_EQ(lines.size(), 40U);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    ASSERT_EQ(lines[i]["index"], i);
    ASSERT_EQ(std::stoul(lines[i]["key"].get<std::string>()), i);
    ASSERT_EQ(lines[i].contains("error"), i == 5 || i == 12);
    ASSERT_NE(lines[i].contains("error"), lines[i].contains("predictions"));
    if (lines[i].contains("error")) continue;
    ASSERT_EQ(lines[i]["predictions"].size(), 5U);
    for (int k = 1; k < 5; ++k) {
      ASSERT_GE(lines[i]["predictions"][k - 1]["score"], lines[i]["predictions"][k]["score"]);
    }
  }
  std::set<std::string> files;
  for (const auto& file : fs::recursive_directory_iterator(folder_.path() / "out")) {
    files.insert(fs::relative(file.path(), folder_.path() / "out").string());
  }
  EXPECT_EQ(files,
            (std::set<std::string>{"job", "job/lock", "job/manifest.jsonl", "quarantine.jsonl", "scores.jsonl"}));
  const auto quarantined = read_lines(summary.quarantine);
  ASSERT_EQ(quarantined.size(), 2U);
  EXPECT_EQ(quarantined[0]["index"], 5);
  EXPECT_EQ(quarantined[0]["code"], "bad_image");
  EXPECT_EQ(quarantined[0]["file"], (shared_->path() / "pictures" / "0005.jpg").string());
}

TEST_F(Score, IsTheSameForThreadsBatchesAndKindsOfSource) {
  const std::string expected = scores(options());
  for (const int threads : {1, 2, 4}) {
    for (const std::int64_t batch : {1, 7, 16}) {
      ScoreOptions other = options();
      other.stream.threads = threads;
      other.scorer = test::tiny_scorer(batch);
      ASSERT_EQ(scores(other), expected) << threads << " threads, batch " << batch;
    }
  }
  const auto without_key = [](const std::string& text) {
    std::string result;
    std::istringstream lines(text);
    for (std::string line; std::getline(lines, line);) {
      Json json = Json::parse(line);
      json.erase("key");
      if (json.contains("error")) json["error"].erase("message");  // names the file
      result += json.dump() + '\n';
    }
    return result;
  };
  for (const char* data : {"list.lst", "pictures.rec"}) {
    EXPECT_EQ(without_key(scores(options(data))), without_key(expected)) << data;
  }
}

TEST_F(Score, CsvAndTopK) {
  ScoreOptions csv = options();
  csv.format = OutputFormat::csv;
  csv.top_k = 2;
  const std::string text = scores(csv);
  EXPECT_EQ(std::count(text.begin(), text.end(), '\n'), 1 + 38 * 2 + 2);
  EXPECT_TRUE(fs::exists(csv.output / "scores.csv"));
}

TEST_F(Score, LabelsOfTheCallerWin) {
  ScoreOptions own = options();
  own.labels.assign(test::tiny_classes, "mine");
  EXPECT_THAT(scores(own), HasSubstr("\"label\":\"mine\""));
  EXPECT_THAT(scores(options()), HasSubstr("\"label\":\"class "));
}

TEST_F(Score, LimitAndShardsPartTheEntries) {
  ScoreOptions some = options();
  some.stream.limit = 11;
  const std::string expected = scores(some);
  EXPECT_EQ(std::count(expected.begin(), expected.end(), '\n'), 11);
  std::multiset<std::string> together;
  for (std::uint64_t shard = 0; shard < 3; ++shard) {
    some.stream.source.shard.index = shard;
    some.stream.source.shard.count = 3;
    std::istringstream lines(scores(some));
    for (std::string line; std::getline(lines, line);) together.insert(line);
  }
  std::multiset<std::string> all;
  std::istringstream lines(expected);
  for (std::string line; std::getline(lines, line);) all.insert(line);
  EXPECT_EQ(together, all);
}

TEST_F(Score, BadEntriesBeyondTheBoundEndTheJob) {
  ScoreOptions strict = options();
  strict.stream.on_error = OnError::fail;
  expect_error(strict, ErrorCode::bad_image, "0005.jpg");
  strict.stream.on_error = OnError::skip;
  strict.stream.max_bad = 1;
  expect_error(strict, ErrorCode::bad_image, "more than allowed");
  strict.stream.max_bad = 2;
  EXPECT_TRUE(score(strict));
  fs::remove_all(strict.output);
  strict.stream.max_bad_fraction = 0.04;
  expect_error(strict, ErrorCode::bad_image, "0012.jpg");
  strict.stream.max_bad_fraction = 0.05;
  EXPECT_TRUE(score(strict));
}

TEST_F(Score, StopsWhenAsked) {
  std::atomic<bool> stop{false};
  ScoreOptions stopped = options();
  stopped.stream.control.stop = &stop;
  stopped.stream.control.interval = std::chrono::milliseconds(0);
  stopped.stream.control.progress = [&](const Progress& progress) { stop = progress.done >= 10; };
  expect_error(stopped, ErrorCode::cancelled, "stopped");
}

TEST_F(Score, ReportsProgress) {
  ScoreOptions watched = options();
  std::vector<Progress> reports;
  watched.stream.control.interval = std::chrono::milliseconds(0);
  watched.stream.control.progress = [&](const Progress& progress) { reports.push_back(progress); };
  scores(watched);
  ASSERT_EQ(reports.size(), 41U);  // each entry and the end
  for (std::size_t i = 0; i < 40; ++i) EXPECT_EQ(reports[i].done, i + 1);
  EXPECT_EQ(reports.back().done, 40U);
  EXPECT_EQ(reports.back().failed, 2U);
  EXPECT_EQ(reports.back().total, 40U);
  EXPECT_EQ(reports.back().stage, "score");
}

TEST_F(Score, RefusesWhatCannotWork) {
  ScoreOptions wrong = options();
  wrong.top_k = 0;
  expect_error(wrong, ErrorCode::usage, "top-k");
  wrong = options();
  wrong.output.clear();
  EXPECT_EQ(score(wrong).error().code, ErrorCode::usage);
  wrong = options();
  wrong.stream.source.shard.index = wrong.stream.source.shard.count = 2;
  expect_error(wrong, ErrorCode::usage, "shard");
  wrong = options();
  wrong.stream.threads = -1;
  expect_error(wrong, ErrorCode::usage, "threads");
  wrong = options("absent");
  expect_error(wrong, ErrorCode::not_found, "absent");
  wrong = options();
  std::ofstream(folder_.path() / "file") << "in the way";
  wrong.output = folder_.path() / "file";
  EXPECT_EQ(score(wrong).error().code, ErrorCode::cannot_write);
  wrong.output = folder_.path() / "file" / "below";
  EXPECT_EQ(score(wrong).error().code, ErrorCode::cannot_write);
  wrong = options();
  wrong.scorer = nullptr;
  wrong.model = folder_.path() / "no_model";
  EXPECT_EQ(score(wrong).error().code, ErrorCode::not_found);
}

TEST_F(Score, AFullDiskIsAnErrorWithoutOutput) {
  const test::FaultyFileOps faults(test::FileCall::write, 0, ENOSPC);
  expect_error(options(), ErrorCode::cannot_write, "No space left");
}

// A list that repeats the good pictures `times` times.
fs::path long_list(const fs::path& folder, const fs::path& pictures, int times) {
  fs::path path = folder / ("list" + std::to_string(times) + ".lst");
  std::ofstream list(path);
  for (int i = 0; i < times; ++i) list << i << "\t0\t" << (pictures / "0003.jpg").string() << '\n';
  return path;
}

TEST_F(Score, MemoryDoesNotGrowWithTheNumberOfEntries) {
#if defined(OCTET_UNDER_ASAN) || defined(OCTET_UNDER_TSAN)
  GTEST_SKIP() << "sanitizers keep freed memory";
#endif
  ScoreOptions repeated = options();
  repeated.stream.source.root = "/";
  const auto peak = [&](int times) {
    repeated.stream.source.data = long_list(folder_.path(), shared_->path() / "pictures", times);
    const auto summary = score(repeated).value();
    EXPECT_EQ(summary.stream.n, static_cast<std::uint64_t>(times));
    return summary.stream.peak_rss_bytes;
  };
  // 95,000 entries more: 44 bytes kept of each would show above the allocator's own few pages.
  const std::uint64_t some = peak(5'000);
  const std::uint64_t many = peak(100'000);
  EXPECT_LT(many - some, 4U << 20) << some << " -> " << many;
}

TEST(ScoreAssets, DamagedRecordsHaveOneRecordForEachDamagedPlace) {
  OCTET_REQUIRE_ASSETS();
  const test::TemporaryFolder folder;
  for (const auto& file : fs::directory_iterator(test::assets() / "rec" / "damaged")) {
    if (file.path().extension() != ".rec") continue;
    ScoreOptions options;
    options.scorer = test::tiny_scorer();
    options.stream.source.data = file.path();
    options.output = folder.path() / file.path().stem();
    const auto summary = score(options);
    if (!summary) {
      EXPECT_EQ(summary.error().code, ErrorCode::not_found) << file.path() << to_string(summary.error());
      continue;
    }
    const auto lines = read_lines(summary->scores);
    ASSERT_EQ(lines.size(), summary->stream.n) << file.path();
    for (std::size_t i = 0; i < lines.size(); ++i) ASSERT_EQ(lines[i]["index"], i) << file.path();
  }
}

TEST(ScoreAssets, OddPicturesGiveARecordEach) {
  OCTET_REQUIRE_ASSETS();
  const test::TemporaryFolder folder;
  ScoreOptions options;
  options.scorer = test::tiny_scorer();
  options.stream.source.data = test::assets() / "images" / "odd";
  options.output = folder.path();
  const auto summary = score(options).value();
  EXPECT_GT(summary.stream.n, 50U);
  EXPECT_GT(summary.stream.failed, 5U);
  EXPECT_LT(summary.stream.failed, summary.stream.n);
  EXPECT_EQ(read_lines(summary.scores).size(), summary.stream.n);
}

}  // namespace
}  // namespace octet
