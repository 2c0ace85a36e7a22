// Jobs that are interrupted go on, and what is put together of shards is what one run gives.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <oneapi/tbb/task_arena.h>
#include <atomic>       // std::atomic
#include <fstream>      // std::ofstream
#include <map>          // std::map
#include <string_view>  // std::string_view

#include "jobs/tiny_model.h"
#include "octet/jobs/merge.h"
#include "octet/jobs/score.h"
#include "octet/jobs/store/shard_choice.h"
#include "support/file_faults.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

constexpr int resume_pictures = 60;

class ResumedJob : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    shared_ = new test::TemporaryFolder;
    test::write_pictures(shared_->path() / "pictures", resume_pictures, {5, 12, 13, 59});
    std::ofstream damage(shared_->path() / "pictures.rec", std::ios::in | std::ios::out | std::ios::binary);
    damage.seekp(8000);
    damage << "damaged, damaged" << std::flush;
    fs::create_directories(shared_->path() / "parts");
    for (const char* part : {"a.rec", "b.rec"}) {
      fs::copy_file(shared_->path() / "pictures.rec", shared_->path() / "parts" / part);
    }
    scorer_ = test::tiny_scorer();
  }
  static void TearDownTestSuite() {
    delete shared_;
    scorer_.reset();
  }

  static ScoreOptions options(const fs::path& output, const char* data = "pictures.rec") {
    ScoreOptions result;
    result.scorer = scorer_;
    result.stream.source.data = shared_->path() / data;
    result.stream.threads = 2;
    result.output = output;
    return result;
  }
  /// Stops the job behind `done` records of this call.
  static Result<ScoreSummary> score_some(ScoreOptions some, std::uint64_t done) {
    std::atomic<bool> stop{false};
    std::optional<std::uint64_t> first;
    some.stream.control.stop = &stop;
    some.stream.control.interval = std::chrono::milliseconds(0);
    some.stream.control.progress = [&](const Progress& progress) {
      if (!first) first = progress.done;
      stop = progress.done >= *first + done;
    };
    return score(some);
  }
  static std::string outputs(const fs::path& folder, const char* scores = "scores.jsonl") {
    return test::read_text(folder / scores) + "---\n" + test::read_text(folder / "quarantine.jsonl");
  }
  static std::string unbroken(const fs::path& folder, const char* data = "pictures.rec") {
    EXPECT_TRUE(score(options(folder, data)));
    return outputs(folder);
  }

  static test::TemporaryFolder* shared_;
  static std::shared_ptr<const Scorer> scorer_;
  const test::TemporaryFolder folder_;
};
test::TemporaryFolder* ResumedJob::shared_ = nullptr;
std::shared_ptr<const Scorer> ResumedJob::scorer_;

TEST_F(ResumedJob, GivesWhatAnUnbrokenOneGives) {
  for (const char* data : {"pictures", "list.lst", "pictures.rec", "parts"}) {
    const fs::path whole = folder_.path() / (std::string(data) + "-whole");
    const std::string expected = unbroken(whole, data);
    const fs::path output = folder_.path() / (std::string(data) + "-parts");
    int calls = 0;
    std::uint64_t resumed = 0;
    while (true) {
      const auto summary = score_some(options(output, data), 7);
      ASSERT_LT(++calls, 40);
      if (summary) {
        resumed = summary->resumed;
        EXPECT_EQ(summary->stream.n, score(options(whole, data))->stream.n);
        EXPECT_EQ(summary->stream.first_failed.size(), score(options(whole, data))->stream.first_failed.size());
        break;
      }
      ASSERT_EQ(summary.error().code, ErrorCode::cancelled) << to_string(summary.error());
      EXPECT_FALSE(fs::exists(output / "scores.jsonl"));
    }
    EXPECT_GT(calls, 3) << data;
    EXPECT_GT(resumed, 20U) << "little was lost";
    EXPECT_EQ(outputs(output), expected) << data;
  }
}

TEST_F(ResumedJob, AFinishedOneIsNotDoneAgain) {
  const std::string expected = unbroken(folder_.path());
  const auto before = fs::last_write_time(folder_.path() / "scores.jsonl");
  const auto again = score(options(folder_.path())).value();
  EXPECT_EQ(again.resumed, again.stream.n);
  EXPECT_GT(again.stream.n, 50U);
  EXPECT_EQ(before, fs::last_write_time(folder_.path() / "scores.jsonl"));
  fs::remove(folder_.path() / "scores.jsonl");
  EXPECT_EQ(unbroken(folder_.path()), expected) << "a file that is gone is made again";
  ScoreOptions strict = options(folder_.path());
  strict.stream.max_bad = 1;
  EXPECT_EQ(score(strict).error().code, ErrorCode::bad_image);
}

