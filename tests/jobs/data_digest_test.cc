// Digests of data: what changes them, and when they are taken from memory.
#include "octet/jobs/stage/data_digest.h"

#include <gtest/gtest.h>
#include <filesystem>
#include <fstream>  // std::ofstream
#include <vector>

#include "jobs/tiny_model.h"

namespace octet {
namespace {

namespace fs = std::filesystem;

class Digests : public testing::Test {
 protected:
  void SetUp() override { test::write_pictures(folder_.path() / "pictures", 100, {3}); }
  SourceOptions source(const char* name) const {
    SourceOptions options;
    options.data = folder_.path() / name;
    return options;
  }
  std::string fresh(const SourceOptions& options) const { return DataDigests({}, control_).of(options).value(); }

  const test::TemporaryFolder folder_;
  const JobControl control_{};
};

TEST_F(Digests, TellContentsKeysAndLabelsApart) {
  const std::string folder = fresh(source("pictures"));
  EXPECT_EQ(folder.size(), 64U);
  EXPECT_NE(folder, fresh(source("list.lst")));
  EXPECT_EQ(folder, fresh(source("pictures")));
  const fs::path one = folder_.path() / "pictures" / "0099.jpg";
  fs::rename(one, folder_.path() / "pictures" / "0100.jpg");
  EXPECT_NE(folder, fresh(source("pictures")));
  fs::rename(folder_.path() / "pictures" / "0100.jpg", one);
  EXPECT_EQ(folder, fresh(source("pictures")));
  test::write_bytes(one, test::jpeg(20, 20, 7));
  EXPECT_NE(folder, fresh(source("pictures")));
  fs::remove(one);
  EXPECT_NE(folder, fresh(source("pictures")));

  const std::string list = fresh(source("list.lst"));
  std::string lines = test::read_text(folder_.path() / "list.lst");
  lines[lines.find('\t') + 1] = '9';  // the first label
  std::ofstream(folder_.path() / "list.lst") << lines;
  EXPECT_NE(list, fresh(source("list.lst")));
}

TEST_F(Digests, OfSeveralRecordFilesCoverAllOfThem) {
  fs::create_directories(folder_.path() / "parts");
  const fs::path a = folder_.path() / "parts" / "a.rec", b = folder_.path() / "parts" / "b.rec";
  fs::copy_file(folder_.path() / "pictures.rec", a);
  fs::copy_file(folder_.path() / "pictures.rec", b);
  const std::string both = fresh(source("parts"));
  EXPECT_EQ(both, fresh(source("parts/*.rec")));
  EXPECT_NE(both, fresh(source("parts/a*.rec")));
  EXPECT_NE(fresh(source("parts/a*.rec")), fresh(source("parts/b*.rec"))) << "keys hold the names";
  std::ofstream(b, std::ios::app) << "xxxx";
  EXPECT_NE(both, fresh(source("parts")));
}

TEST_F(Digests, CoverEveryPieceOfALargeFile) {
  const fs::path file = folder_.path() / "large.bin";
  std::vector<std::uint8_t> bytes((std::size_t{8} << 20) * 2 + 5);
  std::vector<std::string> seen;
  for (const std::size_t at : {std::size_t{0}, bytes.size() / 2, bytes.size() - 1, bytes.size() - 6}) {
    bytes[at] = 1;
    test::write_bytes(file, bytes);
    seen.push_back(DataDigests({}, control_).of_path(file).value());
    for (std::size_t i = 0; i + 1 < seen.size(); ++i) EXPECT_NE(seen[i], seen.back());
  }
  EXPECT_EQ(DataDigests({}, control_).of_path(folder_.path() / "no such file").value(), "absent");
}

TEST_F(Digests, AreRememberedOnlyWhileNothingChanged) {
  const fs::path memory = folder_.path() / "digests";
  const auto of = [&](std::chrono::nanoseconds settled) {
    DataDigests digests(memory, control_, settled);
    const std::string found = digests.of(source("pictures")).value();
    EXPECT_TRUE(digests.save());
    return found;
  };
  const std::string right = of(std::chrono::hours(1));
  EXPECT_EQ(test::read_text(memory), "");  // too young to be trusted
  EXPECT_EQ(of(std::chrono::nanoseconds(0)), right);
  std::string text = test::read_text(memory);
  ASSERT_EQ(text.substr(65), right + "\n");
  text.replace(65, 4, "beef");  // shows from now on whether the file is used
  std::ofstream(memory) << text;
  EXPECT_EQ(of(std::chrono::nanoseconds(0)).substr(0, 4), "beef");
  const fs::path one = folder_.path() / "pictures" / "0042.jpg";
  const auto written = fs::last_write_time(one);
  test::write_bytes(one, test::jpeg(20, 20, 7));
  fs::last_write_time(one, written);  // an old time hides nothing
  const std::string changed = of(std::chrono::nanoseconds(0));
  EXPECT_NE(changed, right);
  EXPECT_EQ(changed, fresh(source("pictures")));
  std::ofstream(memory) << "damaged\n";
  EXPECT_EQ(of(std::chrono::nanoseconds(0)), changed);
}

TEST_F(Digests, TellHowFarTheyAre) {
  JobControl control;
  std::vector<Progress> told;
  control.interval = std::chrono::milliseconds(0);
  control.progress = [&](const Progress& progress) { told.push_back(progress); };
  DataDigests digests(folder_.path() / "memory", control, std::chrono::nanoseconds(0));
  ASSERT_TRUE(digests.of(source("pictures")));
  ASSERT_EQ(told.size(), 101U);
  EXPECT_EQ(told[0].stage, "digest");
  EXPECT_EQ(told[100].done, 100U);
  EXPECT_EQ(told[100].total, 100U);
  EXPECT_TRUE(told[100].last);
  ASSERT_TRUE(digests.of(source("pictures")));
  EXPECT_EQ(told.size(), 101U) << "what is remembered is not read";
  std::ofstream(folder_.path() / "records.rec").seekp(20 * 1024 * 1024).put('x');
  ASSERT_TRUE(digests.of(source("records.rec")));
  EXPECT_STREQ(told.back().unit, "MiB");
  EXPECT_EQ(told.back().done, 21U);
  EXPECT_EQ(told.back().total, 21U);
  EXPECT_TRUE(told.back().last);
}

TEST_F(Digests, StopInTheMiddle) {
  std::atomic<bool> stop{false};
  JobControl control;
  std::uint64_t done = 0;
  control.stop = &stop;
  control.interval = std::chrono::milliseconds(0);
  control.progress = [&](const Progress& progress) {
    done = progress.done;
    stop = true;
  };
  EXPECT_EQ(DataDigests({}, control).of(source("pictures")).error().code, ErrorCode::cancelled);
  EXPECT_LT(done, 50U);
}

TEST_F(Digests, StopWhenTold) {
  const std::atomic<bool> stop{true};
  JobControl control;
  control.stop = &stop;
  for (const char* name : {"pictures", "list.lst", "pictures.rec"}) {
    EXPECT_EQ(DataDigests({}, control).of(source(name)).error().code, ErrorCode::cancelled) << name;
  }
}

}  // namespace
}  // namespace octet
