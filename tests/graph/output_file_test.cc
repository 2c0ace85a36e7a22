// Files that appear complete or not at all, with every system call failing once.
#include "octet/graph/output_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>
#include <algorithm>  // std::sort

#include "graph/temp_folder.h"
#include "octet/graph/file_io.h"
#include "support/file_faults.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using test::FaultyFileOps;
using test::FileCall;
using test::TempFolder;

std::string text_of(const fs::path& path) { return read_text_file(path, 1 << 24).value(); }

std::vector<std::string> names_in(const fs::path& folder) {
  std::vector<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder)) names.push_back(entry.path().filename().string());
  std::sort(names.begin(), names.end());
  return names;
}

TEST(OutputFile, AppearsOnCommitOnly) {
  const TempFolder folder;
  const fs::path path = folder / "out.txt";
  std::string expected;
  for (int i = 0; i < 200'000; ++i) expected += "line " + std::to_string(i) + '\n';  // more than the buffer
  {
    auto file = OutputFile::create(path).value();
    ASSERT_TRUE(file.write(expected));
    EXPECT_EQ(file.size(), expected.size());
    EXPECT_THAT(names_in(folder / ""), testing::ElementsAre(testing::EndsWith(".part")));
    ASSERT_TRUE(file.sync());
    EXPECT_FALSE(fs::exists(path));
    ASSERT_TRUE(file.write("end"));
    ASSERT_TRUE(file.commit());
    EXPECT_EQ(text_of(path), expected + "end");
    EXPECT_EQ(file.write("more").error().code, ErrorCode::usage);
    EXPECT_EQ(file.commit().error().code, ErrorCode::usage);
  }
  EXPECT_THAT(names_in(folder / ""), testing::ElementsAre("out.txt"));
}

TEST(OutputFile, IsRemovedWithoutCommitAndLeavesTheOldOne) {
  const TempFolder folder;
  const fs::path path = folder / "out.txt";
  ASSERT_TRUE(write_file(path, "old"));
  { ASSERT_TRUE(OutputFile::create(path).value().write("new")); }
  EXPECT_EQ(text_of(path), "old");
  EXPECT_EQ(names_in(folder / "").size(), 1U);
}

TEST(OutputFile, TwoWritersOfOneNameDoNotMix) {
  const TempFolder folder;
  auto first = OutputFile::create(folder / "out").value();
  auto second = OutputFile::create(folder / "out").value();
  ASSERT_TRUE(first.write("first") && second.write("second"));
  ASSERT_TRUE(second.commit());
  EXPECT_EQ(text_of(folder / "out"), "second");
  ASSERT_TRUE(first.commit());
  EXPECT_EQ(text_of(folder / "out"), "first");
  EXPECT_EQ(names_in(folder / "").size(), 1U);
}

TEST(OutputFile, MovesWithItsTemporaryFile) {
  const TempFolder folder;
  auto file = OutputFile::create(folder / "a").value();
  ASSERT_TRUE(file.write("a"));
  auto other = OutputFile::create(folder / "b").value();
  other = std::move(file);
  { const OutputFile gone = std::move(file); }
  ASSERT_TRUE(other.commit());
  EXPECT_EQ(text_of(folder / "a"), "a");
  EXPECT_EQ(names_in(folder / "").size(), 1U);
}

/// Writes 3 MiB; the error.
Result<void> write_big(const fs::path& path) {
  OCTET_TRY(OutputFile file, OutputFile::create(path));
  for (int i = 0; i < 3; ++i) OCTET_CHECK(file.write(std::string(1 << 20, 'x')));
  return file.commit();
}

TEST(OutputFile, EveryFailingCallIsAnErrorAndLeavesWhatWasThere) {
  for (const FileCall call : {FileCall::open, FileCall::write, FileCall::fsync, FileCall::close, FileCall::rename}) {
    for (int at = 0; at < (call == FileCall::write ? 3 : 1); ++at) {
      for (const auto& [number, code] : {std::pair(ENOSPC, ErrorCode::cannot_write), std::pair(EIO, ErrorCode::io)}) {
        SCOPED_TRACE(testing::Message() << static_cast<int>(call) << " call " << at << " errno " << number);
        const TempFolder folder;
        folder.write("out", "old");
        const FaultyFileOps faults(call, at, number);
        const auto written = write_big(folder / "out");
        ASSERT_FALSE(written);
        EXPECT_EQ(written.error().code, code);
        EXPECT_EQ(written.error().where, (folder / "out").string());
        EXPECT_EQ(text_of(folder / "out"), "old");
        EXPECT_EQ(names_in(folder / "").size(), 1U);
        EXPECT_TRUE(write_big(folder / "out")) << "only one call fails";
      }
    }
  }
}

TEST(OutputFile, AnInterruptedCallIsRepeatedAndASyncedFolderIsOptional) {
  const TempFolder folder;
  {
    const FaultyFileOps faults(FileCall::write, 1, EINTR);
    ASSERT_TRUE(write_big(folder / "out"));
    EXPECT_EQ(faults.calls(), 4);
  }
  EXPECT_EQ(fs::file_size(folder / "out"), std::uintmax_t{3} << 20);
  {
    const FaultyFileOps faults(FileCall::fsync, 1, EINVAL);  // the folder's
    EXPECT_TRUE(write_big(folder / "out"));
    EXPECT_EQ(faults.calls(), 2);
  }
  const FaultyFileOps faults(FileCall::fsync, 1, EIO);
  EXPECT_EQ(write_big(folder / "out").error().code, ErrorCode::io);
}

TEST(OutputFile, AnErrorComesBackOnEveryFurtherCall) {
  const TempFolder folder;
  const FaultyFileOps faults(FileCall::write, 0, ENOSPC);  // outlives the file
  auto file = OutputFile::create("/dev/full.none/x");
  EXPECT_FALSE(file);
  file = OutputFile::create(folder / "out");
  ASSERT_TRUE(file);
  const auto first = file->write(std::string(2 << 20, 'x'));
  ASSERT_FALSE(first);
  EXPECT_THAT(to_string(first.error()), testing::HasSubstr("No space left"));
  EXPECT_EQ(file->write("x").error().code, ErrorCode::cannot_write);
  EXPECT_EQ(file->sync().error().code, ErrorCode::cannot_write);
  EXPECT_EQ(file->commit().error().code, ErrorCode::cannot_write);
  EXPECT_EQ(faults.calls(), 1);
}

TEST(OutputFile, WhatIsInTheWayIsCannotWrite) {
  const TempFolder folder;
  ASSERT_TRUE(write_file(folder / "file", "x"));
  fs::create_directory(folder / "taken");
  for (const fs::path& path : {folder / "absent" / "out", folder / "file" / "out", folder / "taken", folder / "taken/",
                               folder / std::string(250, 'n'), fs::path()}) {
    const auto file = OutputFile::create(path);
    ASSERT_FALSE(file) << path;
    EXPECT_EQ(file.error().code, ErrorCode::cannot_write) << path;
  }
  const auto made = make_folder(folder / "file" / "folder");
  ASSERT_FALSE(made);
  EXPECT_EQ(made.error().code, ErrorCode::cannot_write);
  EXPECT_FALSE(make_folder(folder / "file"));
  EXPECT_TRUE(make_folder(folder / "a" / "b"));
  EXPECT_TRUE(make_folder(folder / "a" / "b"));
}

TEST(OutputFile, WithoutRightsIsCannotWrite) {
  if (geteuid() == 0) GTEST_SKIP() << "root may write everywhere";
  const TempFolder folder;
  fs::permissions(folder / "", fs::perms::owner_read | fs::perms::owner_exec);
  const auto file = OutputFile::create(folder / "out");
  fs::permissions(folder / "", fs::perms::owner_all);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().code, ErrorCode::cannot_write);
}

}  // namespace
}  // namespace octet