TEST_F(ResumedJob, AnotherJobIsRefusedWithWhatDiffers) {
  ASSERT_FALSE(score_some(options(folder_.path()), 10));
  ScoreOptions other = options(folder_.path());
  other.top_k = 3;
  const auto refused = score(other);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::invalid_config);
  EXPECT_THAT(refused.error().message, HasSubstr("top_k is '3', not '5'"));
  other = options(folder_.path());
  other.stream.source.shard = {1, 2};
  EXPECT_THAT(score(other).error().message, HasSubstr("shard is 1/2, not 0/1"));
  other = options(folder_.path(), "pictures");
  EXPECT_THAT(score(other).error().message, HasSubstr("data is 'pictures', not 'pictures.rec'"));
  other.resume = Resume::never;
  EXPECT_TRUE(score(other));
  ScoreOptions absent = options(folder_.path() / "absent");
  absent.resume = Resume::required;
  EXPECT_EQ(score(absent).error().code, ErrorCode::not_found);
}

TEST_F(ResumedJob, DamagedSegmentsAreScoredAgain) {
  const std::string expected = unbroken(folder_.path() / "whole");
  for (const bool gone : {true, false}) {
    const fs::path output = folder_.path() / (gone ? "gone" : "flipped");
    for (int i = 0; i < 3; ++i) ASSERT_FALSE(score_some(options(output), 8));
    const fs::path segment = job_folder(output) / "segment-000001";
    ASSERT_TRUE(fs::exists(segment));
    if (gone) {
      fs::remove(segment);
    } else {
      std::ofstream(segment, std::ios::in | std::ios::out | std::ios::binary).seekp(30) << "!";
    }
    std::ofstream(job_folder(output) / "segment-000009") << "of a process that was killed";
    const auto summary = score(options(output));
    ASSERT_TRUE(summary) << to_string(summary.error());
    EXPECT_LT(summary->resumed, 24U);
    EXPECT_EQ(outputs(output), expected);
  }
}

TEST_F(ResumedJob, SurvivesEveryFailureOfTheFileSystem) {
  const std::string expected = unbroken(folder_.path() / "whole");
  int failures = 0;
  for (const test::FileCall call : {test::FileCall::open, test::FileCall::write, test::FileCall::fsync,
                                    test::FileCall::close, test::FileCall::rename}) {
    for (const int error : {ENOSPC, EIO, 0}) {
      if (error == 0 && call != test::FileCall::write) continue;  // 0: a short write
      for (int at = 0;; ++at) {
        const fs::path output = folder_.path() / "out";
        fs::remove_all(output);
        bool reached = false;
        {
          test::FaultyFileOps faults(call, at, error);
          for (int part = 0; part < 2; ++part) {
            const auto some = score_some(options(output), part == 0 ? 9 : 1000);
            if (some) continue;
            const ErrorCode code = some.error().code;
            EXPECT_TRUE(code == ErrorCode::cancelled || code == ErrorCode::cannot_write || code == ErrorCode::io)
                << to_string(some.error());
            failures += code == ErrorCode::cancelled ? 0 : 1;
          }
          reached = faults.calls() > at;
        }
        EXPECT_TRUE(!fs::exists(output / "scores.jsonl") || outputs(output) == expected) << "a torn file";
        const auto done = score(options(output));
        ASSERT_TRUE(done) << to_string(done.error());
        EXPECT_EQ(outputs(output), expected);
        if (!reached) break;
        ASSERT_LT(at, 200);
      }
    }
  }
  EXPECT_GT(failures, 30);
}

TEST_F(ResumedJob, WorkersOpenNoSegment) {
  class WhoOpens final : public FileOps {
   public:
    WhoOpens() : before_(replace_file_ops(this)) {}
    ~WhoOpens() override { replace_file_ops(before_); }
    int open(const char* path, int flags) override {
      if (std::string_view(path).find("/segment-") != std::string_view::npos) {
        (tbb::this_task_arena::current_thread_index() < 0 ? elsewhere : on_workers) += 1;
      }
      return FileOps::open(path, flags);
    }
    std::atomic<int> on_workers{0}, elsewhere{0};

   private:
    FileOps* before_;
  };
  WhoOpens who;
  ScoreOptions often = options(folder_.path());
  often.checkpoint = std::chrono::milliseconds(1);
  ASSERT_TRUE(score(often));
  EXPECT_EQ(who.on_workers, 0);
  EXPECT_GT(who.elsewhere, 0);
}

