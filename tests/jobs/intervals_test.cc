// Intervals, the paired test and digits, against published and hand-worked values.
#include "octet/jobs/intervals.h"

#include <gtest/gtest.h>

namespace octet {
namespace {

void expect_near(const Interval95& interval, double low, double high, double slack) {
  EXPECT_NEAR(interval[0], low, slack);
  EXPECT_NEAR(interval[1], high, slack);
}

TEST(Wilson, AgreesWithPublishedValues) {
  // R. G. Newcombe, Statistics in Medicine 17 (1998), table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
  expect_near(wilson95(81, 263), 25.53, 36.62, 0.005);
  expect_near(wilson95(15, 148), 6.24, 16.05, 0.005);
  expect_near(wilson95(0, 20), 0, 16.11, 0.005);
  expect_near(wilson95(1, 29), 0.61, 17.18, 0.005);
  expect_near(wilson95(20, 20), 83.89, 100, 0.005);
  EXPECT_EQ(wilson95(0, 0), (Interval95{0, 100}));
}

TEST(PairedDifference, AgreesWithPublishedAndHandWorkedValues) {
  // M. W. Fagerland et al., Statistics in Medicine 33 (2014), airway data: 1 both, 1 only before, 7 only after, 12
  // neither; their interval of before less after is -0.507 to -0.026. excess = 1 * 12 - 1 * 7 = 5 < n / 2: phi = 0.
  expect_near(paired_difference95({1, 1, 7, 12}), 2.556, 50.692, 0.001);
  expect_near(paired_difference95({1, 7, 1, 12}), -50.692, -2.556, 0.001);
  // excess = 9308 * 670 - 12 * 10 less 5000 over the root of 9320 * 680 * 9318 * 682: phi = 0.98188.
  expect_near(paired_difference95({9308, 12, 10, 670}), -0.11988, 0.07944, 0.0001);
  // excess = -10 * 20 keeps its size: phi = -200 / sqrt(12 * 20 * 10 * 22).
  EXPECT_LT(paired_difference95({0, 12, 10, 10})[0], paired_difference95({5, 7, 5, 15})[0]);
  // Nobody is right or all are: the correlation does not exist, and the difference is 0 of 20.
  expect_near(paired_difference95({20, 0, 0, 0}), -16.1125, 16.1125, 0.001);
  expect_near(paired_difference95({0, 0, 0, 20}), -16.1125, 16.1125, 0.001);
  EXPECT_EQ(paired_difference95({}), (Interval95{-100, 100}));
}

TEST(McNemar, IsTwiceTheBinomialTail) {
  EXPECT_NEAR(mcnemar_exact(1, 7), 2 * (1 + 8) / 256.0, 1e-12);  // Fagerland's 0.0703
  EXPECT_NEAR(mcnemar_exact(12, 2), 2 * (1 + 14 + 91) / 16384.0, 1e-12);
  EXPECT_NEAR(mcnemar_exact(0, 6), 2 / 64.0, 1e-12);
  EXPECT_EQ(mcnemar_exact(5, 5), 1);
  EXPECT_EQ(mcnemar_exact(0, 0), 1);
  EXPECT_DOUBLE_EQ(mcnemar_exact(3, 9), mcnemar_exact(9, 3));
  // 2^-4000 is no double, its tail is: a normal variable beyond (1999.5 - 1900) / sqrt(1000) deviations.
  EXPECT_NEAR(mcnemar_exact(1900, 2100), 0.00165, 0.00002);
  EXPECT_EQ(mcnemar_exact(0, 100000), 0);
}

TEST(Digits, AreThoseThatOnePictureMoves) {
  for (const auto& [n, decimals] : {std::pair<std::uint64_t, int>{0, 0},
                                    {1, 0},
                                    {270, 0},
                                    {999, 0},
                                    {1000, 1},
                                    {9999, 1},
                                    {10'000, 2},
                                    {50'000, 2},
                                    {100'000, 3},
                                    {100'000'000, 4}}) {
    EXPECT_EQ(supported_decimals(n), decimals) << n;
  }
  EXPECT_EQ(supported_decimals({35.9, 44.0}, 128), 0);  // 40 +- 4
  EXPECT_EQ(supported_decimals({-1.0, 0.5}, 128), 1);   // +- 0.75
  EXPECT_EQ(supported_decimals({-0.09, 0.08}, 128), 2);
  EXPECT_EQ(supported_decimals({5, 5}, 128), 0);  // no width: what 128 pictures support
  EXPECT_EQ(supported_decimals({5, 5}, 10'000), 2);
}

TEST(Digits, AreRoundedOutwardsInIntervals) {
  EXPECT_EQ(rounded(93.184, 2), "93.18");
  EXPECT_EQ(rounded(-0.004, 2), "0.00");
  EXPECT_EQ(rounded(-0.4, 0), "0");
  EXPECT_EQ(rounded(-0.6, 0), "-1");
  EXPECT_EQ(rounded({92.678, 93.651}, 2), "92.67 - 93.66");
  EXPECT_EQ(rounded({-0.12, 0.08}, 1), "-0.2 to 0.1");
  EXPECT_EQ(rounded({98, 100}, 0), "98 - 100");
  EXPECT_EQ(rounded({-0.3, 0.2}, 0), "-1 to 1");
  EXPECT_EQ(significant(0.8318), "0.83");
  EXPECT_EQ(significant(0.000421), "0.00042");
  EXPECT_EQ(significant(1), "1.0");
  EXPECT_EQ(significant(0), "< 0.0001");
}

}  // namespace
}  // namespace octet
