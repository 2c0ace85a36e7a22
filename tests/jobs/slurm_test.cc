// Scripts for Slurm, and how far a job is by its manifests.
#include "octet/jobs/slurm.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <array>
#include <filesystem>
#include <fstream>  // std::ofstream
#include <nlohmann/json.hpp>

#include "jobs/tiny_model.h"
#include "octet/graph/output_file.h"
#include "octet/jobs/program.h"
#include "octet/jobs/status.h"
#include "octet/jobs/store/manifest.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using testing::Not;

class Slurm : public testing::Test {
 protected:
  SlurmOptions options() const {
    SlurmOptions options;
    options.job_file = folder_.path() / "job.ini";
    options.output = folder_.path() / "out put 100%";
    options.folder = folder_.path();
    options.program = "/opt/it's/octet";
    options.shards = 6;
    options.cpus = 4;
    options.time = "1-0";
    options.partition = "long";
    return options;
  }
  const test::TemporaryFolder folder_;
};

TEST_F(Slurm, StagesAreScriptsThatBashReads) {
  SlurmOptions wanted = options();
  wanted.at_once = 2;
  wanted.evaluate = true;
  wanted.max_bad = "1%";
  const std::vector<SlurmStage> stages = slurm_stages(wanted).value();
  ASSERT_EQ(stages.size(), 4U);
  for (const SlurmStage& stage : stages) {
    const std::array<std::string, 2> check{"bash", "-n"};
    const ProgramResult parsed = run_program(check, stage.text).value();
    EXPECT_EQ(parsed.exit_code, 0) << parsed.messages;
    EXPECT_THAT(stage.text, HasSubstr("octet='/opt/it'\\''s/octet'\n"));
    EXPECT_THAT(stage.text, HasSubstr("#SBATCH --cpus-per-task=4\n"));
    EXPECT_THAT(stage.text, HasSubstr("#SBATCH --time=\"1-0\"\n"));
    EXPECT_THAT(stage.text, HasSubstr("#SBATCH --partition=\"long\"\n"));
    EXPECT_THAT(stage.text, HasSubstr("#SBATCH --requeue\n"));
    EXPECT_THAT(stage.text, HasSubstr("out put 100%%/slurm/" + stage.name));
    EXPECT_THAT(stage.text, Not(HasSubstr("--qos")));
  }
  EXPECT_EQ(stages[1].name, "score");
  EXPECT_THAT(stages[1].text, HasSubstr("#SBATCH --array=0-5%2\n"));
  EXPECT_THAT(stages[1].text, HasSubstr("--only score --shard auto/6 --streams 4\n"));
  EXPECT_THAT(stages[0].text, Not(HasSubstr("--array")));
  EXPECT_THAT(stages[2].text, HasSubstr("out put 100%' --max-bad '1%'\n"));
  EXPECT_THAT(stages[3].text, HasSubstr("--only evaluate"));
  EXPECT_EQ(slurm_stages(options())->size(), 3U);
  EXPECT_FALSE(fs::exists(wanted.output));
}

TEST_F(Slurm, RefusesWhatSbatchWouldMisread) {
  const auto refused = [&](auto change) {
    SlurmOptions wrong = options();
    change(wrong);
    const auto stages = slurm_stages(wrong);
    return !stages && stages.error().code == ErrorCode::usage;
  };
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.shards = 0; }));
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.shards = 10'001; }));
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.cpus = 0; }));
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.partition = "a\n#SBATCH --uid=0"; }));
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.time = "1\" --uid=0"; }));
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.output = "relative"; }));
  EXPECT_TRUE(refused([](SlurmOptions& wrong) { wrong.folder = "/a\nb"; }));
}

/// The script of calibration with `program` in octet's place and a scontrol that notes its arguments: its exit code.
class AttendedTask : public testing::Test {
 protected:
  int run(const std::string& program, const std::string& meanwhile = "true") {
    SlurmOptions options;
    options.output = options.folder = folder_.path();
    options.program = executable("octet", program);
    const fs::path scontrol = executable("scontrol", "echo \"$@\" >> " + (folder_.path() / "requeued").string());
    const std::string text = "PATH=" + folder_.path().string() + ":$PATH SLURM_JOB_ID=17\n(" + meanwhile + ") &\n" +
                             slurm_stages(options)->front().text;
    const std::array<std::string, 2> bash{"bash", "-s"};
    return run_program(bash, text)->exit_code;
  }
  std::string requeued() const { return test::read_text(folder_.path() / "requeued"); }