TEST_F(ResumedJob, OneProcessAtATime) {
  const test::TemporaryFolder folder;
  ScoreOptions inner = options(folder.path());
  ScoreOptions outer = options(folder.path());
  std::string refusal;
  outer.stream.control.interval = std::chrono::milliseconds(0);
  outer.stream.control.progress = [&](const Progress&) {
    if (!refusal.empty()) return;
    const auto second = score(inner);
    refusal = second ? "none" : second.error().message;
  };
  ASSERT_TRUE(score(outer));
  EXPECT_THAT(refusal, HasSubstr("is in use by process"));
}

TEST_F(ResumedJob, TheBoundOfBadEntriesHoldsAcrossCalls) {
  ScoreOptions strict = options(folder_.path(), "pictures");
  strict.stream.on_error = OnError::fail;
  for (int i = 0; i < 2; ++i) {
    const auto failed = score(strict);
    ASSERT_FALSE(failed);
    EXPECT_THAT(to_string(failed.error()), HasSubstr("0005.jpg"));
    EXPECT_THAT(test::read_text(folder_.path() / "quarantine.jsonl"), HasSubstr("0005.jpg"));
  }
  strict.stream.on_error = OnError::skip;
  strict.stream.max_bad = 3;
  EXPECT_EQ(score(strict).error().code, ErrorCode::bad_image);
  EXPECT_FALSE(fs::exists(folder_.path() / "scores.jsonl"));
  strict.stream.max_bad = 4;
  const auto summary = score(strict);
  ASSERT_TRUE(summary) << to_string(summary.error());
  EXPECT_EQ(summary->stream.failed, 4U);
  EXPECT_EQ(summary->stream.n, 60U);
}

class MergedJob : public ResumedJob {
 protected:
  fs::path shards(const char* data, std::uint64_t count, OutputFormat format = OutputFormat::jsonl) const {
    const fs::path job = folder_.path() / "job";
    fs::remove_all(job);
    for (std::uint64_t index = 0; index < count; ++index) {
      ScoreOptions one = options(shard_folder(job, {index, count}), data);
      one.stream.source.shard = {index, count};
      one.format = format;
      one.keep_segments = true;
      const auto summary = score(one);
      EXPECT_TRUE(summary) << to_string(summary.error());
    }
    return job;
  }
  void expect_refusal(const std::vector<fs::path>& folders, const std::string& text) const {
    const auto merged = merge({.shards = folders, .output = folder_.path() / "merged"});
    ASSERT_FALSE(merged);
    EXPECT_EQ(merged.error().code, ErrorCode::invalid_config);
    EXPECT_THAT(to_string(merged.error()), HasSubstr(text));
    EXPECT_FALSE(fs::exists(folder_.path() / "merged" / "scores.jsonl"));
  }
};

TEST_F(MergedJob, IsTheUnbrokenOne) {
  for (const char* data : {"pictures", "list.lst", "pictures.rec"}) {
    const std::string expected = unbroken(folder_.path() / data, data);
    for (const std::uint64_t count : {1, 2, 7, 64}) {
      const fs::path job = shards(data, count);
      const auto merged = merge({.shards = {job}});
      ASSERT_TRUE(merged) << to_string(merged.error());
      EXPECT_EQ(outputs(job), expected) << data << ' ' << count;
      EXPECT_THAT(test::read_text(job / "report.json"), HasSubstr("\"shards\":[{\"index\":0"));
    }
  }
  ScoreOptions csv = options(folder_.path() / "csv");
  csv.format = OutputFormat::csv;
  ASSERT_TRUE(score(csv));
  const fs::path job = shards("pictures.rec", 3, OutputFormat::csv);
  ASSERT_TRUE(merge({.shards = {job}}));
  EXPECT_EQ(outputs(job, "scores.csv"), outputs(csv.output, "scores.csv"));
}

