// The manifest of a job, its folders, its lock.
#include "octet/jobs/store/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>   // getpid
#include <algorithm>  // std::count
#include <fstream>    // std::ofstream

#include "jobs/tiny_model.h"
#include "octet/jobs/store/lock.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

Manifest example_manifest() {
  Manifest manifest;
  manifest.identity.fields = {{"model", "net abc"}, {"top_k", "5"}};
  manifest.shard = {2, 8};
  manifest.format = "jsonl";
  manifest.entries = 100;
  SegmentInfo segment;
  segment.name = "segment-000000";
  segment.records = 40;
  segment.failed = 2;
  segment.errors = {{"bad_image", 1}, {"limit", 1}};
  segment.first_failed = {{3, "a\n\xff.jpg", {ErrorCode::bad_image, "w", "m"}, "x.rec", 4096},
                          {9, "b.jpg", {ErrorCode::limit, "", "large"}, "d/b.jpg", std::nullopt}};
  segment.bytes = 1234;
  segment.sha256 = "00ff";
  segment.next = {41, 5000, 42};
  segment.seconds = 2.5;
  segment.committed = 1'700'000'000;
  manifest.segments = {segment, segment};
  manifest.segments[1].errors.clear();
  manifest.segments[1].first_failed.clear();
  manifest.end = ShardEnd{100, 6.5};
  return manifest;
}

class ManifestFile : public testing::Test {
 protected:
  void SetUp() override { fs::create_directories(job_folder(folder_.path())); }
  std::string text_of(const Manifest& manifest) const {
    std::string text = manifest_line(manifest);
    for (const SegmentInfo& segment : manifest.segments) text += manifest_line(segment);
    return manifest.end ? text + manifest_line(*manifest.end) : text;
  }
  void write(const std::string& text) const { std::ofstream(manifest_file(folder_.path())) << text; }
  Result<std::optional<Manifest>> read() const { return read_manifest(folder_.path()); }
  const test::TemporaryFolder folder_;
};

TEST_F(ManifestFile, ReadsWhatWasWritten) {
  EXPECT_FALSE(read().value());
  const Manifest expected = example_manifest();
  write(text_of(expected));
  const Manifest manifest = *read().value();
  EXPECT_EQ(manifest.identity, expected.identity);
  EXPECT_EQ(manifest.shard, expected.shard);
  EXPECT_EQ(manifest.format, "jsonl");
  EXPECT_EQ(manifest.entries, 100U);
  EXPECT_EQ(manifest.records(), 80U);
  EXPECT_EQ(manifest.failed(), 4U);
  EXPECT_EQ(manifest.seconds(), 6.5);
  ASSERT_TRUE(manifest.end);
  EXPECT_EQ(manifest.end->source_entries, 100U);
  ASSERT_EQ(manifest.segments.size(), 2U);
  const SegmentInfo& segment = manifest.segments[0];
  EXPECT_EQ(segment.next, (SourcePosition{41, 5000, 42}));
  EXPECT_EQ(segment.errors, expected.segments[0].errors);
  ASSERT_EQ(segment.first_failed.size(), 2U);
  EXPECT_EQ(segment.first_failed[0].offset, 4096U);
  EXPECT_EQ(to_string(segment.first_failed[0].error), "w: m");
  EXPECT_EQ(segment.first_failed[1].error.code, ErrorCode::limit);
  EXPECT_FALSE(segment.first_failed[1].offset);
  EXPECT_EQ(text_of(manifest), text_of(expected));
}

TEST_F(ManifestFile, IsReadUpToALineThatIsCutOff) {
  const Manifest expected = example_manifest();
  const std::string text = text_of(expected);
  for (std::size_t size = 0; size < text.size(); ++size) {
    write(text.substr(0, size));
    const auto manifest = read();
    const auto lines = static_cast<std::size_t>(std::count(text.begin(), text.begin() + static_cast<long>(size), '\n'));
    ASSERT_EQ(manifest.has_value(), lines > 0);
    if (!manifest) continue;
    EXPECT_EQ((*manifest)->segments.size(), lines - 1);
    EXPECT_FALSE((*manifest)->end);
  }
}

TEST_F(ManifestFile, DamageIsAnErrorWithItsLine) {
  const std::string text = text_of(example_manifest());
  for (const std::string& line : {std::string("nonsense\n"), std::string("{\"segment\":\"s\",\"records\":\"many\"}\n"),
                                  std::string("[]\n"), std::string("{\"end\":7}\n")}) {
    write(manifest_line(example_manifest()) + line + text);
    const auto manifest = read();
    ASSERT_FALSE(manifest) << line;
    EXPECT_EQ(manifest.error().code, ErrorCode::bad_record);
    EXPECT_THAT(manifest.error().where, HasSubstr("manifest.jsonl:2"));
    EXPECT_THAT(manifest.error().message, testing::StartsWith("the manifest is damaged: "));
    EXPECT_THAT(manifest.error().message, testing::Not(HasSubstr("exception"))) << "a library's own words";
  }
  write("{\"octet_job\":99}\n");
  EXPECT_EQ(read().error().code, ErrorCode::unsupported);
}

TEST(JobIdentities, SayWhatDiffers) {
  const JobIdentity expected{{{"model", "a"}, {"top_k", "5"}, {"limit", "7"}}};
  EXPECT_EQ(differences(expected, expected), "");
  EXPECT_EQ(differences(expected, {{{"model", "a"}, {"top_k", "3"}, {"labels", "x"}}}),
            "top_k is '3', not '5'; limit is not given, not '7'; labels is 'x', which was not given");
}

TEST(JobFolders, ListTheirShards) {
  const test::TemporaryFolder folder;
  EXPECT_EQ(read_shards(folder.path()).error().code, ErrorCode::not_found);
  EXPECT_EQ(read_shards(folder.path() / "absent").error().code, ErrorCode::not_found);
  Manifest manifest = example_manifest();
  for (const std::uint64_t index : {10, 2, 0}) {
    manifest.shard = {index, 11};
    fs::create_directories(job_folder(shard_folder(folder.path(), manifest.shard)));
    if (index == 2) continue;  // not begun
    std::ofstream(manifest_file(shard_folder(folder.path(), manifest.shard))) << manifest_line(manifest);
  }
  fs::create_directories(folder.path() / "shard-x-of-3");
  fs::create_directories(folder.path() / "shard-3-of-3");
  const auto shards = read_shards(folder.path()).value();
  ASSERT_EQ(shards.size(), 3U);
  EXPECT_EQ(shards[0].shard, (Shard{0, 11}));
  EXPECT_EQ(shards[1].shard, (Shard{2, 11}));
  EXPECT_FALSE(shards[1].manifest);
  EXPECT_EQ(shards[2].manifest->shard.index, 10U);
  const auto one = read_shards(shards[2].output).value();
  ASSERT_EQ(one.size(), 1U);
  EXPECT_EQ(one[0].shard, (Shard{10, 11}));
}

TEST(Lock, IsHeldByOneAndNamesTheHolder) {
  const test::TemporaryFolder folder;
  const fs::path file = folder.path() / "lock";
  {
    const auto first = FileLock::acquire(file);
    ASSERT_TRUE(first) << to_string(first.error());
    const auto second = FileLock::acquire(file);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::cannot_write);
    EXPECT_THAT(second.error().message, HasSubstr("process " + std::to_string(::getpid())));
  }
  EXPECT_TRUE(FileLock::acquire(file));
  EXPECT_EQ(FileLock::acquire(folder.path() / "no" / "lock").error().code, ErrorCode::cannot_write);
}

}  // namespace
}  // namespace octet