 private:
  fs::path executable(const std::string& name, const std::string& text) const {
    fs::path file = folder_.path() / name;
    std::ofstream(file) << "#!/bin/bash\n" << text << '\n';
    fs::permissions(file, fs::perms::owner_all);
    return file;
  }
  const test::TemporaryFolder folder_;
};

TEST_F(AttendedTask, ASuccessAndAFailureEndItAsTheyAre) {
  EXPECT_EQ(run("exit 0"), 0);
  EXPECT_EQ(run("exit 78"), 78);
  EXPECT_EQ(requeued(), "");
}

TEST_F(AttendedTask, WhatWasStoppedGoesBackIntoTheQueue) {
  EXPECT_EQ(run("exit 75"), 75);
  EXPECT_EQ(requeued(), "requeue 17\n");
}

TEST_F(AttendedTask, SignalsReachTheProgramAndItsExitCodeComesBack) {
  // Says that it is ready, gets the signal that the shell was sent, needs a moment to end.
  EXPECT_EQ(run("trap 'sleep 0.2; exit 75' USR1; touch \"$0.ready\"; for ((i = 0; i < 200; ++i)); do sleep 0.05; done",
                "until [ -e \"${PATH%%:*}/octet.ready\" ]; do sleep 0.02; done; kill -TERM $$; kill -TERM $$"),
            75);
  EXPECT_EQ(requeued(), "requeue 17\n");
}

TEST_F(AttendedTask, AProgramThatTheSignalKilledGoesBackToo) {
  EXPECT_EQ(run("touch \"$0.ready\"; exec sleep 20",
                "until [ -e \"${PATH%%:*}/octet.ready\" ]; do sleep 0.02; done; sleep 0.1; kill -USR1 $$"),
            75);
  EXPECT_EQ(requeued(), "requeue 17\n");
}

TEST(Status, AddsUpWhatShardsHaveDurablyDone) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(job_status(folder.path() / "absent").error().code, ErrorCode::not_found);
  JobStatus status = job_status(folder.path()).value();
  EXPECT_FALSE(status.calibrated);
  EXPECT_TRUE(status.shards.empty());

  Manifest manifest;
  manifest.format = "jsonl";
  manifest.entries = 100;
  SegmentInfo segment;
  segment.name = "segment-000000";
  segment.sha256 = std::string(64, 'a');
  segment.records = 40;
  segment.failed = 2;
  segment.errors["bad_image"] = 2;
  segment.seconds = 2;
  segment.committed = 1'700'000'000;
  for (const std::uint64_t index : {0U, 2U}) {
    manifest.shard = {index, 3};
    const fs::path output = shard_folder(folder.path(), manifest.shard);
    ASSERT_TRUE(make_folder(job_folder(output)));
    std::string text = manifest_line(manifest) + manifest_line(segment);
    if (index == 2) {
      segment.name = "segment-000001";
      segment.records = 60;
      text += manifest_line(segment) + manifest_line(ShardEnd{300, 4});
    }
    std::ofstream(manifest_file(output)) << text;
  }
  status = job_status(folder.path()).value();
  ASSERT_EQ(status.shards.size(), 3U);
  EXPECT_EQ(status.complete, 1U);
  EXPECT_EQ(status.records, 140U);
  EXPECT_EQ(status.failed, 6U);
  EXPECT_FALSE(status.entries);       // shard 1 has not begun: nobody knows
  EXPECT_FALSE(status.seconds_left);  // nor how long it will take
  EXPECT_TRUE(status.shards[0].begun && !status.shards[0].complete);
  EXPECT_FALSE(status.shards[1].begun);
  EXPECT_DOUBLE_EQ(status.shards[0].images_per_s, 20);
  EXPECT_EQ(status.shards[0].last_committed, 1'700'000'000);
  EXPECT_TRUE(status.scores.empty());
  const auto json = nlohmann::json::parse(to_json(status));
  EXPECT_EQ(json["by_shard"][2]["records"], 100);
  EXPECT_EQ(json["complete"], 1);

  ASSERT_TRUE(make_folder(folder.path() / "shard-00000-of-00007"));
  EXPECT_EQ(job_status(folder.path()).error().code, ErrorCode::invalid_config);
}

}  // namespace
}  // namespace octet