TEST_F(MergedJob, RefusesWhatIsIncomplete) {
  const fs::path job = shards("pictures", 3);
  const auto folder = [&job](std::uint64_t index) { return shard_folder(job, {index, 3}); };
  expect_refusal({folder(0), folder(2)}, "shard 1/3 is missing");
  expect_refusal({folder(0), folder(1)}, "shard 2/3 is missing");
  expect_refusal({folder(0), folder(1), folder(2), folder(1)}, "is there twice");
  const fs::path other = folder_.path() / "other";
  ScoreOptions foreign = options(other, "pictures");
  foreign.stream.source.shard = {1, 3};
  foreign.top_k = 2;
  ASSERT_TRUE(score(foreign));
  expect_refusal({folder(0), other, folder(2)}, "top_k is '2', not '5'");
  foreign.resume = Resume::never;
  foreign.top_k = 5;
  EXPECT_FALSE(score_some(foreign, 3));
  expect_refusal({folder(0), other, folder(2)}, "is unfinished");
  foreign.stream.source.shard = {1, 4};
  ASSERT_TRUE(score(foreign));
  expect_refusal({folder(0), other, folder(2)}, "of another job");
  fs::remove_all(job_folder(folder(1)));
  expect_refusal({job}, "has not begun");
  const auto whole = folder_.path() / "whole";
  ASSERT_TRUE(score(options(whole)));
  expect_refusal({whole}, "is a whole job");
  EXPECT_EQ(merge({.shards = {}}).error().code, ErrorCode::usage);
}

TEST_F(MergedJob, RefusesSegmentsThatChanged) {
  const fs::path job = shards("pictures", 2);
  std::ofstream(job_folder(shard_folder(job, {1, 2})) / "segment-000000", std::ios::in | std::ios::out).seekp(20)
      << '?';
  const auto merged = merge({.shards = {job}});
  ASSERT_FALSE(merged);
  EXPECT_EQ(merged.error().code, ErrorCode::io);
  EXPECT_FALSE(fs::exists(job / "scores.jsonl"));
}

TEST_F(MergedJob, HasItsOwnBoundOfBadEntries) {
  const fs::path job = shards("pictures", 2);
  const auto refused = merge({.shards = {job}, .max_bad = 3});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::bad_image);
  EXPECT_TRUE(merge({.shards = {job}, .max_bad_fraction = 0.5, .max_bad = 4}));
}

TEST(ShardChoices, ComeFromTheScheduler) {
  const auto choose = [](const std::string& text, const std::map<std::string, std::string>& set) {
    return parse_shard(text, [&set](const char* name) {
      const auto found = set.find(name);
      return found == set.end() ? nullptr : found->second.c_str();
    });
  };
  const auto expect = [&](const std::string& text, const std::map<std::string, std::string>& set, Shard shard,
                          bool automatic = true) {
    const auto choice = choose(text, set);
    ASSERT_TRUE(choice) << to_string(choice.error());
    EXPECT_EQ(choice->shard, shard);
    EXPECT_EQ(choice->automatic, automatic);
  };
  expect("2/7", {}, {2, 7}, false);
  const std::map<std::string, std::string> slurm = {{"SLURM_ARRAY_TASK_ID", "4"},
                                                    {"SLURM_ARRAY_TASK_MIN", "1"},
                                                    {"SLURM_ARRAY_TASK_MAX", "6"},
                                                    {"SLURM_ARRAY_TASK_COUNT", "6"}};
  expect("auto", slurm, {3, 6});
  expect("auto/6", slurm, {4, 6});
  expect("auto/5", {{"JOB_COMPLETION_INDEX", "4"}}, {4, 5});
  expect("auto", {{"AWS_BATCH_JOB_ARRAY_INDEX", "0"}, {"AWS_BATCH_JOB_ARRAY_SIZE", "3"}}, {0, 3});
  expect("auto/5", {{"PARALLEL_SEQ", "5"}}, {4, 5});
  for (const char* text : {"", "auto", "auto/0", "auto/x", "3/3", "1", "/3", "1/", "-1/3", "auto/3/4", "1/3x"}) {
    const auto choice = choose(text, {});
    ASSERT_FALSE(choice) << text;
    EXPECT_EQ(choice.error().code, ErrorCode::usage);
  }
  auto gaps = slurm;
  gaps["SLURM_ARRAY_TASK_COUNT"] = "5";
  EXPECT_FALSE(choose("auto", gaps));
  EXPECT_FALSE(choose("auto", {{"JOB_COMPLETION_INDEX", "4"}}));
  EXPECT_FALSE(choose("auto/4", {{"JOB_COMPLETION_INDEX", "4"}}));
  EXPECT_FALSE(choose("auto/4", {{"PARALLEL_SEQ", "0"}}));
}

}  // namespace
}  // namespace octet
