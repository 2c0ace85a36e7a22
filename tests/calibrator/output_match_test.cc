#include "octet/calibrator/output_match.h"

#include <gtest/gtest.h>

#include <cmath>

namespace octet {
namespace {

double normal_below(double x) { return 0.5 * std::erfc(-x / std::sqrt(2.0)); }

TEST(OutputMatch, EqualOutputsAgree) {
  const OutputRows rows{{3, 1, 0}, {0, 2, 1}};
  const OutputMatch match = match_outputs({rows, {0, 2}}, rows);
  EXPECT_DOUBLE_EQ(match.agreement, 100);
  EXPECT_EQ(match.judged, 2);
  EXPECT_EQ(match.agreeing, 2);
  EXPECT_EQ(match.sqnr, 200);
  ASSERT_TRUE(match.drop);
  EXPECT_DOUBLE_EQ(*match.drop, 0);
}

// Two classes: deviation |a - b| / 2, so the margin is 2 deviations; its error is e / (1 deviation).
TEST(OutputMatch, AgreementFollowsMarginAndNoise) {
  const FloatOutputs f32{{{1, -1}, {-1, 1}}, {}};
  const OutputMatch match = match_outputs(f32, {{0.5F, -1}, {-1, 1.5F}});
  EXPECT_NEAR(match.agreement, 100 * normal_below(2 / 0.5), 1e-6);
  EXPECT_EQ(match.agreeing, 2);
  EXPECT_FALSE(match.drop);
}

TEST(OutputMatch, NoiseOfComparedPicturesMeetsTheMarginsOfAll) {
  // The second picture is not compared; its deviation is 4, its margin 8: in deviations the same 2.
  const FloatOutputs f32{{{1, -1}, {4, -4}}, {1, 0}};
  const OutputMatch match = match_outputs(f32, {{0, -1}});
  const double stays = normal_below(2 / 1.0);
  EXPECT_NEAR(match.agreement, 100 * stays, 1e-6);
  EXPECT_EQ(match.judged, 1);
  ASSERT_TRUE(match.drop);  // one is wrong and may become right, the other right and may become wrong
  EXPECT_NEAR(*match.drop, 100 * 0.5 * ((1 - stays) - (1 - stays)), 1e-6);
}

TEST(OutputMatch, LostRightAnswersAreDrop) {
  const FloatOutputs f32{{{1, -1}, {1, -1}}, {0, 0}};
  const OutputMatch match = match_outputs(f32, {{-1, -1}, {1, -1}});
  ASSERT_TRUE(match.drop);  // the noise of either picture may meet the margin of either
  EXPECT_NEAR(*match.drop, 100 * (1 - normal_below(2.0 / 2.0)) / 2, 1e-6);
}

// Of three classes that are equal but for noise each wins once in three; margins taken as independent would say four.
TEST(OutputMatch, MarginsShareTheErrorOfTheBestClass) {
  const FloatOutputs f32{{{1, 1, 1, -3}}, {}};
  const OutputMatch match = match_outputs(f32, {{1.3F, 1, 1, -3}});
  EXPECT_NEAR(match.agreement, 100.0 / 3, 1e-6);
}

TEST(OutputMatch, SqnrIgnoresACommonShift) {
  const OutputRows f32{{1, -1}}, shifted{{6, 4}}, off{{1.1F, -1.1F}};
  EXPECT_EQ(output_sqnr(f32, shifted), 200);
  EXPECT_NEAR(output_sqnr(f32, off), 20, 1e-4);
}

}  // namespace
}  // namespace octet
