// The choice between ways that compute the same, with made-up times.
#include "octet/executor/tuner.h"

#include <gtest/gtest.h>

#include <thread>

namespace octet::test {
namespace {

/// Times ways until the choice is made; how often each was taken.
std::vector<int> tune(Tuner& tuner, const std::vector<double>& seconds) {
  std::vector<int> taken(seconds.size());
  for (int i = 0; i < 1000 && !tuner.settled(); ++i) {
    const std::size_t way = tuner.next();
    ++taken[way];
    tuner.took(way, seconds[way] * (1 + 0.1 * (i % 3)));  // disturbed two times in three
  }
  EXPECT_TRUE(tuner.settled());
  return taken;
}

TEST(Tuner, OneWayIsSettled) {
  Tuner tuner(1);
  EXPECT_TRUE(tuner.settled());
  EXPECT_EQ(tuner.next(), 0U);
}

TEST(Tuner, TheFirstWayCountsUntilAnotherOneIsFaster) {
  Tuner tuner(3);
  EXPECT_EQ(tuner.best(), 0U);
  tuner.took(1, 1);
  EXPECT_EQ(tuner.best(), 0U) << "the first one has not been timed";
  tuner.took(0, 2);
  EXPECT_EQ(tuner.best(), 1U);
  tuner.took(0, 0.9);
  EXPECT_EQ(tuner.best(), 0U);
  EXPECT_FALSE(tuner.settled());
}

TEST(Tuner, FindsTheFastest) {
  for (std::size_t fastest = 0; fastest < 4; ++fastest) {
    std::vector<double> seconds(4, 1.1);
    seconds[fastest] = 1;
    Tuner tuner(4);
    const std::vector<int> taken = tune(tuner, seconds);
    EXPECT_EQ(tuner.best(), fastest);
    for (const int times : taken) EXPECT_EQ(times, Tuner::kRounds);
    tuner.took((fastest + 1) % 4, 0.001);
    EXPECT_EQ(tuner.best(), fastest) << "settled for good";
    EXPECT_EQ(tuner.next(), fastest);
  }
}

TEST(Tuner, LittleGainChangesNothing) {
  Tuner tuner(2);
  tune(tuner, {1, 1 - Tuner::kGain / 2});
  EXPECT_EQ(tuner.best(), 0U);
}

TEST(Tuner, HopelessWaysAreLeftOut) {
  Tuner tuner(3);
  const std::vector<int> taken = tune(tuner, {9, 1, 5});
  EXPECT_EQ(tuner.best(), 1U);
  EXPECT_EQ(taken[1], Tuner::kRounds);
  EXPECT_LT(taken[0], Tuner::kRounds);
  EXPECT_LT(taken[2], Tuner::kRounds);
}

TEST(Tuner, ThreadsShareTheWork) {
  Tuner tuner(3);
  const auto work = [&] {
    while (!tuner.settled()) {
      const std::size_t way = tuner.next();
      tuner.took(way, way == 2 ? 1 : 1.1);
    }
  };
  std::thread other(work);
  work();
  other.join();
  EXPECT_EQ(tuner.best(), 2U);
}

}  // namespace
}  // namespace octet::test
