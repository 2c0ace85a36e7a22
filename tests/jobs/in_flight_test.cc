// Which entries a later process suspects: of what a process left that ended while it decoded.
#include "octet/jobs/store/in_flight.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <fstream>
#include <functional>
#include <thread>

#include "jobs/tiny_model.h"

namespace octet {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;

class SuspectEntries : public testing::Test {
 protected:
  static Entry entry(std::uint64_t index) {
    Entry result;
    result.index = index;
    return result;
  }
  /// Opens what the process before left, decodes the entry and keeps the file as it is `during` that: what is left
  /// when the process is killed there. Returns what pass() says.
  Result<void> killed_in(std::uint64_t index, const std::function<void(InFlight&)>& during) {
    auto flight = InFlight::open(file_);
    EXPECT_TRUE(flight);
    const auto passed = (*flight)->pass(entry(index), [&]() -> Result<void> {
      during(**flight);
      fs::copy_file(file_, left_, fs::copy_options::overwrite_existing);
      return {};
    });
    flight->reset();
    if (passed) fs::rename(left_, file_);
    return passed;
  }
  static void beat(InFlight& flight, int times) {
    for (int i = 0; i < times; ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds(50));
      flight.beat();
    }
  }

  test::TemporaryFolder folder_;
  const fs::path file_ = folder_.path() / "in-flight", left_ = folder_.path() / "left";
};

TEST_F(SuspectEntries, OneThatTookLongTwiceIsRefused) {
  const auto long_time = [](InFlight& flight) { beat(flight, 24); };
  EXPECT_TRUE(killed_in(7, long_time));
  EXPECT_TRUE(killed_in(7, long_time));
  const auto refused = killed_in(7, [](InFlight&) { FAIL() << "decoded"; });
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::bad_image);
  EXPECT_THAT(refused.error().message, HasSubstr("more than once"));
  EXPECT_TRUE(killed_in(8, [](InFlight&) {})) << "others are decoded";
}

TEST_F(SuspectEntries, SecondsInWhichTheProcessStoodStillDoNotCount) {
  const auto stall = [](InFlight& flight) {
    flight.beat();
    std::this_thread::sleep_for(std::chrono::milliseconds(1300));
    flight.beat();
  };
  for (int kill = 0; kill < 3; ++kill) EXPECT_TRUE(killed_in(7, stall)) << kill;
}

TEST_F(SuspectEntries, BeatsThatCrowdCountOnce) {
  const auto crowd = [](InFlight& flight) {
    for (int i = 0; i < 1000; ++i) flight.beat();
  };
  for (int kill = 0; kill < 3; ++kill) EXPECT_TRUE(killed_in(7, crowd)) << kill;
}

TEST_F(SuspectEntries, FourQuickKillsInARowAreNoAccident) {
  const auto at_once = [](InFlight&) {};
  for (int kill = 0; kill < 4; ++kill) EXPECT_TRUE(killed_in(7, at_once)) << kill;
  EXPECT_FALSE(killed_in(7, at_once));
}

TEST_F(SuspectEntries, AnEntryThatPassedIsNoLongerSuspected) {
  const auto at_once = [](InFlight&) {};
  for (int kill = 0; kill < 3; ++kill) EXPECT_TRUE(killed_in(7, at_once));
  EXPECT_TRUE(killed_in(9, at_once));  // 7 was not in flight
  for (int kill = 0; kill < 4; ++kill) EXPECT_TRUE(killed_in(7, at_once)) << kill;
}

TEST_F(SuspectEntries, OneThatCrashedTwiceIsRefused) {
  const auto crash = [](InFlight&) { InFlight::mark_crash(); };
  EXPECT_TRUE(killed_in(7, crash));
  EXPECT_TRUE(killed_in(7, crash));
  EXPECT_FALSE(killed_in(7, crash));
}

TEST_F(SuspectEntries, ADamagedFileSuspectsNobody) {
  std::ofstream(file_) << "no page";
  EXPECT_TRUE(killed_in(7, [](InFlight&) {}));
}

}  // namespace
}  // namespace octet
